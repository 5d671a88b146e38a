/**
 * Slots: the times that a schedule names. Pure arithmetic over a cron expression and a time zone, in both directions.
 *
 * The rule for daylight saving is one sentence: a time that the clock does not show is no slot, and of a time that it shows
 * twice only the first is one. So there is at most one slot for each time of a day that the expression names, and later
 * slots stand at later times of the calendar.
 */
import type { CronFields, MissedRule } from '@waybill/client/compile';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Between two 29ths of February around a year without one, and a weekday of four weeks is sooner. */
const MAX_DAYS = 8 * 366 + 31;
/** Nowhere is a clock set back by more. */
const MAX_SET_BACK_MS = 3 * 3_600_000;
/** A slot that is filled later than this was missed. */
const IN_TIME_MS = 5 * MINUTE_MS;

export interface Timing {
  fields: CronFields;
  /** IANA name. */
  timeZone: string;
}

/** The first slot after a time, in ms since the epoch; null when none comes. */
export function nextSlot(timing: Timing, afterMs: number): number | null {
  const { fields, timeZone } = timing;
  const hours = fields.hours.map((hour) => hour * 60);
  const fromMs = wallOf(timeZone, afterMs);
  const today = Math.floor(fromMs / DAY_MS);
  for (let day = today; day < today + MAX_DAYS; day += 1) {
    if (!hasDay(fields, day)) continue;
    for (const hour of hours) {
      if (day * DAY_MS + (hour + 59) * MINUTE_MS < fromMs) continue;
      for (const minute of fields.minutes) {
        const slotMs = instantOf(timeZone, day * DAY_MS + (hour + minute) * MINUTE_MS);
        if (slotMs !== null && slotMs > afterMs) return slotMs;
      }
    }
  }
  return null;
}

/** The latest slot at or before a time, in ms since the epoch; null when there is none in eight years. */
export function latestSlot(timing: Timing, atMs: number): number | null {
  const { fields, timeZone } = timing;
  const [hours, minutes] = [fields.hours.toReversed(), fields.minutes.toReversed()];
  // While the clock shows an hour for the second time, slots of its first showing stand ahead of it on the dial.
  const toMs = wallOf(timeZone, atMs) + MAX_SET_BACK_MS;
  const today = Math.floor(toMs / DAY_MS);
  for (let day = today; day > today - MAX_DAYS; day -= 1) {
    if (!hasDay(fields, day)) continue;
    for (const hour of hours) {
      if (day * DAY_MS + hour * 60 * MINUTE_MS > toMs) continue;
      for (const minute of minutes) {
        const slotMs = instantOf(timeZone, day * DAY_MS + (hour * 60 + minute) * MINUTE_MS);
        if (slotMs !== null && slotMs <= atMs) return slotMs;
      }
    }
  }
  return null;
}

/** The latest slots after one time and at or before another, at most so many, ascending. */
export function slotsBetween(timing: Timing, afterMs: number, untilMs: number, most: number): number[] {
  const slots: number[] = [];
  for (let atMs = untilMs; slots.length < most; ) {
    const slotMs = latestSlot(timing, atMs);
    if (slotMs === null || slotMs <= afterMs) break;
    slots.unshift(slotMs);
    atMs = slotMs - 1;
  }
  return slots;
}

export interface DueSlots {
  /** Those that become runs, ascending. */
  fill: number[];
  /** The first and the last of those that nobody fills any more, by the rule. */
  passedOver?: { fromMs: number; toMs: number };
  /** The latest that has come, filled or not. */
  latestMs: number;
}

/**
 * What is to be done at a time about the slots since another, which was the latest that was decided about; null when none
 * has come. skip: the latest one, if it is not missed. latest: the latest one. all: the latest so many.
 */
export function dueSlots(timing: Timing, missed: MissedRule, decidedMs: number, nowMs: number): DueSlots | null {
  const most = typeof missed === 'object' ? missed.all : 1;
  const found = slotsBetween(timing, decidedMs, nowMs, most + 1);
  const latestMs = found.at(-1);
  if (latestMs === undefined) return null;
  const isMissed = missed === 'skip' && nowMs - latestMs > IN_TIME_MS;
  const fill = isMissed ? [] : found.slice(-most);
  const lastPassedMs = found.filter((slotMs) => !fill.includes(slotMs)).at(-1);
  if (lastPassedMs === undefined) return { fill, latestMs };
  const fromMs = nextSlot(timing, decidedMs) ?? lastPassedMs;
  return { fill, latestMs, passedOver: { fromMs, toMs: lastPassedMs } };
}

/** @param day since the epoch, of the local calendar */
function hasDay({ months, monthDays, weekdays }: CronFields, day: number): boolean {
  const date = new Date(day * DAY_MS);
  if (!months.includes(date.getUTCMonth() + 1)) return false;
  if (weekdays !== null) return weekdays.includes(date.getUTCDay());
  return monthDays?.includes(date.getUTCDate()) ?? true;
}

/** The first instant at which clocks of the zone show a local time, which is written as if it were UTC; null when none does. */
function instantOf(timeZone: string, wallMs: number): number | null {
  // Whatever changes within a day, one of these offsets is in force.
  const offsets = [offsetOf(timeZone, wallMs - DAY_MS), offsetOf(timeZone, wallMs + DAY_MS)];
  const instants = offsets.map((offsetMs) => wallMs - offsetMs).filter((ms) => wallOf(timeZone, ms) === wallMs);
  return instants.length === 0 ? null : Math.min(...instants);
}

function wallOf(timeZone: string, atMs: number): number {
  return atMs + offsetOf(timeZone, atMs);
}

/** What clocks of the zone are ahead of UTC, in ms. */
function offsetOf(timeZone: string, atMs: number): number {
  const shown: Record<string, number> = {};
  for (const { type, value } of calendarOf(timeZone).formatToParts(atMs)) shown[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1000) * 1000;
}

/** They are dear to make. Their number is that of the time zones. */
const calendars = new Map<string, Intl.DateTimeFormat>();

function calendarOf(timeZone: string): Intl.DateTimeFormat {
  const known = calendars.get(timeZone);
  if (known !== undefined) return known;
  const calendar = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  calendars.set(timeZone, calendar);
  return calendar;
}
