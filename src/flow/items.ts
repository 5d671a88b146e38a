/**
 * The two transitions that several stages share: an item becomes ready, an item ends. Both only write to a draft.
 */
import { rankOf } from '#core/claim.ts';
import { awaitLock, FREE_LOCK, leaveLockQueue } from '#core/locks.ts';
import {
  type ItemRow,
  type Key,
  keys,
  type LockRow,
  type LockWaitRow,
  type OpenRow,
  type ReadyRow,
  type RunRow,
  type SpecRow,
} from '#core/rows.ts';
import { without } from '#core/sets.ts';
import { addTally, runStateOf, type TerminalState, tallyOf } from '#core/tally.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Draft } from '#flow/transaction.ts';

export interface ItemRef {
  run: string;
  item: string;
}

/**
 * pending (or waiting for a retry) -> ready, at the end of the ready list of its priority; in no list while its run is
 * paused or its time has not come. The caller names the run's row in its decision, so that no pause comes in between. False: nobody can claim it yet.
 */
export function makeReady(
  deps: FlowDeps,
  draft: Draft,
  ref: ItemRef,
  run: RunRow,
  spec: SpecRow,
  item: ItemRow,
): boolean {
  const { notBeforeMs: _past, shelved: _shelved, deciding: _weighed, ...rest } = item;
  const ready: ItemRow = { ...rest, state: 'ready', waitingOn: [] };
  if (run.pausedAtMs !== undefined) {
    draft.put(keys.item(ref.run, ref.item), { ...ready, shelved: true } satisfies ItemRow);
    return false;
  }
  const { notBeforeMs } = spec.item;
  if (notBeforeMs !== undefined && notBeforeMs > deps.clock.nowMs()) {
    draft.put(keys.item(ref.run, ref.item), { ...ready, notBeforeMs } satisfies ItemRow);
    draft.create(keys.timer(notBeforeMs, `retry/${ref.run}/${ref.item}`), {});
    return false;
  }
  const rank = rankOf(spec.item.priority, deps.clock.nowMs(), ref.run, ref.item);
  draft.put(keys.item(ref.run, ref.item), { ...ready, rank } satisfies ItemRow);
  draft.create(keys.ready(run.queue, rank), { run: ref.run, item: ref.item } satisfies ReadyRow);
  return true;
}

/** From the ready list to the wait lists of all its locks. The lock rows may already carry it as head. */
export async function parkItem(draft: Draft, ref: ItemRef, queue: string, spec: SpecRow, item: ItemRow): Promise<void> {
  const rank = item.rank ?? '';
  const locks = spec.item.locks;
  await draft.read([keys.ready(queue, rank), ...locks.map(({ name }) => keys.lock(name))]);
  draft.delete(keys.ready(queue, rank));
  for (const { name, mode } of locks) {
    const lock = (await draft.readOne<LockRow>(keys.lock(name))) ?? FREE_LOCK;
    draft.put(keys.lock(name), awaitLock(lock, rank));
    draft.create(keys.lockWait(name, rank), { ...ref, queue, mode } satisfies LockWaitRow);
  }
  draft.put(keys.item(ref.run, ref.item), { ...item, parked: true } satisfies ItemRow);
}

/** The rank of the waiter behind `rank` in the list of a lock, if there is one. */
export async function nextWaiter(deps: FlowDeps, lock: string, rank: string): Promise<string | undefined> {
  const waiters = await deps.store.query(`lock/${lock}`, { prefix: 'wait/', limit: 2 });
  const other = waiters.find((row) => row.sk !== `wait/${rank}`);
  return other?.sk.slice('wait/'.length);
}

/** Takes a ready item out of the lists it stands in. */
export async function unqueueItem(
  deps: FlowDeps,
  draft: Draft,
  queue: string,
  spec: SpecRow,
  item: ItemRow,
): Promise<void> {
  if (item.rank === undefined) return;
  if (!item.parked) {
    const key = keys.ready(queue, item.rank);
    await draft.read([key]);
    draft.delete(key);
    return;
  }
  for (const { name } of spec.item.locks) {
    const wait = keys.lockWait(name, item.rank);
    const [lock] = await draft.read<LockRow>([keys.lock(name), wait]);
    draft.delete(wait);
    const left = leaveLockQueue(lock ?? FREE_LOCK, item.rank, await nextWaiter(deps, name, item.rank));
    draft.put(keys.lock(name), left);
  }
}

export interface Ended {
  /** The run has no open item left; the caller emits its own event first and then calls `completeRun`. */
  completed: OpenRow | null;
}

/** Any open state -> terminal: out of the open set, its numbers up the tree, its dependents marked to be told. */
export async function closeItem(
  draft: Draft,
  ref: ItemRef,
  spec: SpecRow,
  item: ItemRow,
  state: TerminalState,
): Promise<Ended> {
  const { rank, parked, shelved, notBeforeMs, reopening, deciding, ...rest } = item;
  const closed: ItemRow = { ...rest, state, waitingOn: [] };
  draft.put(keys.item(ref.run, ref.item), closed);
  const completed = await leaveOpenSet(draft, ref, spec, closed, state);
  if (!completed && spec.dependents.length > 0) draft.create(keys.wake(ref.run, ref.item), {});
  return { completed };
}

async function leaveOpenSet(
  draft: Draft,
  ref: ItemRef,
  spec: SpecRow,
  item: ItemRow,
  state: TerminalState,
): Promise<OpenRow | null> {
  const key = keys.open(ref.run, spec.openChunk);
  const open = required(await draft.readOne<OpenRow>(key), key);
  const left: OpenRow = {
    ids: without(open.ids, ref.item),
    tally: addTally(open.tally, tallyOf(item, state, isLettingPass(spec))),
  };
  draft.put(key, left);
  if (left.ids.length > 0) return null;
  const rootKey = keys.openRoot(ref.run);
  const root = required(await draft.readOne<OpenRow>(rootKey), rootKey);
  const rest: OpenRow = { ids: without(root.ids, String(spec.openChunk)), tally: addTally(root.tally, left.tally) };
  draft.put(rootKey, rest);
  return rest.ids.length === 0 ? rest : null;
}

export function isLettingPass({ item }: SpecRow): boolean {
  return item.onError === 'continue';
}

/** The last event of a run. Exactly once: only the transaction that empties the root of the open set comes here. */
export async function completeRun(draft: Draft, run: string, root: OpenRow): Promise<void> {
  const row = await readRun(draft, run);
  const state = runStateOf(root.tally, row.stopping);
  draft.atLeastMs(row.openedAtMs);
  draft.put(keys.run(run), { ...row, state, completedAtMs: draft.atMs } satisfies RunRow);
  draft.emit(run, { type: 'run.completed', data: { state, counts: root.tally } });
}

/** A row that an invariant promises. Its absence is a defect or a damaged store, never an ordinary answer. */
export function required<Body>(body: Body | null | undefined, key: Key): Body {
  if (body === null || body === undefined) throw new RangeError(`row ${key.pk} ${key.sk} is missing`);
  return body;
}

export async function readRun(draft: Draft, run: string): Promise<RunRow> {
  return required(await draft.readOne<RunRow>(keys.run(run)), keys.run(run));
}

export async function readItem(draft: Draft, ref: ItemRef): Promise<[SpecRow, ItemRow]> {
  const specKey = keys.spec(ref.run, ref.item);
  const itemKey = keys.item(ref.run, ref.item);
  const [spec, item] = await draft.read([specKey, itemKey]);
  return [required(spec as SpecRow | null, specKey), required(item as ItemRow | null, itemKey)];
}
