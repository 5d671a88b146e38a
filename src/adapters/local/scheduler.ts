/**
 * Scheduler in this process. It keeps nothing: whoever starts an engine sets the schedules that are stored, and looks for
 * what was missed. The wall clock is looked at once a minute at least, because a machine that sleeps stops its timers.
 */
import { nextSlot } from '#core/slots.ts';
import type { Clock } from '#ports/clock.ts';
import type { ScheduleRef, Scheduler, SlotAlarm } from '#ports/scheduler.ts';

const LOOK_MS = 60_000;

interface Alarm {
  alarm: SlotAlarm;
  /** Null: none comes any more. */
  dueMs: number | null;
}

export function createLocalScheduler(clock: Clock): Scheduler {
  const alarms = new Map<string, Alarm>();
  let call = (_ref: ScheduleRef): void => {};
  let cancel = (): void => {};

  const wake = (): void => {
    const nowMs = clock.nowMs();
    for (const one of alarms.values()) {
      if (one.dueMs === null || one.dueMs > nowMs) continue;
      one.dueMs = nextSlot(one.alarm, nowMs);
      call({ principal: one.alarm.principal, name: one.alarm.name });
    }
    wakeLater();
  };
  const wakeLater = (): void => {
    cancel();
    const due = [...alarms.values()].flatMap(({ dueMs }) => (dueMs === null ? [] : [dueMs]));
    if (due.length === 0) return;
    cancel = clock.after(Math.min(LOOK_MS, Math.max(0, Math.min(...due) - clock.nowMs())), wake);
  };

  return {
    async set(alarm) {
      alarms.set(nameOf(alarm), { alarm, dueMs: nextSlot(alarm, clock.nowMs()) });
      wakeLater();
    },
    async remove(ref) {
      alarms.delete(nameOf(ref));
      wakeLater();
    },
    onDue(listener) {
      call = listener;
    },
  };
}

function nameOf({ principal, name }: ScheduleRef): string {
  return `${principal}/${name}`;
}
