/**
 * Extend: items that were added to a run are written, and begin like those of its plan. They count, and keep the run open, from the
 * moment at which they were accepted. Interrupted, it is called again and finds what is left: nothing of it harms when it is done twice.
 */
import type { PlanItem } from '@waybill/client/plan';
import { canonicalize, type Digest, digestOf } from '@waybill/verify';
import { deadlineRows, itemRows, type NewRow } from '#core/admission.ts';
import { MAX_SET_IDS } from '#core/names.ts';
import { type ItemRow, keys, type RunRow, type SetRow, type SpecRow, type TodoExtendRow } from '#core/rows.ts';
import { chunk } from '#core/sets.ts';
import { isTerminal } from '#core/tally.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { readItem, readRun, required } from '#flow/items.ts';
import { beginBatch, tellAgain, weighRoots } from '#flow/readiness.ts';
import { reviewersIn } from '#flow/reviewers.ts';
import { batchesOf, putMissing } from '#flow/row-batches.ts';
import { spawnAll } from '#flow/spawn.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';

/** What it is, where it stands, and rows of dependents that 500 more may fill. */
const LINKED_PER_DECISION = 8;
const BEGUN_PER_DECISION = 24;
/** Rows of dependents that one extension can have begun. */
const FAN_ROWS = 6;

interface Extension {
  run: string;
  by: string;
  todo: TodoExtendRow;
  items: PlanItem[];
}

/** Writes whatever items of the run have become, and whatever was added to it. */
export async function growAll(deps: FlowDeps, run: string): Promise<void> {
  await spawnAll(deps, run);
  const extending = (await peek<RunRow>(deps, keys.run(run)))?.growth?.extending;
  if (extending !== undefined) await extend(deps, run, extending);
}

/** @param by the id of the control that added them */
export async function extend(deps: FlowDeps, run: string, by: string): Promise<void> {
  const todo = await peek<TodoExtendRow>(deps, keys.todoExtend(run, by));
  if (todo === null) return;
  const extension = { run, by, todo, items: await readPlanned(deps, todo.planned) };
  for (const batch of batchesOf(await rowsOf(deps, extension)))
    await decide(deps, async (draft) => {
      // Only while it is under way, so that nothing is written again that has gone its way since.
      if (await isStill(draft, extension)) await putMissing(draft, batch);
    });
  await link(deps, extension);
  await beginAll(deps, extension);
  await decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    if (!(await isStill(draft, extension)) || row.growth === undefined) return;
    const { extending: _done, ...growth } = row.growth;
    draft.delete(keys.todoExtend(run, by));
    draft.put(keys.run(run), { ...row, growth } satisfies RunRow);
  });
}

async function readPlanned({ artifacts }: FlowDeps, planned: Digest): Promise<PlanItem[]> {
  const chunks: Uint8Array[] = [];
  for await (const bytes of await artifacts.open(planned)) chunks.push(bytes);
  return JSON.parse(Buffer.concat(chunks).toString()) as PlanItem[];
}

/** Somebody else may have done all of it. */
async function isStill(draft: Draft, { run, by }: Extension): Promise<boolean> {
  const key = keys.todoExtend(run, by);
  if ((await draft.readOne(key)) === null) return false;
  draft.check(key);
  return true;
}

async function rowsOf(deps: FlowDeps, { run, todo, items }: Extension): Promise<NewRow[]> {
  const { openedAtMs, principal } = required(await peek<RunRow>(deps, keys.run(run)), keys.run(run));
  const itemDigests = items.map((item) => digestOf(canonicalize(item)));
  const from = { place: todo.place, openPlace: todo.openPlace, addedBy: { control: todo.control } };
  const rows = itemRows(run, { items, itemDigests }, from, reviewersIn(deps, principal));
  return [...rows, ...deadlineRows(run, { items }, openedAtMs)];
}

/** Tells the items that were there who waits for them now; then those that wait, of what has ended before. */
async function link(deps: FlowDeps, extension: Extension): Promise<void> {
  const { run, items } = extension;
  const own = new Set(items.map(({ id }) => id));
  const waiting = new Map<string, string[]>();
  for (const { id, deps: awaited } of items)
    for (const dep of awaited) if (!own.has(dep)) waiting.set(dep, [...(waiting.get(dep) ?? []), id]);
  for (const batch of chunk([...waiting], LINKED_PER_DECISION)) {
    await decide(deps, async (draft) => {
      if (!(await isStill(draft, extension))) return;
      for (const [item, ids] of batch) await addDependents(draft, { run, item }, ids);
    });
  }
  for (const [item, ids] of waiting) {
    const row = await peek<ItemRow>(deps, keys.item(run, item));
    if (row !== null && isTerminal(row.state)) await tellAgain(deps, { run, item }, ids);
  }
}

/**
 * The item's row is written, so that its end stands behind this and tells them, or is seen by whoever comes after this. What the
 * item is has no room for ids: they stand in rows of their own.
 */
async function addDependents(draft: Draft, ref: { run: string; item: string }, ids: readonly string[]): Promise<void> {
  const [spec, item] = await readItem(draft, ref);
  const { moreDependents } = spec;
  const fanKeys = Array.from({ length: Math.min(FAN_ROWS, moreDependents) }, (_, n) =>
    keys.fan(ref.run, ref.item, moreDependents - Math.min(FAN_ROWS, moreDependents) + n),
  );
  const fans = (await draft.read<SetRow>(fanKeys)).map(
    (row, n) => required(row, fanKeys[n] as (typeof fanKeys)[0]).ids,
  );
  const known = new Set([...spec.dependents, ...fans.flat()]);
  const missing = ids.filter((id) => !known.has(id));
  if (missing.length === 0) return;
  const last = fans.at(-1) ?? [];
  const fills = fans.length === 0 ? [] : missing.slice(0, MAX_SET_IDS - last.length);
  const lastKey = fanKeys.at(-1);
  if (lastKey && fills.length > 0) draft.put(lastKey, { ids: [...last, ...fills] } satisfies SetRow);
  const more = chunk(missing.slice(fills.length), MAX_SET_IDS);
  more.forEach((some, n) => {
    draft.create(keys.fan(ref.run, ref.item, moreDependents + n), { ids: some } satisfies SetRow);
  });
  const grown: SpecRow = { ...spec, moreDependents: moreDependents + more.length };
  draft.put(keys.spec(ref.run, ref.item), grown);
  draft.put(keys.item(ref.run, ref.item), { ...item } satisfies ItemRow);
}

async function beginAll(deps: FlowDeps, extension: Extension): Promise<void> {
  const { run, items } = extension;
  const roots = items.filter(({ deps: awaited }) => awaited.length === 0).map(({ id }) => ({ run, item: id }));
  for (const batch of chunk(roots, BEGUN_PER_DECISION)) {
    const begun = await decide(deps, async (draft) => {
      const row = await readRun(draft, run);
      if (row.stopping || !(await isStill(draft, extension))) return null;
      draft.check(keys.run(run));
      return beginBatch(deps, draft, row, batch);
    });
    if (begun?.isQueued) deps.hints.queueChanged(begun.queue);
    await weighRoots(deps, begun?.deferred ?? []);
  }
}
