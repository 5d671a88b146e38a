/**
 * Worker: what the control plane does for an attempt while its worker runs. The worker itself stands in worker-image and
 * is reached only through its mailbox: it reads its lease again after each heartbeat, and a cancel flag there tells it to stop.
 */
import { ENGINE_RESTARTED } from '#core/attempt.ts';
import { STOP_GRACE_MS } from '#core/names.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { dispatch } from '#flow/dispatch.ts';
import { settle, settleWithout } from '#flow/settle.ts';
import { decide } from '#flow/transaction.ts';

/** Time beyond the next heartbeat and the worker's own grace before it is ended from outside. */
const CANCEL_MARGIN_MS = 3_000;

/** Tells a running attempt to stop. The first reason stays. */
export async function cancelAttempt(
  deps: FlowDeps,
  attemptId: string,
  cancel: NonNullable<AttemptRow['cancel']>,
): Promise<void> {
  const stopped = await decide(deps, async (draft) => {
    const key = keys.attempt(attemptId);
    const attempt = await draft.readOne<AttemptRow>(key);
    if (!attempt || attempt.state === 'settled' || attempt.cancel) return null;
    const giveUpMs = deps.clock.nowMs() + deps.worker.heartbeatMs + STOP_GRACE_MS + CANCEL_MARGIN_MS;
    const told: AttemptRow = { ...attempt, cancel, expiresAtMs: Math.min(attempt.expiresAtMs, giveUpMs) };
    draft.put(key, told);
    return told;
  });
  if (stopped === null) return;
  await deps.store.durable();
  if (stopped.state === 'claimed') return;
  await deps.mailbox.cancel(attemptId);
  deps.hints.timerSet(stopped.expiresAtMs);
}

/**
 * Looks at one attempt that holds a slot: settles it when its result is there, dispatches it when that was cut off,
 * and ends it when its lease lapsed, its time is over or (after a restart) its worker cannot be found.
 */
export async function checkAttempt(deps: FlowDeps, attemptId: string, restarted: boolean): Promise<void> {
  const [row] = await deps.store.get([keys.attempt(attemptId)]);
  const attempt = row?.body as unknown as AttemptRow | undefined;
  if (!attempt || attempt.state === 'settled') return;
  if (attempt.state === 'claimed') {
    await dispatch(deps, attemptId);
    return;
  }
  if (await settle(deps, attemptId)) {
    await stopWorker(deps, attempt);
    return;
  }
  const nowMs = deps.clock.nowMs();
  const orphaned = restarted && !deps.worker.survivesRestart;
  const { heartbeatAtMs } = await deps.mailbox.staged(attemptId);
  const leaseUntilMs = Math.max(attempt.leaseUntilMs, (heartbeatAtMs ?? 0) + deps.worker.leaseMs);
  if (!orphaned && nowMs < leaseUntilMs && nowMs < attempt.expiresAtMs) return;
  await stopWorker(deps, attempt);
  // The result may have come while the worker was being stopped; it still counts.
  if (await settle(deps, attemptId)) return;
  if (orphaned) await settleWithout(deps, attemptId, { outcome: 'lost', reason: ENGINE_RESTARTED });
  else if (nowMs >= attempt.expiresAtMs)
    await settleWithout(deps, attemptId, { outcome: 'timed_out', reason: 'timeout' });
  else await settleWithout(deps, attemptId, { outcome: 'lost', reason: 'lease_lapsed' });
}

async function stopWorker(deps: FlowDeps, attempt: AttemptRow): Promise<void> {
  if (attempt.handle !== undefined) await deps.launcher.stop(attempt.handle, STOP_GRACE_MS);
}
