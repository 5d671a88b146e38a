/** A time in which no function runs: what was under way is cut off, calls fail, and the clock goes on. */
import type { FaultPlan } from './faults.ts';

const MINUTE_MS = 60_000;
const LENGTHS_MS = { minutes: 4 * MINUTE_MS, hours: 217 * MINUTE_MS, weeks: 23 * 24 * 60 * MINUTE_MS } as const;
const KINDS = ['minutes', 'minutes', 'hours', 'weeks'] as const;

export interface Outage {
  fromMs: number;
  untilMs: number;
}

export function outageOf(faults: FaultPlan, startMs: number): Outage | null {
  const draw = faults.draw('outage');
  const kind = faults.strike('outage', draw, KINDS);
  if (kind === null) return null;
  const fromMs = startMs + 2 * MINUTE_MS + (draw.bits % (6 * MINUTE_MS));
  return { fromMs, untilMs: fromMs + LENGTHS_MS[kind] };
}
