/** Checks the cosignatures under the checkpoint against the auditor's witness policy. */
import { mustFind } from '../contradiction.ts';
import { evaluateQuorum } from '../log/tlog-policy.ts';
import type { Check, CheckContext } from './check.ts';

export const witnesses: Check = {
  id: 'witnesses',
  claim: 'As many witnesses as the policy asks for have seen this checkpoint, and none of them a larger log before it.',
  code: 'COSIGNATURE_INVALID',
  start({ facts, proven, witnesses: policy }: CheckContext) {
    return {
      async finish() {
        if (policy === undefined) {
          return { status: 'skip', code: 'NO_WITNESS_POLICY', detail: 'no witness policy was supplied' };
        }
        const { note, checkpoint } = mustFind(facts.sealedEntry, 'the file has no checkpoint', 'LOG_ENTRY_MISSING');
        const {
          met,
          k,
          n,
          witnesses: seen,
          seenByMs,
          logListed,
        } = await evaluateQuorum(policy, note, checkpoint.origin);
        const names = seen.map(({ name }) => name);
        if (met && seenByMs !== null) {
          const earliestMs = Math.min(...seen.map(({ timeMs }) => timeMs));
          proven.quorum = { k, n, names, earliestMs, latestMs: seenByMs };
          return { status: 'pass', code: null, detail: `${k} of ${n}: ${names.join(', ')}` };
        }
        const why = logListed ? `${k} of ${n} witnesses have signed` : 'the policy names other keys of this log';
        return { status: 'short', code: 'QUORUM_NOT_MET', detail: n === 0 ? 'the policy asks for no witness' : why };
      },
    };
  },
};
