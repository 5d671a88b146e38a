/**
 * A queue as SQS carries one: at least once, in any order or (for one that keeps order) each id once in five minutes,
 * with delays, and with another try for what failed, up to a number.
 */
import type { Message, MessageQueue } from '#ports/message-queue.ts';

const TRIES = 5;
const SAME_ID_MS = 300_000;

interface Waiting {
  messageId: string;
  body: string;
  fromMs: number;
  tries: number;
}

export interface FakeQueue extends MessageQueue {
  /** Takes up to `limit` messages that may be delivered now. */
  take(limit: number): Waiting[];
  /** What a handler answered: these come again, until they have been tried too often. */
  failed(taken: readonly Waiting[], ids: ReadonlySet<string>): void;
  put(body: object): void;
  /** When the next message may be delivered; null when there is none. */
  nextMs(): number | null;
  readonly deadLetters: Waiting[];
}

export function createFakeQueue(options: { nowMs(): number; keepsOrder?: boolean }): FakeQueue {
  let waiting: Waiting[] = [];
  const deadLetters: Waiting[] = [];
  const seen = new Map<string, number>();
  let count = 0;
  const add = (body: object, delayS = 0): void => {
    count += 1;
    waiting.push({
      messageId: `m-${count}`,
      body: JSON.stringify(body),
      fromMs: options.nowMs() + delayS * 1_000,
      tries: 0,
    });
  };
  const isDouble = ({ id }: Message): boolean => {
    if (options.keepsOrder !== true) return false;
    if (id === undefined) throw new RangeError('a message of a queue that keeps order has an id');
    const isKnown = options.nowMs() - (seen.get(id) ?? -SAME_ID_MS) < SAME_ID_MS;
    if (!isKnown) seen.set(id, options.nowMs());
    return isKnown;
  };
  return {
    deadLetters,
    async send(messages) {
      for (const message of messages) if (!isDouble(message)) add(message.body, message.delayS);
    },
    put: (body) => add(body),
    take(limit) {
      const ready = waiting.filter(({ fromMs }) => fromMs <= options.nowMs()).slice(0, limit);
      waiting = waiting.filter((message) => !ready.includes(message));
      return ready;
    },
    failed(taken, ids) {
      for (const message of taken.filter(({ messageId }) => ids.has(messageId))) {
        const tried = { ...message, tries: message.tries + 1 };
        if (tried.tries >= TRIES) deadLetters.push(tried);
        else waiting.push(tried);
      }
    },
    nextMs: () => waiting.reduce<number | null>((next, { fromMs }) => Math.min(next ?? fromMs, fromMs), null),
  };
}
