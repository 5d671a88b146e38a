/** Lists: where a ready item waits for a slot, for its locks or for money, and how it leaves them. All of it only writes to a draft. */
import { awaitLock, FREE_LOCK, leaveLockQueue } from '#core/locks.ts';
import { moneyKeys } from '#core/money-rows.ts';
import type { LockRow, LockWaitRow, TodoLocksRow } from '#core/queue-rows.ts';
import { type ItemRow, keys, type SpecRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { ItemRef } from '#flow/items.ts';
import type { Draft } from '#flow/transaction.ts';

/**
 * From the list where it waits to the wait lists of all its locks. The lock rows may already carry it as head. Resolves as
 * `leaveLists` does.
 */
export async function parkItem(deps: FlowDeps, draft: Draft, waiter: Waiter): Promise<string | undefined> {
  const { run, item: id, queue, spec, row: item } = waiter;
  const rank = item.rank ?? '';
  const locks = spec.item.locks;
  await draft.read(locks.map(({ name }) => keys.lock(name)));
  const left = await leaveLists(deps, draft, waiter);
  for (const { name, mode } of locks) {
    const lock = (await draft.readOne<LockRow>(keys.lock(name))) ?? FREE_LOCK;
    draft.put(keys.lock(name), awaitLock(lock, rank));
    draft.create(keys.lockWait(name, rank), { run, item: id, queue, mode } satisfies LockWaitRow);
  }
  const { short: _short, called: _called, ...rest } = item;
  draft.put(keys.item(run, id), { ...rest, parked: true } satisfies ItemRow);
  return left;
}

/** The rank of the waiter behind `rank` in the list of a lock, if there is one. */
export async function nextWaiter(deps: FlowDeps, lock: string, rank: string): Promise<string | undefined> {
  const waiters = await deps.store.query(`lock/${lock}`, { prefix: 'wait/', limit: 2 });
  const other = waiters.find((row) => row.sk !== `wait/${rank}`);
  return other?.sk.slice('wait/'.length);
}

/** Who stands in lists, as the caller has read it. */
export interface Waiter extends ItemRef {
  queue: string;
  spec: SpecRow;
  row: ItemRow;
  /** Its waiters the caller tries one after the other anyway. */
  lock?: string;
}

/**
 * Out of every list it waits in, unclaimed. Others may come first then on the locks whose lists it leaves, and the locks are free; who
 * stood behind one that was called has nobody before it any more. Resolves with the name under which that stands to be done, once it
 * is hinted; undefined where nobody waits.
 */
export async function leaveLists(deps: FlowDeps, draft: Draft, waiter: Waiter): Promise<string | undefined> {
  const { spec, row, lock: tried } = waiter;
  await unqueueItem(deps, draft, waiter, spec, row);
  if (row.parked !== true) return callNext(deps, draft, waiter, spec.item.locks);
  const isAwaited = (name: string): boolean => draft.seen<LockRow>(keys.lock(name))?.head !== undefined;
  const names = spec.item.locks.map(({ name }) => name).filter((name) => name !== tried && isAwaited(name));
  return names.length === 0 ? undefined : tryNext(deps, draft, waiter, { names });
}

/**
 * Of one that was called, for who stood behind it.
 * @param locks those of its locks that others may have now
 */
export function callNext(
  deps: FlowDeps,
  draft: Draft,
  { row, ...ref }: Pick<Waiter, 'run' | 'item' | 'row'>,
  locks: readonly { name: string }[],
): string | undefined {
  if (row.called === 'money') return tryNext(deps, draft, ref, { names: [], run: ref.run });
  if (row.called !== 'locks' || locks.length === 0) return undefined;
  return tryNext(deps, draft, ref, { names: locks.map(({ name }) => name) });
}

/** It may leave lists again before this is done. */
function tryNext(deps: FlowDeps, draft: Draft, { run, item }: ItemRef, todo: TodoLocksRow): string {
  const by = `${run}/${item}/${deps.chance.hex(4)}`;
  draft.create(keys.todoLocks(by), todo);
  return by;
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
