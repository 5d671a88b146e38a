/**
 * Slot: the scheduler calls once or more often for each slot of a schedule, and one object comes to lie in the inbox.
 * The slot's name is made of the schedule and the time that was planned, so a second call writes the same name, which is
 * taken.
 */
import { sha256Hex } from '@waybill/verify';
import * as z from 'zod/mini';
import type { Told } from '#lambdas/shared/told.ts';
import { latestSlot } from './schedule.ts';

/** What the scheduler is given to hand on. The owner's name in it is what the deployment wrote there, and nobody else can. */
const slotEvent = z.object({
  /** `<aws.scheduler.scheduled-time>`, when the platform fills it in. */
  scheduledTime: z.optional(z.string()),
  schedule: z.object({
    name: z.string().check(z.regex(/^[a-z0-9][a-z0-9._-]{0,62}$/)),
    expression: z.string(),
    /** ISO-8601. */
    start: z.string(),
    queue: z.string().check(z.regex(/^[a-z0-9][a-z0-9._-]{0,62}$/)),
    principal: z.string().check(z.regex(/^[A-Z0-9]{12,128}(?::[\w+=,.@-]{2,64})?$/)),
    /** The run spec. */
    spec: z.record(z.string(), z.unknown()),
  }),
});

type Schedule = z.output<typeof slotEvent>['schedule'];

export interface SlotDuties {
  nowMs(): number;
  /** Writes an object of the inbox where there is none; false: there is one. */
  writeOnce(key: string, text: string): Promise<boolean>;
}

export async function fillSlot(duties: SlotDuties, event: unknown, told: Told): Promise<void> {
  const { scheduledTime, schedule } = slotEvent.parse(event);
  const slotMs =
    plannedMs(scheduledTime) ?? latestSlot(schedule.expression, Date.parse(schedule.start), duties.nowMs());
  if (slotMs === null) {
    told.malformed(`schedule ${schedule.name}`, 'it has no slot yet');
    return;
  }
  const key = `inbox/${schedule.queue}/${schedule.principal}/${slotId(schedule, slotMs)}.json`;
  const isNew = await duties.writeOnce(key, JSON.stringify(schedule.spec));
  told.info(isNew ? 'a slot was filled' : 'a slot was filled before', { schedule: schedule.name, key });
}

/** A placeholder that nobody filled in is no time. */
function plannedMs(text = ''): number | null {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

function slotId({ name }: Schedule, slotMs: number): string {
  return `slot-${sha256Hex(`${name}\n${new Date(slotMs).toISOString()}`)}`;
}
