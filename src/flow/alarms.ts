/** Alarms: the scheduler of a home is told of schedules what their rows say. */
import { readCron } from '@waybill/client/compile';
import { RetryableError } from '@waybill/client/errors';
import { keys } from '#core/rows.ts';
import type { ScheduleRow } from '#core/schedule-rows.ts';
import type { Timing } from '#core/slots.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { peek } from '#flow/transaction.ts';
import type { ScheduleRef, SlotAlarm } from '#ports/scheduler.ts';

/** Changes of one schedule that come while its alarm is set; more is a loop and not a race. */
const ALARM_TRIES = 5;

/**
 * The scheduler calls for what the row says, and for nothing else. Nothing fences a scheduler: what is done here may land
 * behind what somebody else did for a newer row. So whoever has done something reads again, and whoever is last has it right.
 */
export async function setAlarm(deps: FlowDeps, ref: ScheduleRef): Promise<void> {
  const read = async (): Promise<SlotAlarm | null> => {
    const row = await peek<ScheduleRow>(deps, keys.schedule(ref.principal, ref.name));
    return row === null || row.removed || row.paused ? null : { ...ref, ...timingOf(row) };
  };
  let wanted = await read();
  for (let tried = 0; tried < ALARM_TRIES; tried += 1) {
    await (wanted === null ? deps.scheduler.remove(ref) : deps.scheduler.set(wanted));
    const isNow = await read();
    if (JSON.stringify(isNow) === JSON.stringify(wanted)) return;
    wanted = isNow;
  }
  throw new RetryableError({
    code: 'STORE_BUSY',
    path: ref.name,
    problem: 'the schedule was changed again each time that its alarm had been set',
    fix: 'Nothing needs to be done: the alarm is set again later.',
  });
}

export function timingOf({ cron, timeZone }: Pick<ScheduleRow, 'cron' | 'timeZone'>): Timing {
  const read = readCron(cron);
  if (!read.ok) throw new RangeError(`a stored schedule says ${cron}`);
  return { fields: read.fields, timeZone };
}
