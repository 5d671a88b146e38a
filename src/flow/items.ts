/**
 * The two transitions that several stages share: an item becomes ready, an item ends. Both only write to a draft.
 */
import type { PlanItem } from '@waybill/client/plan';
import { rankOf } from '#core/claim.ts';
import { awaitLock, FREE_LOCK, leaveLockQueue } from '#core/locks.ts';
import { moneyKeys } from '#core/money-rows.ts';
import type { LockRow, LockWaitRow, ReadyRow } from '#core/queue-rows.ts';
import { type ItemRow, type Key, keys, type OpenRow, type RunRow, type SpecRow } from '#core/rows.ts';
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
  const { notBeforeMs: _past, short: _short, shelved: _shelved, deciding: _weighed, ...rest } = item;
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

/** From the list where it waits to the wait lists of all its locks. The lock rows may already carry it as head. */
export async function parkItem(
  deps: FlowDeps,
  draft: Draft,
  at: ItemRef & { queue: string },
  spec: SpecRow,
  item: ItemRow,
): Promise<void> {
  const { queue, ...ref } = { run: at.run, item: at.item, queue: at.queue };
  const rank = item.rank ?? '';
  const locks = spec.item.locks;
  await draft.read(locks.map(({ name }) => keys.lock(name)));
  await unqueueItem(deps, draft, at, spec, item);
  for (const { name, mode } of locks) {
    const lock = (await draft.readOne<LockRow>(keys.lock(name))) ?? FREE_LOCK;
    draft.put(keys.lock(name), awaitLock(lock, rank));
    draft.create(keys.lockWait(name, rank), { ...ref, queue, mode } satisfies LockWaitRow);
  }
  const { short: _short, ...rest } = item;
  draft.put(keys.item(ref.run, ref.item), { ...rest, parked: true } satisfies ItemRow);
}

/** The rank of the waiter behind `rank` in the list of a lock, if there is one. */
export async function nextWaiter(deps: FlowDeps, lock: string, rank: string): Promise<string | undefined> {
  const waiters = await deps.store.query(`lock/${lock}`, { prefix: 'wait/', limit: 2 });
  const other = waiters.find((row) => row.sk !== `wait/${rank}`);
  return other?.sk.slice('wait/'.length);
}

/** Takes a ready item out of the lists it stands in: of its queue, of its locks, or of those that wait for money. */
export async function unqueueItem(
  deps: FlowDeps,
  draft: Draft,
  { run, queue }: { run: string; queue: string },
  spec: SpecRow,
  item: ItemRow,
): Promise<void> {
  if (item.rank === undefined) return;
  if (!item.parked) {
    const key = item.short ? moneyKeys.short(run, item.rank) : keys.ready(queue, item.rank);
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

/** What has to be known of an item that ends. */
type Ending = Pick<SpecRow, 'openChunk' | 'dependents' | 'moreDependents'> & { item: Pick<PlanItem, 'onError'> };

/** Any open state -> terminal: out of the open set, its numbers up the tree, its dependents marked to be told. */
export async function closeItem(
  draft: Draft,
  ref: ItemRef,
  spec: Ending,
  item: ItemRow,
  state: TerminalState,
): Promise<Ended> {
  const { rank, parked, short, shelved, notBeforeMs, reopening, deciding, asking, ...rest } = item;
  const closed: ItemRow = { ...rest, state, waitingOn: [] };
  draft.put(keys.item(ref.run, ref.item), closed);
  const completed = await leaveOpenSet(draft, ref, spec, closed, state);
  const isAwaited = spec.dependents.length + spec.moreDependents > 0;
  if (!completed && isAwaited) draft.create(keys.wake(ref.run, ref.item), {});
  return { completed };
}

async function leaveOpenSet(
  draft: Draft,
  ref: ItemRef,
  spec: Ending,
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
  const rest: OpenRow = {
    ...root,
    ids: without(root.ids, String(spec.openChunk)),
    tally: addTally(root.tally, left.tally),
  };
  draft.put(rootKey, rest);
  return rest.ids.length === 0 ? rest : null;
}

export function isLettingPass({ item }: Pick<Ending, 'item'>): boolean {
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

/** As `readRun`, of a run that this decision has read. */
export function seenRun(draft: Draft, run: string): RunRow {
  return required(draft.seen<RunRow>(keys.run(run)), keys.run(run));
}

/** As `readItem`, of an item that this decision has read. */
export function seenItem(draft: Draft, ref: ItemRef): [SpecRow, ItemRow] {
  const [spec, item] = [keys.spec(ref.run, ref.item), keys.item(ref.run, ref.item)];
  return [required(draft.seen<SpecRow>(spec), spec), required(draft.seen<ItemRow>(item), item)];
}

export async function readRun(draft: Draft, run: string): Promise<RunRow> {
  return required(await draft.readOne<RunRow>(keys.run(run)), keys.run(run));
}

export async function readItem(draft: Draft, ref: ItemRef): Promise<[SpecRow, ItemRow]> {
  const specKey = keys.spec(ref.run, ref.item);
  const itemKey = keys.item(ref.run, ref.item);
  await draft.read([specKey, itemKey]);
  return seenItem(draft, ref);
}
