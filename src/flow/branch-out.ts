/**
 * Branch out: an item that waits for nothing any more becomes as many as there are outputs, all at once as far as the record and
 * the open set go: from then on the run cannot end without them. Their rows are written behind that, and a todo row stands until they are.
 */
import { ALL_DONE, branchId, NO_OUTPUTS, outputsUnder, TOO_MANY_OUTPUTS } from '@waybill/verify';
import { awaitedBy, branchDigests } from '#core/growth.ts';
import { type ItemRow, keys, type RunRow, type SetRow, type SpecRow, type TodoSpawnRow } from '#core/rows.ts';
import { chunkedSet } from '#core/sets.ts';
import type { TerminalState } from '#core/tally.ts';
import { leftBy } from '#core/upstream.ts';
import { closeItem, completeRun, type Ended, type ItemRef, required } from '#flow/items.ts';
import { openMore } from '#flow/open-set.ts';
import type { Draft } from '#flow/transaction.ts';

/** Null: it has become many, and these are still to be written. The caller names the run's row in its decision. */
export async function branchOut(
  draft: Draft,
  ref: ItemRef,
  run: RunRow,
  spec: SpecRow,
  item: ItemRow,
): Promise<Ended | null> {
  const { forEach } = spec.item;
  if (forEach === undefined) throw new RangeError(`item ${ref.item} stays one`);
  if (spec.branches !== undefined) return end(draft, ref, spec, item, 'done', ALL_DONE);
  const paths = await pathsOf(draft, ref.run, spec);
  if (paths.length === 0) return end(draft, ref, spec, item, 'done', NO_OUTPUTS);
  const { max } = forEach;
  const many: ItemRow = { ...item, exceeded: { outputs: paths.length, max } };
  if (paths.length > max) return end(draft, ref, spec, many, 'failed', TOO_MANY_OUTPUTS);
  const items = branchDigests(spec, paths).map((digest, place) => ({ id: branchId(ref.item, place), spec: digest }));
  const grown: SpecRow = { ...spec, branches: items.length };
  draft.put(keys.spec(ref.run, ref.item), grown);
  const waiting = chunkedSet(awaitedBy(grown));
  await draft.read(waiting.rows.map((_ids, n) => keys.wait(ref.run, ref.item, n)));
  waiting.rows.forEach((ids, n) => {
    draft.put(keys.wait(ref.run, ref.item, n), { ids } satisfies SetRow);
  });
  const { deciding: _weighed, ...rest } = item;
  draft.put(keys.item(ref.run, ref.item), { ...rest, waitingOn: waiting.root } satisfies ItemRow);
  const ids = items.map(({ id }) => id);
  const openPlace = await openMore(draft, ref.run, ids);
  draft.create(keys.todoSpawn(ref.run, ref.item), { openPlace } satisfies TodoSpawnRow);
  draft.put(keys.run(ref.run), { ...run, items: run.items + ids.length } satisfies RunRow);
  draft.emit(ref.run, { type: 'items.spawned', data: { item: ref.item, items } });
  return null;
}

/** The outputs that the item is done for; what is done never changes. */
export async function pathsOf(draft: Draft, run: string, { item: { forEach } }: SpecRow): Promise<string[]> {
  if (forEach === undefined) return [];
  const key = keys.item(run, forEach.from);
  return outputsUnder(forEach, leftBy(required(await draft.readOne<ItemRow>(key), key))?.outputs ?? []);
}

async function end(
  draft: Draft,
  ref: ItemRef,
  spec: SpecRow,
  item: ItemRow,
  state: Extract<TerminalState, 'done' | 'failed'>,
  reason: string,
): Promise<Ended> {
  const ended = await closeItem(draft, ref, spec, state === 'done' ? item : { ...item, reason }, state);
  draft.emit(ref.run, { type: 'item.closed', data: { items: [{ id: ref.item, state, reason }] } });
  if (ended.completed) await completeRun(draft, ref.run, ended.completed);
  return ended;
}
