/**
 * Claiming: an item, a slot of its queue and all its locks, or nothing. Pure: rows in, rows or the obstacle out.
 */
import type { PlanItem } from '@waybill/client/plan';
import { deriveAttemptId } from '@waybill/verify';
import { ordinal } from '#core/ids.ts';
import { acquireLock, awaitLock, FREE_LOCK, leaveLockQueue, lockVerdict } from '#core/locks.ts';
import { PRIORITY_HEAD_START_MS, SLOT_REGROWTH_MS } from '#core/names.ts';
import type { LockRow, QueueRow } from '#core/queue-rows.ts';
import type { AttemptRow, HeldLock, ItemRow } from '#core/rows.ts';
import { afterStart, nextStartMs, startsNow } from '#core/start-rate.ts';

/**
 * The place of a ready item: first come first served, and each point of priority is a head start of PRIORITY_HEAD_START_MS. So
 * nobody waits for ever: an item is passed only by what becomes ready within an hour of it. Unique per item.
 */
export function rankOf(priority: number, readyAtMs: number, run: string, item: string): string {
  const placeMs = readyAtMs + (100 - priority) * PRIORITY_HEAD_START_MS;
  return `${ordinal(placeMs, 14)}/${run.slice(0, 12)}/${item}`;
}

/**
 * How many slots of a queue may be held. After a launch was put off as many as were held then, and twice as many after each
 * minute, since a throttle is over soon: the quota is not asked by every item that waits, and found again soon after it was raised.
 */
export function slotsOf({ concurrency, narrowed }: QueueRow, nowMs: number): number {
  if (narrowed === undefined) return concurrency;
  const minutes = Math.floor(Math.max(0, nowMs - narrowed.sinceMs) / SLOT_REGROWTH_MS);
  return minutes === 0
    ? Math.min(concurrency, narrowed.slots)
    : Math.min(concurrency, Math.max(1, narrowed.slots) * 2 ** minutes);
}

/** How many items without locks a queue would let be claimed now: what its slots and its rate leave. */
export function claimsNow(queue: QueueRow, nowMs: number): number {
  if (queue.state === 'paused') return 0;
  const free = Math.max(0, slotsOf(queue, nowMs) - queue.holders.length);
  return queue.rate === undefined ? free : Math.min(free, startsNow(queue.rate, queue.bucket, nowMs));
}

export interface ClaimInput {
  run: string;
  queueName: string;
  plan: PlanItem;
  item: ItemRow;
  queue: QueueRow;
  /** One per lock of the plan, in its order; `next` is the waiter behind this item when it waits there. */
  locks: { row: LockRow | null; next: string | undefined }[];
  nowMs: number;
  leaseMs: number;
}

export type Claim =
  | { ok: true; attemptId: string; attempt: AttemptRow; item: ItemRow; queue: QueueRow; locks: LockRow[] }
  | { ok: false; obstacle: 'slots' }
  /** The queue has started as many as it may until then. */
  | { ok: false; obstacle: 'rate'; untilMs: number }
  | { ok: false; obstacle: 'locks'; names: string[]; locks: LockRow[] };

export function claim(input: ClaimInput): Claim {
  const { run, plan, item, queue, nowMs } = input;
  if (item.rank === undefined) throw new RangeError(`item ${plan.id} is not ready`);
  const slots = slotsOf(queue, nowMs);
  if (queue.holders.length >= slots || queue.state === 'paused') return { ok: false, obstacle: 'slots' };
  const untilMs = queue.rate === undefined ? nowMs : nextStartMs(queue.rate, queue.bucket, nowMs);
  if (untilMs > nowMs) return { ok: false, obstacle: 'rate', untilMs };
  const number = item.attempt + 1;
  const attemptId = deriveAttemptId(run, plan.id, number);
  const rank = item.rank;
  const holder = { attempt: attemptId, run, item: plan.id };
  const rows = input.locks.map(({ row }) => row ?? FREE_LOCK);
  const blocked = plan.locks.filter(
    (lock, n) => lockVerdict(rows[n] ?? FREE_LOCK, { ...lock, rank, holder }) !== 'free',
  );
  if (blocked.length > 0) {
    return {
      ok: false,
      obstacle: 'locks',
      names: blocked.map(({ name }) => name),
      locks: rows.map((row) => awaitLock(row, rank)),
    };
  }
  const locks = plan.locks.map(({ mode }, n) =>
    acquireLock(leaveLockQueue(rows[n] ?? FREE_LOCK, rank, input.locks[n]?.next), { mode, rank, holder }),
  );
  const held: HeldLock[] = plan.locks.map(({ name, mode }, n) => ({ name, mode, fence: locks[n]?.fence ?? 0 }));
  const attempt: AttemptRow = {
    run,
    item: plan.id,
    attempt: number,
    queue: input.queueName,
    state: 'claimed',
    locks: held,
    claimedAtMs: nowMs,
    leaseUntilMs: nowMs + input.leaseMs,
    expiresAtMs: nowMs + input.leaseMs,
    ...(plan.outputs === undefined ? {} : { typed: true }),
  };
  const {
    rank: _rank,
    parked: _parked,
    short: _short,
    notBeforeMs: _notBefore,
    reason: _reason,
    detail: _detail,
    ...rest
  } = item;
  const running: ItemRow = {
    ...rest,
    state: 'running',
    attempt: number,
    attempts: [...item.attempts, { attempt: number, id: attemptId, startedAtMs: nowMs, outputs: [] }],
  };
  const { narrowed, ...wide } = queue;
  const holders = [...queue.holders, attemptId];
  return {
    ok: true,
    attemptId,
    attempt,
    item: running,
    queue: {
      ...wide,
      holders,
      ...(narrowed === undefined || slots === queue.concurrency ? {} : { narrowed }),
      ...(queue.rate === undefined ? {} : { bucket: afterStart(queue.rate, queue.bucket, nowMs) }),
    },
    locks,
  };
}
