/**
 * A mailbox for status documents: what was staged is asked for seldom. A status is written with every batch of the stream
 * and shows how far each running attempt is; asking for that each time would cost more than the attempt.
 */
import type { Clock } from '#ports/clock.ts';
import type { Mailbox, Staged } from '#ports/mailbox.ts';

const FRESH_MS = 30_000;
const REMEMBERED = 1_000;

export function rememberedMailbox(mailbox: Mailbox, clock: Pick<Clock, 'nowMs'>): Mailbox {
  const seen = new Map<string, { atMs: number; staged: Promise<Staged> }>();
  const staged: Mailbox['staged'] = (attemptId) => {
    const known = seen.get(attemptId);
    if (known && clock.nowMs() - known.atMs < FRESH_MS) return known.staged;
    seen.delete(attemptId);
    const fresh = { atMs: clock.nowMs(), staged: mailbox.staged(attemptId) };
    fresh.staged.catch(() => seen.delete(attemptId));
    seen.set(attemptId, fresh);
    const [oldest] = seen.keys();
    if (seen.size > REMEMBERED && oldest !== undefined) seen.delete(oldest);
    return fresh.staged;
  };
  return new Proxy(mailbox, {
    get(target, name) {
      if (name === 'staged') return staged;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
