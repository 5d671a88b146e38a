/** What the end of a run may say, once all its items have ended. */
import { mustHold } from '../contradiction.ts';
import type { EventData, RunCounts } from '../record/events.ts';

/** A run of which nothing has ended yet. */
export const NO_COUNTS: RunCounts = {
  items: 0,
  done: 0,
  failed: 0,
  skipped: 0,
  cancelled: 0,
  denied: 0,
  attempts: 0,
  retries: 0,
  unsandboxed: 0,
};

export function mustBeCounted(said: RunCounts, counted: RunCounts): void {
  for (const key of [...Object.keys(NO_COUNTS), 'reopened', 'tolerated', 'reused'] as (keyof RunCounts)[]) {
    const [one, other] = [said[key] ?? 0, counted[key] ?? 0];
    mustHold(one === other, `run.completed counts ${key} ${one}, the events say ${other}`);
  }
}

export function endOf(
  { failed, denied, cancelled, tolerated = 0 }: RunCounts,
  stopping: EventData['run.stopping']['reason'] | undefined,
): EventData['run.completed']['state'] {
  if (stopping === 'cancelled') return 'cancelled';
  if (stopping === 'deadline_exceeded' || failed - tolerated + denied > 0) return 'failed';
  return cancelled > 0 ? 'cancelled' : 'done';
}
