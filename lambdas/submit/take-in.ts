/**
 * Submit: S3 says which version of which object arrived; it is read, answered and archived. The reconciler asks now and then
 * to look after schedules, whose alarms are made here.
 */
import * as z from 'zod/mini';
import type { FlowDeps } from '#flow/deps.ts';
import { takeInOne } from '#flow/inbox.ts';
import { resumeSchedules } from '#flow/slots.ts';
import { type BatchResponse, eachMessage } from '#lambdas/shared/batch.ts';
import { requireBegun } from '#lambdas/shared/keys-in-force.ts';
import { isTried, objectsCreated, objectsOf } from '#lambdas/shared/platform-events.ts';
import { schedulesMessage } from '#lambdas/shared/schedules-message.ts';
import type { Told } from '#lambdas/shared/told.ts';
import type { InboxObject } from '#ports/inbox.ts';

const asked = z.union([objectsCreated, schedulesMessage]);
/** A slot that came a moment ago is being filled: two would do it at once. */
const CALL_PATIENCE_MS = 30_000;

export interface SubmitDuties {
  flow: FlowDeps;
  /** The object of a key; null outside the inbox. Its version decides what is read, whatever came after it. */
  objectOf(key: string, version: string | undefined): InboxObject | null;
}

export async function takeInMessages(duties: SubmitDuties, event: unknown, told: Told): Promise<BatchResponse> {
  const { flow } = duties;
  if (isTried(event)) return { batchItemFailures: [] };
  await requireBegun(flow);
  return eachMessage(event, asked, told, async (message) => {
    if ('resume' in message) {
      const due = { patienceMs: CALL_PATIENCE_MS };
      return resumeSchedules(flow, (about, error) => told.trouble(about, error), due);
    }
    for (const { key, version } of objectsOf(message)) {
      const object = duties.objectOf(key, version);
      if (object !== null) await takeInOne(flow, object);
    }
  });
}
