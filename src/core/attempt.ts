/**
 * What the end of an attempt means for its item: done, tried again, or over. Pure; the clock and chance come as numbers.
 */
import type { AttemptOutcome } from '@waybill/client/documents';
import type { PlanItem } from '@waybill/client/plan';
import { MAX_QUESTIONS } from '@waybill/verify';
import {
  DEFERRAL_BACKOFF_MS,
  INFRASTRUCTURE_BACKOFF_MS,
  MAX_DEFERRAL_BACKOFF_MS,
  MAX_INFRASTRUCTURE_BACKOFF_MS,
  MAX_INFRASTRUCTURE_RETRIES,
} from '#core/names.ts';
import type { AttemptRow, ItemRow } from '#core/rows.ts';

export interface Ending {
  outcome: AttemptOutcome;
  reason: string;
}

export interface Judgement extends Ending {
  next: 'done' | 'retry' | 'suspended' | 'failed' | 'cancelled';
  /** Whether it counts against the item's retry budget. */
  spent: boolean;
  /** Whether it counts against the cap on infrastructure retries. */
  lost: boolean;
  /** There was no room for its worker: nothing was started, and nothing counts. */
  deferred?: true;
  /** Of a next attempt. */
  retryAfterMs?: number;
}

/** Outcomes that the same input may not have next time; everything else would only fail again. */
const RETRIED: ReadonlySet<AttemptOutcome> = new Set(['failed', 'timed_out', 'stalled', 'contract_error', 'deferred']);

/** No room for a worker now: a quota, a throttle, no capacity. Only the platform says so; a worker that does was started. */
export const LAUNCH_DEFERRED: Ending = { outcome: 'deferred', reason: 'launch_deferred' };

/**
 * Reasons that come from the plan or the platform's rules, not from luck, so that no second attempt changes them: nobody could
 * answer what asks nothing, or asks too often.
 */
const FINAL_REASONS: ReadonlySet<string> = new Set([
  'input_missing',
  'environment_gone',
  'lease_refused',
  'needs_input',
  LAUNCH_DEFERRED.reason,
]);

/** The control plane itself went away. That says nothing about the item, however often it happens. */
export const ENGINE_RESTARTED = 'engine_restarted';

/** Somebody sent the item back to its queue while it ran: that says nothing about it. */
const REQUEUED: Ending = { outcome: 'cancelled', reason: 'requeued' };

/** Exponential, at most `maxMs`, then between half of it and all of it. */
export function backoffMs(baseMs: number, maxMs: number, failures: number, fraction: number): number {
  const fullMs = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(fullMs / 2 + (fullMs / 2) * fraction);
}

export function judge(
  ending: Ending,
  facts: {
    item: ItemRow;
    plan: PlanItem;
    cancel: AttemptRow['cancel'];
    hasResult: boolean;
    asks: boolean;
    fraction: number;
  },
): Judgement {
  const { item, plan, cancel, hasResult, asks, fraction } = facts;
  const free = { spent: false, lost: false };
  if (ending.outcome === 'succeeded') return { ...ending, ...free, next: 'done' };
  if (cancel === 'cancelled') return { outcome: 'cancelled', reason: 'cancelled', ...free, next: 'cancelled' };
  if (cancel === 'deadline_exceeded') {
    return { outcome: 'timed_out', reason: 'deadline_exceeded', next: 'failed', spent: true, lost: false };
  }
  const needsInput = asks && ending.outcome === 'deferred' && ending.reason === 'needs_input';
  if (needsInput && cancel === undefined && (item.talk?.length ?? 0) < MAX_QUESTIONS)
    return { ...ending, ...free, next: 'suspended' };
  if (cancel === 'requeued') return { ...REQUEUED, ...free, next: 'retry', retryAfterMs: 0 };
  if (!hasResult && ending.outcome === 'deferred') {
    const times = (item.deferred ?? 0) + 1;
    const delayMs = backoffMs(DEFERRAL_BACKOFF_MS, MAX_DEFERRAL_BACKOFF_MS, times, fraction);
    return { ...ending, ...free, deferred: true, next: 'retry', retryAfterMs: delayMs };
  }
  if (ending.outcome === 'lost' || ending.outcome === 'cancelled') {
    const reason = ending.outcome === 'lost' ? ending.reason : 'interrupted';
    const ended = { outcome: 'lost' as const, reason, spent: false, lost: reason !== ENGINE_RESTARTED };
    const losses = item.lost + 1;
    if (ended.lost && losses > MAX_INFRASTRUCTURE_RETRIES) return { ...ended, next: 'failed' };
    const delayMs = backoffMs(INFRASTRUCTURE_BACKOFF_MS, MAX_INFRASTRUCTURE_BACKOFF_MS, losses, fraction);
    return { ...ended, next: 'retry', retryAfterMs: delayMs };
  }
  const spent = item.spent + 1;
  const again = RETRIED.has(ending.outcome) && !FINAL_REASONS.has(ending.reason) && spent < plan.retry.maxAttempts;
  if (!again) return { ...ending, next: 'failed', spent: true, lost: false };
  const delayMs = backoffMs(plan.retry.backoffMs, plan.retry.maxBackoffMs, spent, fraction);
  return { ...ending, next: 'retry', spent: true, lost: false, retryAfterMs: delayMs };
}
