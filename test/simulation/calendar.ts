/**
 * Which times a schedule names, found by looking at each minute: slow, and with nothing of the arithmetic of `core/slots.ts` in it.
 */
import type { MissedRule, ScheduleSpec } from '@waybill/client/compile';
import { readCron } from '../../packages/client/src/cron.ts';

const MINUTE_MS = 60_000;
/** Clocks everywhere are changed by a multiple of this, and at one. */
const QUARTER_MS = 15 * MINUTE_MS;
const MOST_SET_BACK_MS = 180 * MINUTE_MS;

export type When = Pick<ScheduleSpec['spec'], 'cron' | 'timeZone'>;

/** Slots after one time and at or before another, ascending. */
export function slotsIn(when: When, afterMs: number, untilMs: number): number[] {
  const slots: number[] = [];
  for (let ms = (Math.floor(afterMs / MINUTE_MS) + 1) * MINUTE_MS; ms <= untilMs; ms += MINUTE_MS)
    if (isSlot(when, ms)) slots.push(ms);
  return slots;
}

export function isSlot({ cron, timeZone }: When, ms: number): boolean {
  const read = readCron(cron);
  if (!read.ok || ms % MINUTE_MS !== 0) return false;
  const { minutes, hours, months, monthDays, weekdays } = read.fields;
  const shown = new Date(ms + aheadMs(timeZone, ms));
  const isNamed =
    minutes.includes(shown.getUTCMinutes()) &&
    hours.includes(shown.getUTCHours()) &&
    months.includes(shown.getUTCMonth() + 1) &&
    (monthDays?.includes(shown.getUTCDate()) ?? true) &&
    (weekdays?.includes(shown.getUTCDay()) ?? true);
  return isNamed && !wasShownBefore(timeZone, ms);
}

/** The clock was set back meanwhile. */
function wasShownBefore(timeZone: string, ms: number): boolean {
  for (let backMs = QUARTER_MS; backMs <= MOST_SET_BACK_MS; backMs += QUARTER_MS)
    if (aheadMs(timeZone, ms - backMs) === aheadMs(timeZone, ms) + backMs) return true;
  return false;
}

const known = new Map<string, number>();
const clocks = new Map<string, Intl.DateTimeFormat>();

/** What clocks of the zone are ahead of UTC. */
function aheadMs(timeZone: string, ms: number): number {
  const quarterMs = Math.floor(ms / QUARTER_MS) * QUARTER_MS;
  const name = `${timeZone} ${quarterMs}`;
  const found = known.get(name);
  if (found !== undefined) return found;
  const clock =
    clocks.get(timeZone) ?? new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  clocks.set(timeZone, clock);
  const [y = 0, m = 0, d = 0, h = 0, min = 0] = clock.format(quarterMs).split(/\D/).map(Number);
  const ahead = Date.UTC(y, m - 1, d, h, min) - quarterMs;
  if (known.size > 100_000) known.clear();
  known.set(name, ahead);
  return ahead;
}

/** Those of some slots that are to become runs when nobody looked before `nowMs`. Null: two clocks may differ about it. */
export function toBeFilled(missed: MissedRule, slots: readonly number[], nowMs: number): number[] | null {
  if (typeof missed === 'object') return slots.slice(-missed.all);
  const latestMs = slots.at(-1);
  if (missed === 'latest' || latestMs === undefined) return slots.slice(-1);
  // What was decided was decided up to a slow transaction ago.
  const lateMs = nowMs - latestMs - 5 * MINUTE_MS;
  if (lateMs > -1_000 && lateMs < MINUTE_MS) return null;
  return lateMs < 0 ? [latestMs] : [];
}
