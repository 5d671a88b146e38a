import type { ItemState } from '@waybill/client/documents';
import { NO_COUNTS } from '@waybill/verify';
import type { ItemRow, StoppingReason, Tally } from '#core/rows.ts';

export type TerminalState = Extract<ItemState, 'done' | 'failed' | 'skipped' | 'cancelled' | 'denied'>;

const TERMINAL: ReadonlySet<string> = new Set(['done', 'failed', 'skipped', 'cancelled', 'denied']);

export function isTerminal(state: ItemState): state is TerminalState {
  return TERMINAL.has(state);
}

export function addTally(a: Tally, b: Tally): Tally {
  const reopened = (a.reopened ?? 0) + (b.reopened ?? 0);
  const tolerated = (a.tolerated ?? 0) + (b.tolerated ?? 0);
  const reused = (a.reused ?? 0) + (b.reused ?? 0);
  const costMicroUsd = (a.costMicroUsd ?? 0) + (b.costMicroUsd ?? 0);
  return {
    ...(reused === 0 ? {} : { reused }),
    ...(costMicroUsd === 0 ? {} : { costMicroUsd }),
    ...(reopened === 0 ? {} : { reopened }),
    ...(tolerated === 0 ? {} : { tolerated }),
    items: a.items + b.items,
    done: a.done + b.done,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    cancelled: a.cancelled + b.cancelled,
    denied: a.denied + b.denied,
    attempts: a.attempts + b.attempts,
    retries: a.retries + b.retries,
    unsandboxed: a.unsandboxed + b.unsandboxed,
  };
}

/** What an item that is opened again had added. */
export function subtractTally(a: Tally, b: Tally): Tally {
  const negative = Object.fromEntries(Object.entries(b).map(([name, count]) => [name, -count])) as unknown as Tally;
  return addTally(a, negative);
}

/**
 * What one ended item adds. A retry is an attempt after another one of the same item.
 * @param lettingPass its plan says that others go on when it fails
 */
export function tallyOf(item: ItemRow, state: TerminalState, lettingPass = false): Tally {
  return {
    ...NO_COUNTS,
    items: 1,
    [state]: 1,
    attempts: item.attempt,
    retries: Math.max(0, item.attempt - 1),
    unsandboxed: item.unsandboxed,
    ...(item.reused === undefined ? {} : { reused: 1 }),
    ...(item.reopened === undefined ? {} : { reopened: item.reopened }),
    ...(item.costMicroUsd === undefined ? {} : { costMicroUsd: item.costMicroUsd }),
    ...(lettingPass && state === 'failed' ? { tolerated: 1 } : {}),
  };
}

/** Of an item that is ended from outside. */
export function stoppedAs(why: StoppingReason): 'cancelled' | 'failed' {
  return why === 'cancelled' ? 'cancelled' : 'failed';
}

/** The state of a run whose items have all ended. */
export function runStateOf(tally: Tally, stopping: StoppingReason | undefined): 'done' | 'failed' | 'cancelled' {
  if (stopping === 'cancelled') return 'cancelled';
  if (stopping === 'deadline_exceeded') return 'failed';
  if (tally.failed > (tally.tolerated ?? 0) || tally.denied > 0) return 'failed';
  if (tally.cancelled > 0) return 'cancelled';
  return 'done';
}
