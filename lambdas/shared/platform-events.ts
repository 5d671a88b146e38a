/** Events of the platform that more than one function reads, as far as they read them. */
import * as z from 'zod/mini';

/** EventBridge: an object was written. Keys come as they are; a bucket without versions names none. */
export const objectCreated = z.object({
  'detail-type': z.literal('Object Created'),
  detail: z.object({
    object: z.object({ key: z.string(), 'version-id': z.optional(z.string()) }),
  }),
});
