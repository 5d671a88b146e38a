/** A message that comes when a timer is due. Timers that are further away than a message can wait are the reconciler's. */
import * as z from 'zod/mini';
import { MAX_DELAY_S, type Message } from '#ports/message-queue.ts';

export const timerMessage = z.object({ dueMs: z.int(), what: z.string() });

export type TimerMessage = z.output<typeof timerMessage>;

/** Null: too far away. */
export function timerMessageFor({ dueMs, what }: TimerMessage, nowMs: number): Message | null {
  // Rounded up, so that it does not come too soon.
  const delayS = Math.max(0, Math.ceil((dueMs - nowMs) / 1_000));
  return delayS > MAX_DELAY_S ? null : { body: { dueMs, what }, delayS };
}
