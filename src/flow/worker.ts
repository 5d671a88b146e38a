/**
 * Worker: what the control plane does for an attempt while its worker runs. The worker itself stands in worker-image and
 * is reached only through its mailbox: it reads its lease again and again, and a cancel flag there tells it to stop.
 */
import { ENGINE_RESTARTED, type Ending } from '#core/attempt.ts';
import { MAX_LOOK_MS } from '#core/mailbox-protocol.ts';
import { STOP_GRACE_MS } from '#core/names.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { dispatch } from '#flow/dispatch.ts';
import { settle, settleWithout } from '#flow/settle.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';

/** Time beyond the next reading of the lease and the worker's own grace before it is ended from outside. */
const CANCEL_MARGIN_MS = 3_000;

/**
 * Heartbeats that may fail to come before somebody asks whether there is a worker at all. For as long after its dispatch
 * an attempt is left to its events, so that one which is over soon costs no look.
 */
const MISSED_BEATS = 2;

/** An attempt that was marked to be stopped, and when it is ended from outside. */
export interface Marked {
  attemptId: string;
  /** Null where there is no worker that might not listen. */
  expiresAtMs: number | null;
}

/** Marks an attempt to be stopped, in the caller's decision. Null when it has ended or has been marked before, at least as finally. */
export async function markForStop(
  deps: FlowDeps,
  draft: Draft,
  attemptId: string,
  cancel: NonNullable<AttemptRow['cancel']>,
): Promise<Marked | null> {
  const key = keys.attempt(attemptId);
  const attempt = await draft.readOne<AttemptRow>(key);
  if (!attempt || attempt.state === 'settled') return null;
  if (attempt.cancel !== undefined && (attempt.cancel !== 'requeued' || cancel === 'requeued')) return null;
  const lookMs = Math.min(deps.worker.heartbeatMs, MAX_LOOK_MS);
  const giveUpMs = deps.clock.nowMs() + lookMs + STOP_GRACE_MS + CANCEL_MARGIN_MS;
  const expiresAtMs = Math.min(attempt.expiresAtMs, giveUpMs);
  draft.put(key, { ...attempt, cancel, expiresAtMs } satisfies AttemptRow);
  return { attemptId, expiresAtMs: attempt.state === 'dispatched' ? expiresAtMs : null };
}

/** Raises the cancel flag of marked attempts, once the marks are durable. One that is not launched yet is ended by dispatch. */
export async function tellWorkers(deps: FlowDeps, marked: readonly Marked[]): Promise<void> {
  if (marked.length === 0) return;
  await deps.store.durable();
  for (const { attemptId, expiresAtMs } of marked) {
    await deps.mailbox.cancel(attemptId);
    deps.hints.claimed(attemptId);
    if (expiresAtMs !== null) deps.hints.timerSet(expiresAtMs);
  }
}

/**
 * Looks at one attempt that holds a slot: dispatches it when that was cut off, settles it when its worker beats no more and
 * its result is there, ends it when its lease lapsed, its time is over or its worker is gone, and else keeps its URLs good.
 * After a restart that no worker survives all of them are gone; else the launcher is asked about a worker that is silent,
 * and about no other.
 */
export async function checkAttempt(deps: FlowDeps, attemptId: string, restarted: boolean): Promise<void> {
  const attempt = await peek<AttemptRow>(deps, keys.attempt(attemptId));
  if (!attempt || attempt.state === 'settled') return;
  if (attempt.state === 'claimed') {
    await dispatch(deps, attemptId);
    return;
  }
  const { leaseMs, startMs, heartbeatMs } = deps.worker;
  const dispatchedMs = attempt.leaseUntilMs - leaseMs - startMs;
  const patienceMs = MISSED_BEATS * heartbeatMs;
  if (!restarted && deps.clock.nowMs() < Math.min(dispatchedMs + patienceMs, attempt.expiresAtMs)) return;
  const { heartbeatAtMs } = await deps.mailbox.staged(attemptId, 'heartbeat');
  const nowMs = deps.clock.nowMs();
  const isOrphaned = restarted && !deps.worker.survivesRestart;
  // The first lease has room for a slow start; with the first heartbeat that is over.
  const leaseUntilMs = heartbeatAtMs === null ? attempt.leaseUntilMs : heartbeatAtMs + leaseMs;
  const heardMs = heartbeatAtMs ?? dispatchedMs;
  const isSilent = nowMs > heardMs + patienceMs;
  const isOver = isOrphaned || nowMs >= leaseUntilMs || nowMs >= attempt.expiresAtMs;
  // Whoever has staged a result beats no more.
  const isOverdue = restarted || isOver || nowMs > heardMs + heartbeatMs;
  if (isOverdue && (await settle(deps, attemptId))) {
    await stopWorker(deps, attempt);
    return;
  }
  const isGone = !isOver && isSilent && (await hasNoWorker(deps, attempt));
  if (!isOver && !isGone) {
    // Whoever heard of its key may have been cut off before its secrets were there.
    if (attempt.manifest?.secrets !== undefined) await deps.release?.(attemptId);
    await deps.mailbox.renew(attemptId);
    if (attempt.handle !== undefined) await deps.launcher.keep(attempt.handle);
    return;
  }
  const ending = isGone ? GONE : endingOf(attempt, nowMs, isOrphaned);
  // Written down first: the notice that the worker stopped must not say something else.
  await giveUp(deps, attemptId, ending);
  await stopWorker(deps, attempt);
  // The result may have come while the worker was being stopped; it still counts.
  if (!(await settle(deps, attemptId))) await settleWithout(deps, attemptId, ending);
}

/** As the event would have had it that says so, and did not come. */
const GONE: Ending = { outcome: 'lost', reason: 'no_result' };

async function hasNoWorker({ launcher }: FlowDeps, { handle }: AttemptRow): Promise<boolean> {
  return handle !== undefined && !(await launcher.alive([handle])).has(handle);
}

function endingOf(attempt: AttemptRow, nowMs: number, isOrphaned: boolean): Ending {
  if (isOrphaned) return { outcome: 'lost', reason: ENGINE_RESTARTED };
  if (nowMs >= attempt.expiresAtMs) return { outcome: 'timed_out', reason: 'timeout' };
  return { outcome: 'lost', reason: 'lease_lapsed' };
}

async function giveUp(deps: FlowDeps, attemptId: string, ending: Ending): Promise<void> {
  await decide(deps, async (draft) => {
    const key = keys.attempt(attemptId);
    const attempt = await draft.readOne<AttemptRow>(key);
    if (attempt?.state === 'dispatched') draft.put(key, { ...attempt, givenUp: ending } satisfies AttemptRow);
  });
}

async function stopWorker(deps: FlowDeps, attempt: AttemptRow): Promise<void> {
  if (attempt.handle !== undefined) await deps.launcher.stop(attempt.handle, STOP_GRACE_MS);
}
