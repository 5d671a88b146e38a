/** Checks the log as it is shown now against what this auditor has verified before. */

import { mustHold } from '../contradiction.ts';
import { fromBase64 } from '../crypto/base64.ts';
import { consistencyProof, verifyConsistency } from '../log/merkle-proof.ts';
import { LedgerUnreachable } from '../log/tile-source.ts';
import { tileHashReader } from '../log/tiles.ts';
import { partsOf, sightingOf } from '../verdict/sighting.ts';
import type { Sighting } from '../verdict/verify-state.ts';
import type { AuditorMaterial, Check, CheckContext, Outcome } from './check.ts';

export const state: Check = {
  id: 'state',
  claim: 'The log as it is shown now does not contradict what was verified before.',
  code: 'STATE_FORK',
  start({ facts, state: memory, readTile }: CheckContext) {
    return {
      async finish() {
        if (memory === undefined) return { status: 'skip', code: 'NO_STATE', detail: 'no state was supplied' };
        const sighting = sightingOf(facts);
        memory.compare(sighting);
        const known = memory.heads(sighting.origin);
        const newest = known.at(-1);
        if (newest === undefined) return passed('nothing of this log was verified before');
        if (readTile !== undefined) return leadToOne([...known, sighting.checkpoint], readTile);
        if (newest.size === sighting.checkpoint.size)
          return passed(`the same checkpoint of size ${newest.size} as before`);
        return passed(comparedParts(newest, sighting));
      },
    };
  },
};

interface Head {
  size: number;
  root: string;
}

/** Without tiles only the parts of the log are compared that proofs on both sides happen to name. */
function comparedParts(newest: Head, { checkpoint, nodes }: Sighting): string {
  const [older, newer] = newest.size < checkpoint.size ? [newest, checkpoint] : [checkpoint, newest];
  const known = new Set(nodes.map(({ at }) => at));
  const isWhole = older.size !== checkpoint.size && partsOf(older.size).every((part) => known.has(part));
  const what = `the checkpoints of size ${older.size} and ${newer.size}`;
  return isWhole ? `${what} are consistent` : `${what} share no contradiction; without the ledger no more is shown`;
}

/** All of them, not the newest alone: some may have been remembered when there was no ledger to compare them through. */
async function leadToOne(heads: readonly Head[], readTile: NonNullable<AuditorMaterial['readTile']>): Promise<Outcome> {
  const sizes = [...new Set(heads.map(({ size }) => size))].sort((a, b) => a - b);
  const last = heads.reduce((most, head) => (head.size > most.size ? head : most));
  const readHash = tileHashReader(last.size, readTile);
  try {
    for (const { size, root } of heads) {
      if (size === last.size) continue;
      const proof = await consistencyProof(size, last.size, readHash);
      const isConsistent = verifyConsistency(size, last.size, fromBase64(root), fromBase64(last.root), proof);
      mustHold(isConsistent, `the ledger does not lead from the checkpoint of size ${size} to that of ${last.size}`);
    }
  } catch (error) {
    if (!(error instanceof LedgerUnreachable)) throw error;
    return { status: 'unreachable', code: 'LEDGER_UNREADABLE', detail: 'the ledger lacks a tile of the log' };
  }
  if (sizes.length === 1) return passed(`the same checkpoint of size ${last.size} as before`);
  const others = sizes.length === 2 ? `${sizes[0]} and ${last.size}` : `${sizes[0]} to ${last.size} (${sizes.length})`;
  return passed(`the checkpoints of size ${others} are consistent, shown through the ledger`);
}

function passed(detail: string): Outcome {
  return { status: 'pass', code: null, detail };
}
