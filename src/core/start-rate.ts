/**
 * How fast a queue may start items: a bucket that fills steadily, is full at first, and pays for each start. In whole numbers:
 * each millisecond brings `starts` drops, and a start costs as many drops as its period has milliseconds.
 */
import type { StartRate } from '#core/queue-definition.ts';

export interface StartBucket {
  drops: number;
  atMs: number;
}

const costOf = ({ perSeconds }: StartRate): number => perSeconds * 1_000;

function dropsAt(rate: StartRate, bucket: StartBucket | undefined, nowMs: number): number {
  const most = rate.starts * costOf(rate);
  if (bucket === undefined) return most;
  // A clock that was set back brings nothing and takes nothing.
  return Math.min(most, bucket.drops + Math.max(0, nowMs - bucket.atMs) * rate.starts);
}

/** When the next item may start: `nowMs` if it may now. */
export function nextStartMs(rate: StartRate, bucket: StartBucket | undefined, nowMs: number): number {
  const missing = costOf(rate) - dropsAt(rate, bucket, nowMs);
  return missing <= 0 ? nowMs : Math.max(nowMs, bucket?.atMs ?? 0) + Math.ceil(missing / rate.starts);
}

/** How many items may start now, one after the other. */
export function startsNow(rate: StartRate, bucket: StartBucket | undefined, nowMs: number): number {
  return Math.floor(dropsAt(rate, bucket, nowMs) / costOf(rate));
}

/** The bucket after a start; only when one may start now. */
export function afterStart(rate: StartRate, bucket: StartBucket | undefined, nowMs: number): StartBucket {
  const atMs = Math.max(nowMs, bucket?.atMs ?? 0);
  return { drops: dropsAt(rate, bucket, nowMs) - costOf(rate), atMs };
}
