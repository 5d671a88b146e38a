/**
 * Cron expressions of schedules: five fields as in crontab(5), without what homes understand differently. Which times they
 * name in a time zone is not said here: an author has no calendar to hand in.
 */
export interface CronFields {
  /** Each ascending. Months from 1, weekdays from 0, which is Sunday. */
  minutes: readonly number[];
  hours: readonly number[];
  /** Null: any. At most one of the two fields of days says something. */
  monthDays: readonly number[] | null;
  months: readonly number[];
  weekdays: readonly number[] | null;
}

/** Each mistake with what to write instead. */
type Mistake = readonly [problem: string, fix: string];

export type ReadCron = { ok: true; fields: CronFields } | { ok: false; mistakes: readonly Mistake[] };

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
/** Of the longest year. */
const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

interface Field {
  name: string;
  least: number;
  most: number;
  /** The first stands for `least`. */
  words?: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of the month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, words: MONTHS },
  // Seven is Sunday too, as crontabs have it.
  { name: 'day of the week', least: 0, most: 7, words: WEEKDAYS },
];

/** What an expression says, or what is wrong with it. */
export function readCron(text: string): ReadCron {
  const words = text.split(' ');
  if (words.length !== FIELDS.length) {
    return refused('it has not five fields', 'Write minute, hour, day of the month, month and day of the week.');
  }
  const values: number[][] = [];
  const mistakes: Mistake[] = [];
  for (const [n, field] of FIELDS.entries()) {
    const found = valuesOf(words[n] ?? '', field);
    if (typeof found === 'string') mistakes.push([`the ${field.name} ${found}`, fixOf(field)]);
    else values.push(found);
  }
  if (mistakes.length > 0) return { ok: false, mistakes };
  const [minutes = [], hours = [], monthDays = [], months = [], weekdays = []] = values;
  const [isAnyMonthDay, isAnyWeekday] = [words[2] === '*', words[4] === '*'];
  if (!isAnyMonthDay && !isAnyWeekday) {
    const problem = 'it names days of the month and days of the week, and programs disagree on what that means';
    return refused(problem, 'Write `*` for one of the two, and a second schedule for the other.');
  }
  if (!isAnyMonthDay && !months.some((month) => (monthDays[0] ?? 0) <= (DAYS_OF_MONTH[month - 1] ?? 0))) {
    return refused('none of its months has such a day', 'Name a day that comes.');
  }
  const sundayFirst = [...new Set(weekdays.map((day) => day % 7))].sort((a, b) => a - b);
  const days = { monthDays: isAnyMonthDay ? null : monthDays, weekdays: isAnyWeekday ? null : sundayFirst };
  return { ok: true, fields: { minutes, hours, months, ...days } };
}

/** The values that a field names, ascending; or what is wrong with it. */
function valuesOf(word: string, { least, most, words = [] }: Field): number[] | string {
  const numberOf = (text: string): number => {
    const place = words.indexOf(text.toUpperCase());
    const value = place >= 0 ? place + least : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : Number.NaN;
  };
  const found = new Set<number>();
  for (const part of word.split(',')) {
    const [, range = '', step] = /^([^/]+)(?:\/([1-9]\d?))?$/.exec(part) ?? [];
    const isAny = range === '*';
    const [first = '', last, ...more] = range.split('-');
    if (step !== undefined && !isAny && last === undefined) return `has a step without a range: ${part}`;
    const from = isAny ? least : numberOf(first);
    const to = isAny ? most : last === undefined ? from : numberOf(last);
    if (Number.isNaN(from) || Number.isNaN(to) || more.length > 0) return `is not understood: ${part || 'nothing'}`;
    if (to < from) return `has a range that runs backwards: ${part}`;
    for (let value = from; value <= to; value += Number(step ?? 1)) found.add(value);
  }
  return [...found].sort((a, b) => a - b);
}

function fixOf({ least, most, words }: Field): string {
  const named = words === undefined ? '' : `, or names such as ${words[1]}`;
  return `Use numbers from ${least} to ${most}${named}: \`*\`, \`*/n\`, \`a\`, \`a-b\`, \`a-b/n\`, or a list of them with commas.`;
}

function refused(problem: string, fix: string): ReadCron {
  return { ok: false, mistakes: [[problem, fix]] };
}
