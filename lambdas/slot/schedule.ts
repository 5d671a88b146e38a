/**
 * When a schedule has its slots. Only as much of the scheduler's expressions as it takes to name the slot that is due
 * when the platform does not say which one it is: `rate(<n> <unit>)` from a start, and `cron(...)` in UTC with numbers,
 * names, lists, ranges and steps.
 */
import { TerminalError } from '@waybill/client/errors';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = { minute: MINUTE_MS, hour: 60 * MINUTE_MS, day: DAY_MS };
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
/** The scheduler counts them from 1. */
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
/** A schedule without a slot in so many days has none that anybody waits for. */
const MAX_DAYS = 4 * 366;

/**
 * The start of the latest slot at or before a time, in ms since the epoch; null when there was none.
 * @param startMs when the schedule began: where the slots of a rate are counted from
 * @throws TerminalError SPEC_INVALID for an expression that is not understood
 */
export function latestSlot(expression: string, startMs: number, nowMs: number): number | null {
  if (nowMs < startMs) return null;
  const rate = /^rate\((\d{1,6}) (minute|hour|day)s?\)$/.exec(expression);
  if (rate) {
    const everyMs = Number(rate[1]) * (UNITS[rate[2] ?? ''] ?? 0);
    if (everyMs > 0) return startMs + Math.floor((nowMs - startMs) / everyMs) * everyMs;
  }
  const cron = /^cron\(([^()]+)\)$/.exec(expression)?.[1]?.split(' ') ?? [];
  if (cron.length !== 6) throw notUnderstood(expression);
  const found = latestOfCron(fieldsOf(expression, cron), nowMs);
  return found !== null && found >= startMs ? found : null;
}

interface Fields {
  minutes: Set<number>;
  hours: Set<number>;
  /** Null where the other field of days decides. */
  monthDays: Set<number> | null;
  months: Set<number>;
  weekdays: Set<number> | null;
  years: Set<number>;
}

function fieldsOf(
  expression: string,
  [minute = '', hour = '', monthDay = '', month = '', weekday = '', year = '']: string[],
): Fields {
  const set = (field: string, from: number, to: number, names: readonly string[] = []): Set<number> =>
    valuesOf(expression, field, from, to, names);
  if ((monthDay === '?') === (weekday === '?')) throw notUnderstood(expression);
  return {
    minutes: set(minute, 0, 59),
    hours: set(hour, 0, 23),
    monthDays: monthDay === '?' ? null : set(monthDay, 1, 31),
    months: set(month, 1, 12, MONTHS),
    weekdays: weekday === '?' ? null : set(weekday, 1, 7, WEEKDAYS),
    years: set(year, 1970, 2199),
  };
}

function valuesOf(
  expression: string,
  field: string,
  least: number,
  most: number,
  names: readonly string[],
): Set<number> {
  const numberOf = (text: string): number => {
    const named = names.indexOf(text.toUpperCase());
    const value = named >= 0 ? named + 1 : /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw notUnderstood(expression);
    return value;
  };
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '', step] = part.split('/');
    const [first = '', last] = range === '*' ? [String(least), String(most)] : range.split('-');
    const from = numberOf(first);
    const to = last === undefined ? (step === undefined ? from : most) : numberOf(last);
    const every = step === undefined ? 1 : Number(/^[1-9]\d{0,3}$/.exec(step)?.[0] ?? Number.NaN);
    if (Number.isNaN(every) || to < from) throw notUnderstood(expression);
    for (let value = from; value <= to; value += every) values.add(value);
  }
  return values;
}

/** Day by day backwards, then the latest hour and minute of that day. */
function latestOfCron(fields: Fields, nowMs: number): number | null {
  const today = Math.floor(nowMs / DAY_MS);
  for (let day = today; day > today - MAX_DAYS; day -= 1) {
    if (!hasDay(fields, new Date(day * DAY_MS))) continue;
    const lastMinute = day === today ? Math.floor((nowMs % DAY_MS) / MINUTE_MS) : 24 * 60 - 1;
    for (let minute = lastMinute; minute >= 0; minute -= 1) {
      if (fields.hours.has(Math.floor(minute / 60)) && fields.minutes.has(minute % 60))
        return day * DAY_MS + minute * MINUTE_MS;
    }
  }
  return null;
}

function hasDay({ years, months, monthDays, weekdays }: Fields, date: Date): boolean {
  if (!years.has(date.getUTCFullYear()) || !months.has(date.getUTCMonth() + 1)) return false;
  return monthDays?.has(date.getUTCDate()) ?? weekdays?.has(date.getUTCDay() + 1) ?? false;
}

function notUnderstood(expression: string): TerminalError {
  return new TerminalError({
    code: 'SPEC_INVALID',
    path: 'schedule.expression',
    problem: `${JSON.stringify(expression.slice(0, 100))} is not understood`,
    fix: 'Write rate(<n> minutes|hours|days), or cron(<six fields>) in UTC without L, W and #.',
  });
}
