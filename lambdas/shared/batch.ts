/** Batches of queue messages and stream records: each is taken on its own, and only what failed comes again. */
import * as z from 'zod/mini';
import type { Told } from './told.ts';

export interface BatchResponse {
  batchItemFailures: { itemIdentifier: string }[];
}

const queueEvent = z.object({ Records: z.array(z.object({ messageId: z.string(), body: z.string() })) });

export interface QueueMessage {
  messageId: string;
  body: unknown;
}

/**
 * The messages of an event, each with its JSON. Whether the event is one at all is the platform's word and throws; what a
 * message holds is its sender's, and text that is no JSON comes as undefined.
 */
export function messagesOf(event: unknown): QueueMessage[] {
  return queueEvent.parse(event).Records.map(({ messageId, body }) => ({ messageId, body: parsed(body) }));
}

/**
 * Handles each message beside the others. One that fails, or that is malformed, comes again by itself and lies among
 * the dead letters after its last try; it holds up nothing but itself. Not for queues that keep an order.
 */
export async function eachMessage<Shape extends z.ZodMiniType>(
  event: unknown,
  shape: Shape,
  told: Told,
  handle: (message: z.output<Shape>) => Promise<unknown>,
): Promise<BatchResponse> {
  const failed = await Promise.all(
    messagesOf(event).map(async ({ messageId, body }) => {
      const message = shape.safeParse(body);
      if (!message.success) {
        told.malformed(`message ${messageId}`, z.prettifyError(message.error));
        return [messageId];
      }
      try {
        await handle(message.data);
        return [];
      } catch (error) {
        told.trouble(`message ${messageId}`, error);
        return [messageId];
      }
    }),
  );
  return { batchItemFailures: failed.flat().map((itemIdentifier) => ({ itemIdentifier })) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
