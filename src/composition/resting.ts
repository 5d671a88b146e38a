import { RetryableError } from '@waybill/client/errors';
import type { Clock } from '#ports/clock.ts';

/** An outsider that was away is not asked again for so long: every checkpoint would wait for it in vain. */
const REST_MS = 60_000;
const AWAY: ReadonlySet<string> = new Set(['WITNESS_UNREACHABLE', 'TSA_UNREACHABLE']);

/** The same call, which fails at once with the same words while whoever is called rests. */
export function resting<A, T>(clock: Clock, call: (asked: A) => Promise<T>): (asked: A) => Promise<T> {
  let away: { untilMs: number; error: RetryableError } | null = null;
  return async (asked) => {
    if (away !== null && clock.nowMs() < away.untilMs) throw away.error;
    try {
      const answer = await call(asked);
      away = null;
      return answer;
    } catch (error) {
      if (error instanceof RetryableError && AWAY.has(error.code)) {
        away = { untilMs: clock.nowMs() + REST_MS, error };
      }
      throw error;
    }
  };
}
