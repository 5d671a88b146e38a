/**
 * Slot: the scheduler calls once or more often for each slot of a schedule. What is due then follows from the rows: the time
 * that the scheduler names only says that its clock has come so far.
 */
import * as z from 'zod/mini';
import type { FlowDeps } from '#flow/deps.ts';
import { fillSlots } from '#flow/slots.ts';
import type { Told } from '#lambdas/shared/told.ts';

/** What the scheduler is given to hand on; see src/adapters/aws/scheduler.ts. */
const slotEvent = z.object({
  /** `<aws.scheduler.scheduled-time>`, where the platform does not fill it in. */
  scheduledTime: z.optional(z.string()),
  schedule: z.object({ principal: z.string(), name: z.string() }),
});

export async function fillSlot(flow: FlowDeps, event: unknown, told: Told): Promise<void> {
  const asked = slotEvent.safeParse(event);
  if (!asked.success) return told.malformed('the event', 'it names no schedule');
  const { scheduledTime = '', schedule } = asked.data;
  const plannedMs = Date.parse(scheduledTime);
  await fillSlots(flow, schedule, Number.isNaN(plannedMs) ? {} : { plannedMs });
}
