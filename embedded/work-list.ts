/**
 * What the engine has been told and has not done yet. Hints of one kind about one thing are one entry, whatever their
 * number. Work is taken in the order that keeps waiters first: released locks, ended items, then whole queues, then
 * what has been claimed.
 */
import type { Hints } from '#flow/deps.ts';
import type { ItemRef } from '#flow/items.ts';

export type Work =
  | { do: 'advance-locks'; by: string }
  | { do: 'wake'; ref: ItemRef }
  | { do: 'advance'; queue: string }
  | { do: 'dispatch'; attemptId: string };

export interface WorkListEvents {
  /** There is work now. */
  onWork(): void;
  onOpened(run: string): void;
  onChanged(run: string): void;
  onCompleted(run: string): void;
  onEvents(run: string, count: number): void;
  onTimer(dueMs: number): void;
  onEntered(): void;
  onTrouble(run: string, error: unknown): void;
  onOutage(about: string, error: unknown): void;
}

export class WorkList {
  readonly hints: Hints;
  readonly #locks = new Set<string>();
  readonly #ended = new Map<string, ItemRef>();
  readonly #queues = new Set<string>();
  readonly #claimed = new Set<string>();

  constructor(events: WorkListEvents) {
    const noted = (_added: unknown): void => events.onWork();
    this.hints = {
      locksReleased: (by) => noted(this.#locks.add(by)),
      itemEnded: (run, item) => noted(this.#ended.set(`${run}/${item}`, { run, item })),
      queueChanged: (queue) => noted(this.#queues.add(queue)),
      claimed: (attemptId) => noted(this.#claimed.add(attemptId)),
      runOpened: (run) => events.onOpened(run),
      runChanged: (run) => events.onChanged(run),
      runCompleted: (run) => events.onCompleted(run),
      eventsWritten: (run, count) => events.onEvents(run, count),
      entered: () => events.onEntered(),
      trouble: (run, error) => events.onTrouble(run, error),
      outage: (about, error) => events.onOutage(about, error),
      timerSet: (dueMs) => events.onTimer(dueMs),
    };
  }

  next(): Work | null {
    const by = takeFirst(this.#locks);
    if (by !== undefined) return { do: 'advance-locks', by };
    const ended = this.#ended.entries().next();
    if (!ended.done) {
      this.#ended.delete(ended.value[0]);
      return { do: 'wake', ref: ended.value[1] };
    }
    const queue = takeFirst(this.#queues);
    if (queue !== undefined) return { do: 'advance', queue };
    const attemptId = takeFirst(this.#claimed);
    return attemptId === undefined ? null : { do: 'dispatch', attemptId };
  }
}

function takeFirst(set: Set<string>): string | undefined {
  const first = set.values().next();
  if (first.done) return undefined;
  set.delete(first.value);
  return first.value;
}
