/**
 * The platform's scheduler: it calls the slot function at each slot of the schedules that it was told of, sometimes twice, late,
 * or not at all, and now and then without saying for which time.
 */
import type { Scheduler, SlotAlarm } from '#ports/scheduler.ts';
import { isSlot, type When } from './calendar.ts';
import type { Container } from './container.ts';
import type { FaultPlan } from './faults.ts';
import type { Timeline } from './timeline.ts';

const MINUTE_MS = 60_000;
const UNFILLED = '<aws.scheduler.scheduled-time>';
const CALL_FAULTS = ['lost', 'late', 'twice', 'late', 'later'] as const;

interface World {
  timeline: Timeline;
  faults: FaultPlan;
  /** Until when nothing runs; in the past when all does. */
  awayUntilMs(): number;
}

export class AlarmClock {
  readonly #world: World;
  readonly #call: (event: object) => void;
  /** What was set, by schedule, and what it means. */
  readonly #alarms = new Map<string, { text: string; when: When }>();

  constructor(world: World, call: (event: object) => void) {
    this.#world = world;
    this.#call = call;
  }

  portOf(container: Container): Scheduler {
    return {
      set: (alarm) => container.call(`alarm set ${nameOf(alarm)}`, () => this.#set(alarm)),
      remove: (ref) => container.call(`alarm remove ${nameOf(ref)}`, () => void this.#alarms.delete(nameOf(ref))),
      onDue: () => {},
    };
  }

  #set(alarm: SlotAlarm): void {
    const name = nameOf(alarm);
    const text = JSON.stringify(alarm);
    if (this.#alarms.get(name)?.text === text) return;
    this.#alarms.set(name, { text, when: { cron: cronOf(alarm), timeZone: alarm.timeZone } });
    this.#watch(alarm, text);
  }

  /** Minute after minute, until something else is set. */
  #watch({ principal, name, ...rest }: SlotAlarm, text: string): void {
    const { timeline, faults } = this.#world;
    const fromMs = Math.max(timeline.nowMs, this.#world.awayUntilMs());
    const minuteMs = (Math.floor(fromMs / MINUTE_MS) + 1) * MINUTE_MS;
    timeline.at(minuteMs, () => {
      const alarm = this.#alarms.get(nameOf({ principal, name }));
      if (alarm?.text !== text) return;
      this.#watch({ principal, name, ...rest }, text);
      if (!isSlot(alarm.when, minuteMs)) return;
      const draw = faults.draw(`alarm ${principal} ${name}`);
      const fault = faults.strike('event', draw, CALL_FAULTS);
      const scheduledTime = draw.bits % 3 === 0 ? UNFILLED : new Date(minuteMs).toISOString();
      const call = (afterMs: number): void =>
        timeline.after(afterMs, () => this.#call({ scheduledTime, schedule: { principal, name } }));
      if (fault === 'lost') return;
      call(fault === 'later' ? 400_000 : fault === 'late' ? 90_000 : draw.bits % 5 === 0 ? 0 : draw.bits % 20_000);
      if (fault === 'twice') call(draw.bits % 30_000);
    });
  }
}

function nameOf({ principal, name }: { principal: string; name: string }): string {
  return `${principal}/${name}`;
}

function cronOf({ fields }: SlotAlarm): string {
  const { minutes, hours, monthDays, months, weekdays } = fields;
  return [minutes, hours, monthDays ?? ['*'], months, weekdays ?? ['*']].map((values) => values.join(',')).join(' ');
}
