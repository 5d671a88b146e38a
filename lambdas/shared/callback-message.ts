/** A run that is over, whose callback is due or was on its way for longer than a call of a function lasts. */
import * as z from 'zod/mini';
import type { Message } from '#ports/message-queue.ts';

export const callbackMessage = z.object({ run: z.string().check(z.regex(/^[0-9a-f]{32}$/)) });

/** Whoever began to send one before that is gone: the function is ended after a minute. */
export const CALLBACK_PATIENCE_MS = 300_000;

export function callbackMessageFor(run: string): Message {
  return { body: { run } satisfies z.output<typeof callbackMessage> };
}
