/** An item as a replay knows it. */
import type { FencedLock } from '../record/events.ts';

export type TerminalState = 'done' | 'failed' | 'skipped' | 'cancelled' | 'denied';
type ReplayedState = 'pending' | 'ready' | 'running' | 'suspended' | TerminalState;

export interface ReplayedItem {
  state: ReplayedState;
  /** Of the newest attempt; 0 before the first. */
  attempt: number;
  epoch: number;
  attemptId: string;
  isDispatched: boolean;
  /** This attempt was given its secrets. */
  hasSecrets?: true;
  /** Somebody sent the item back to its queue while this attempt ran. */
  isSentBack?: true;
  /** Attempts that counted against the item. */
  spent: number;
  locks: readonly FencedLock[];
}

/** An item that no attempt is about is one of these, so that memory grows with the attempts under way and not with the plan. */
export const AT_REST = Object.fromEntries(
  (['pending', 'ready', 'suspended', 'done', 'failed', 'skipped', 'cancelled', 'denied'] as const).map((state) => [
    state,
    Object.freeze({ state, attempt: 0, epoch: 0, attemptId: '', isDispatched: false, spent: 0, locks: [] }),
  ]),
) as unknown as Record<Exclude<ReplayedState, 'running'>, ReplayedItem>;

export const WAITING: ReadonlySet<ReplayedState> = new Set<ReplayedState>(['pending', 'ready', 'suspended']);

/** The reason of an item that failed without an attempt because nothing more of it fitted into the records of its operator. */
export const RECORD_FULL = 'record_full';

/** It was tried, and its next attempt did not begin. */
export function isFull(reason: string, { state, attempt }: ReplayedItem): boolean {
  return reason === RECORD_FULL && state === 'ready' && attempt > 0;
}
