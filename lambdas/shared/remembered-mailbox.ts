/**
 * Mailboxes for status documents: what was staged is asked for seldom. A status is written with every batch of the stream
 * and shows how far each running attempt is; asking for that each time would cost more than the attempt.
 */
import type { Clock } from '#ports/clock.ts';
import type { Mailbox, Staged } from '#ports/mailbox.ts';

/** Workers beat once in this time. */
const FRESH_MS = 100_000;
const REMEMBERED = 1_000;

export interface WatchedMailbox {
  /** Always asks, and lets the other remember what it heard. */
  asked: Mailbox;
  /** Says what heartbeat was staged when somebody asked last, if that was a moment ago. */
  remembered: Mailbox;
}

export function watchedMailbox(mailbox: Mailbox, clock: Pick<Clock, 'nowMs'>): WatchedMailbox {
  const seen = new Map<string, { atMs: number; staged: Promise<Staged> }>();
  const ask: Mailbox['staged'] = (attemptId, only) => {
    if (only === 'result') return mailbox.staged(attemptId, only);
    seen.delete(attemptId);
    const fresh = { atMs: clock.nowMs(), staged: mailbox.staged(attemptId, only) };
    fresh.staged.catch(() => seen.delete(attemptId));
    seen.set(attemptId, fresh);
    const [oldest] = seen.keys();
    if (seen.size > REMEMBERED && oldest !== undefined) seen.delete(oldest);
    return fresh.staged;
  };
  const recall: Mailbox['staged'] = (attemptId, only) => {
    const known = only === 'heartbeat' ? seen.get(attemptId) : undefined;
    return known && clock.nowMs() - known.atMs < FRESH_MS ? known.staged : ask(attemptId, only);
  };
  return { asked: withStaged(mailbox, ask), remembered: withStaged(mailbox, recall) };
}

function withStaged(mailbox: Mailbox, staged: Mailbox['staged']): Mailbox {
  return new Proxy(mailbox, {
    get(target, name) {
      if (name === 'staged') return staged;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
