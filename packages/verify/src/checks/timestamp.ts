/** Checks the time-stamp token in the file against the auditor's roots. */

import { mustFind } from '../contradiction.ts';
import { utf8 } from '../crypto/bytes.ts';
import { timestampInterval } from '../rfc3161/timestamp-interval.ts';
import { verifyTimestamp } from '../rfc3161/verify-timestamp.ts';
import type { Check, CheckContext } from './check.ts';

export const timestamp: Check = {
  id: 'timestamp',
  claim: 'A time-stamping authority that the policy trusts has stamped exactly the bytes of this checkpoint.',
  code: 'TIMESTAMP_INVALID',
  start({ facts, proven, tsa }: CheckContext) {
    return {
      async finish() {
        const { tsr } = facts;
        if (tsr === undefined) return { status: 'skip', code: 'NO_TIMESTAMP', detail: 'the file carries no token' };
        if (tsa === undefined) {
          return { status: 'skip', code: 'NO_TSA_ROOTS', detail: 'the token was not judged: no roots were supplied' };
        }
        const { proof } = mustFind(facts.sealedEntry, 'the file has no checkpoint', 'LOG_ENTRY_MISSING');
        const stamp = await verifyTimestamp({ ...tsa, tsr, message: utf8(proof.checkpoint) });
        proven.timestamp = timestampInterval(stamp);
        const accuracy = stamp.isAccuracyStated ? `${stamp.accuracyMs} ms` : 'a second, as it does not say';
        const at = new Date(stamp.genTimeMs).toISOString();
        return { status: 'pass', code: null, detail: `${at}, give or take ${accuracy}; policy ${stamp.policy}` };
      },
    };
  },
};
