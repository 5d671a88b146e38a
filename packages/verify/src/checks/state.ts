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
        const newest = memory.newest(sighting.origin);
        if (newest === undefined) return passed('nothing of this log was verified before');
        const isLater = newest.size < sighting.checkpoint.size;
        const heads: [Head, Head] = isLater ? [newest, sighting.checkpoint] : [sighting.checkpoint, newest];
        if (heads[0].size === heads[1].size) return passed(`the same checkpoint of size ${newest.size} as before`);
        if (readTile === undefined) return passed(comparedParts(heads, sighting));
        return compareHeads(heads, readTile);
      },
    };
  },
};

interface Head {
  size: number;
  root: string;
}

/** Without tiles only the parts of the log are compared that proofs on both sides happen to name. */
function comparedParts([older, newer]: readonly [Head, Head], { checkpoint, nodes }: Sighting): string {
  const known = new Set(nodes.map(({ at }) => at));
  const isWhole = older.size !== checkpoint.size && partsOf(older.size).every((part) => known.has(part));
  const what = `the checkpoints of size ${older.size} and ${newer.size}`;
  return isWhole ? `${what} are consistent` : `${what} share no contradiction; without the ledger no more is shown`;
}

async function compareHeads(
  [older, newer]: readonly [Head, Head],
  readTile: NonNullable<AuditorMaterial['readTile']>,
): Promise<Outcome> {
  let proof: Uint8Array[];
  try {
    proof = await consistencyProof(older.size, newer.size, tileHashReader(newer.size, readTile));
  } catch (error) {
    if (!(error instanceof LedgerUnreachable)) throw error;
    return { status: 'unreachable', code: 'LEDGER_UNREADABLE', detail: 'the ledger lacks a tile of the log' };
  }
  const [from, to] = [fromBase64(older.root), fromBase64(newer.root)];
  const isConsistent = verifyConsistency(older.size, newer.size, from, to, proof);
  mustHold(isConsistent, `the ledger does not lead from the checkpoint of size ${older.size} to that of ${newer.size}`);
  return passed(`the checkpoints of size ${older.size} and ${newer.size} are consistent, shown through the ledger`);
}

function passed(detail: string): Outcome {
  return { status: 'pass', code: null, detail };
}
