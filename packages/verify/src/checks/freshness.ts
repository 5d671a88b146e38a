/** Checks how long ago a third party last vouched for the checkpoint. The operator's own clock does not count. */
import { freshnessOf } from '../verdict/verdict.ts';
import type { Check, CheckContext } from './check.ts';

export const freshness: Check = {
  id: 'freshness',
  claim: 'A third party vouched for the checkpoint no longer ago than the policy allows.',
  code: 'TOO_OLD',
  start({ proven, maxAgeMs, nowMs }: CheckContext) {
    return {
      finish() {
        if (maxAgeMs === null) return { status: 'skip', code: 'NO_AGE_LIMIT', detail: 'no greatest age was required' };
        const { attested, ageMs } = freshnessOf(proven, nowMs);
        if (attested === null || ageMs === null) {
          const isAhead = attested !== null;
          const detail = isAhead
            ? `${attested.at} (${attested.by}) is ahead of the clock of this verifier`
            : 'no third party vouched for a time of the checkpoint';
          return { status: 'short', code: 'AGE_UNKNOWN', detail };
        }
        const detail = `vouched for at ${attested.at} (${attested.by}), ${ageMs} ms ago; ${maxAgeMs} ms are allowed`;
        return ageMs <= maxAgeMs
          ? { status: 'pass', code: null, detail }
          : { status: 'short', code: 'TOO_OLD', detail };
      },
    };
  },
};
