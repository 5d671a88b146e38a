/** Submit: S3 says which version of which object arrived; it is read, answered and archived. */

import type { FlowDeps } from '#flow/deps.ts';
import { takeInOne } from '#flow/inbox.ts';
import { type BatchResponse, eachMessage } from '#lambdas/shared/batch.ts';
import { requireBegun } from '#lambdas/shared/keys-in-force.ts';
import { isTried, objectsCreated, objectsOf } from '#lambdas/shared/platform-events.ts';
import type { Told } from '#lambdas/shared/told.ts';
import type { InboxObject } from '#ports/inbox.ts';

export interface SubmitDuties {
  flow: FlowDeps;
  /** The object of a key; null outside the inbox. Its version decides what is read, whatever came after it. */
  objectOf(key: string, version: string | undefined): InboxObject | null;
}

export async function takeInMessages(duties: SubmitDuties, event: unknown, told: Told): Promise<BatchResponse> {
  const { flow } = duties;
  if (isTried(event)) return { batchItemFailures: [] };
  await requireBegun(flow);
  return eachMessage(event, objectsCreated, told, async (message) => {
    for (const { key, version } of objectsOf(message)) {
      const object = duties.objectOf(key, version);
      if (object !== null) await takeInOne(flow, object);
    }
  });
}
