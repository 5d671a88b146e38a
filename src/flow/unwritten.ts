/**
 * Items that came into a run which is being ended, and that nothing can write: they are announced and count, so each ends by name,
 * without what it is. What was to write them is given up with the last of them, so that nobody comes behind that.
 */
import { branchIds } from '@waybill/verify';
import { freshItem } from '#core/admission.ts';
import {
  type ItemRow,
  type Key,
  keys,
  type OpenRow,
  type RunRow,
  type SpecRow,
  type TodoExtendRow,
} from '#core/rows.ts';
import { chunk } from '#core/sets.ts';
import { isTerminal, stoppedAs } from '#core/tally.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { closeItem, completeRun, readRun } from '#flow/items.ts';
import { openItems } from '#flow/open-set.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';

/** At most the row of each, one of the open set for each, and an event. */
const ENDED_PER_DECISION = 24;
const PAGE = 100;

/** Who was to write them, and the row that says so. */
interface Growing {
  todo: Key;
  addedBy: NonNullable<ItemRow['addedBy']>;
  place: number;
  /** By number of the row of the open set that each is in. */
  ids: [id: string, openChunk: number][];
  /** Of one of these, which its plan says and no row does. */
  isLettingPass(id: string): boolean;
}

/** Ends whatever of the run is not written. Interrupted, it is called again and finds what is left. */
export async function endUnwritten(deps: FlowDeps, run: string): Promise<void> {
  const missing = await missingOf(deps, run);
  for (const growing of await growingOf(deps, run, missing)) {
    const batches = chunk(growing.ids, ENDED_PER_DECISION);
    // One whose items are all written, and of which only that was not noted, is given up like the others.
    if (batches.length === 0) batches.push([]);
    for (const [n, batch] of batches.entries()) {
      const isLast = n === batches.length - 1;
      const isCompleted = await decide(deps, (draft) => endBatch(draft, run, growing, batch, isLast));
      if (isCompleted) deps.hints.runCompleted(run);
    }
  }
}

/** Of the open set, what has no row of what it is or of where it stands. */
async function missingOf(deps: FlowDeps, run: string): Promise<Map<string, number>> {
  const missing = new Map<string, number>();
  for await (const { n, ids } of openItems(deps, run)) {
    const rows = await deps.store.get(ids.flatMap((id) => [keys.spec(run, id), keys.item(run, id)]));
    for (const [k, id] of ids.entries()) if (!rows[2 * k] || !rows[2 * k + 1]) missing.set(id, n);
  }
  return missing;
}

/** Those that items became are called after these; all others were added. */
async function growingOf(deps: FlowDeps, run: string, missing: Map<string, number>): Promise<Growing[]> {
  const take = (ids: Iterable<string>): Growing['ids'] =>
    [...ids].flatMap((id): Growing['ids'] => {
      const openChunk = missing.get(id);
      return openChunk !== undefined && missing.delete(id) ? [[id, openChunk]] : [];
    });
  const found: Growing[] = [];
  const prefix = keys.todoSpawn(run, '').sk;
  for (const { sk } of await deps.store.query('todo', { prefix, limit: PAGE })) {
    const item = sk.slice(prefix.length);
    const spec = await peek<SpecRow>(deps, keys.spec(run, item));
    const place = (await peek<ItemRow>(deps, keys.item(run, item)))?.place ?? 0;
    const ids = take(branchIds(item, spec?.branches ?? 0));
    const isLettingPass = (): boolean => spec?.item.onError === 'continue';
    found.push({ todo: keys.todoSpawn(run, item), addedBy: { item }, place, ids, isLettingPass });
  }
  const by = (await peek<RunRow>(deps, keys.run(run)))?.growth?.extending;
  const todo = by === undefined ? null : await peek<TodoExtendRow>(deps, keys.todoExtend(run, by));
  if (by !== undefined && todo !== null) {
    const { control, place, lettingPass = [] } = todo;
    const ids = take([...missing.keys()]);
    const isLettingPass = (id: string): boolean => lettingPass.includes(id);
    found.push({ todo: keys.todoExtend(run, by), addedBy: { control }, place, ids, isLettingPass });
  }
  return found;
}

/** Resolves with whether the run is completed by that. */
async function endBatch(
  draft: Draft,
  run: string,
  { todo, addedBy, place, isLettingPass }: Growing,
  batch: Growing['ids'],
  isLast: boolean,
): Promise<boolean> {
  const row = await readRun(draft, run);
  const reason = row.stopping;
  if (reason === undefined || (await draft.readOne(todo)) === null) return false;
  const state = stoppedAs(reason);
  const keysOf = batch.map(([id]) => keys.item(run, id));
  const present = await draft.read<ItemRow>(keysOf);
  let completed: OpenRow | null = null;
  const ended: string[] = [];
  for (const [n, [id, openChunk]] of batch.entries()) {
    const item = present[n] ?? freshItem(place, addedBy);
    if (isTerminal(item.state)) continue;
    const plan = isLettingPass(id) ? { onError: 'continue' as const } : {};
    const known = { item: plan, openChunk, dependents: [], moreDependents: 0 };
    completed = (await closeItem(draft, { run, item: id }, known, { ...item, reason }, state)).completed;
    ended.push(id);
  }
  if (isLast) draft.delete(todo);
  else draft.check(todo);
  const { extending, ...growth } = row.growth ?? {};
  const isOver = isLast && extending !== undefined && 'control' in addedBy;
  draft.put(keys.run(run), (isOver ? { ...row, growth } : { ...row }) as RunRow);
  const items = ended.map((id) => ({ id, state, reason }));
  if (items.length > 0) draft.emit(run, { type: 'item.closed', data: { items } });
  if (completed) await completeRun(draft, run, completed);
  return completed !== null;
}
