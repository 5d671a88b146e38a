/**
 * Message queue: work for another function, carried at least once.
 *
 * Contract
 * - `send` resolves when all messages are stored, and throws RetryableError STORE_BUSY when one is not; some of the others
 *   may have been stored then, so whoever sends again may send twice.
 * - `id`: of several messages with one id, sent within five minutes of each other, one is carried. Only a queue that keeps
 *   order knows ids; other queues carry every message.
 * - `delayS` holds a message back for so long, at most 900 seconds; a queue that keeps order takes none.
 */
export interface Message {
  /** JSON, at most 1 KiB: messages name things and carry none. */
  body: object;
  id?: string;
  /** Whole seconds. */
  delayS?: number;
}

export interface MessageQueue {
  send(messages: readonly Message[]): Promise<void>;
}

export const MAX_DELAY_S = 900;
