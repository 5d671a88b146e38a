/** Events of the platform that more than one function reads, as far as they read them. */
import * as z from 'zod/mini';
import { decodedKey } from '#adapters/aws/inbox-names.ts';
import { messagesOf } from './batch.ts';

const told = z.object({
  Records: z.array(
    z.object({
      eventName: z.string().check(z.startsWith('ObjectCreated:')),
      s3: z.object({ object: z.object({ key: z.string(), versionId: z.optional(z.string()) }) }),
    }),
  ),
});

/** What S3 sends when a bucket is told of a queue: nothing has arrived. */
const tried = z.object({ Service: z.literal('Amazon S3'), Event: z.literal('s3:TestEvent') });

/** Whether nothing but such tries is in an event of a queue: the first that a deployment hears, before its log has begun. */
export function isTried(event: unknown): boolean {
  return messagesOf(event).every(({ body }) => tried.safeParse(body).success);
}

/** A message of a bucket that tells a queue of what is written into it. */
export const objectsCreated = z.union([told, tried]);

/** The objects that a message tells of, their keys decoded; a bucket without versions names none. */
export function objectsOf(message: z.output<typeof objectsCreated>): { key: string; version: string | undefined }[] {
  if (!('Records' in message)) return [];
  return message.Records.map(({ s3: { object } }) => ({ key: decodedKey(object.key), version: object.versionId }));
}

/** A message as a bucket sends it, for an object that nobody was told of. */
export function toldOf(key: string, version: string | undefined): object {
  const object = {
    key: encodeURIComponent(key).replaceAll('%2F', '/'),
    ...(version !== undefined && { versionId: version }),
  };
  return { Records: [{ eventName: 'ObjectCreated:Put', s3: { object } }] };
}
