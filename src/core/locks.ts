/**
 * Locks: shared or exclusive, global to the deployment, first come first served per priority.
 *
 * An item takes all its locks at once or none. When one is held it waits in the lists of all of them and leaves the free ones free:
 * others may overtake it there MAX_OVERTAKES times, then the lock is kept for it. A keeper yields to an earlier
 * rank, so two items that keep one lock each cannot block each other for ever: the earlier one goes first.
 */
import type { LockMode } from '@waybill/client/plan';
import { MAX_OVERTAKES } from '#core/names.ts';
import type { LockHolder, LockRow } from '#core/queue-rows.ts';

export const FREE_LOCK: LockRow = { mode: 'shared', holders: [], fence: 0 };

export interface LockWish {
  mode: LockMode;
  rank: string;
  holder: LockHolder;
}

/** Whether the lock can be had now, and if not, why. */
export function lockVerdict(lock: LockRow, wish: LockWish): 'free' | 'held' | 'kept' {
  const kept = lock.head !== undefined && lock.head.overtaken >= MAX_OVERTAKES && lock.head.rank < wish.rank;
  if (kept) return 'kept';
  if (lock.holders.length === 0) return 'free';
  return lock.mode === 'shared' && wish.mode === 'shared' ? 'free' : 'held';
}

/** The lock taken; only after a verdict of `free`. Passing an earlier waiter counts as overtaking it. */
export function acquireLock(lock: LockRow, wish: LockWish): LockRow {
  const head = lock.head;
  const overtaken = head && head.rank < wish.rank ? { rank: head.rank, overtaken: head.overtaken + 1 } : undefined;
  const next: LockRow = { mode: wish.mode, holders: [...lock.holders, wish.holder], fence: lock.fence + 1 };
  const keptHead = overtaken ?? (head && head.rank > wish.rank ? head : undefined);
  return keptHead ? { ...next, head: keptHead } : next;
}

/**
 * Puts a waiter at the head if none stands before it. It takes over how often whoever stood there was overtaken: a lock that is
 * kept stays kept, or those who come later would pass the two of them once more.
 */
export function awaitLock(lock: LockRow, rank: string): LockRow {
  if (lock.head && lock.head.rank <= rank) return lock;
  return { ...lock, head: { rank, overtaken: lock.head?.overtaken ?? 0 } };
}

/** The waiter is gone (claimed or ended); `next` is the rank of the one behind it, if any. */
export function leaveLockQueue(lock: LockRow, rank: string, next: string | undefined): LockRow {
  if (lock.head?.rank !== rank) return lock;
  const { head: _gone, ...rest } = lock;
  return next === undefined ? rest : { ...rest, head: { rank: next, overtaken: 0 } };
}

/** Releases what the attempt holds; releasing twice changes nothing. */
export function releaseLock(lock: LockRow, attempt: string): LockRow {
  return { ...lock, holders: lock.holders.filter((holder) => holder.attempt !== attempt) };
}
