/** Asks all witnesses for a checkpoint at once, so that one that is slow or lies costs its own cosignature and no other. */
import { TerminalError, WaybillError } from '@waybill/client/errors';
import type { NoteSignature } from '@waybill/verify';
import { type Witness, WitnessConflict } from '#ports/witness.ts';

export interface WitnessRound {
  witnesses: readonly Witness[];
  /** The checkpoint as the log signed it, and its size. */
  checkpoint: string;
  size: number;
  /** The consistency proof from a smaller tree, of at least one entry, to the checkpoint. */
  proofFrom(oldSize: number): Promise<readonly Uint8Array[]>;
  /**
   * By name of the witness, the size that it saw last; brought up to date here. It saves a call and nothing depends on it: whoever
   * starts without knows none and is told.
   */
  sizes: Map<string, number>;
}

export interface WitnessOutcome {
  /** Verified, in the order of the witnesses. */
  cosignatures: NoteSignature[];
  /**
   * Why the others did not cosign. WITNESS_DISAGREES says that this log has another history elsewhere, or that the witness lies: the
   * operator has to look, and nothing stops for the word of one witness.
   */
  refusals: { witness: string; error: WaybillError }[];
}

/** Resolves when every witness has answered or run into its timeout, twice at most. Throws only what `proofFrom` throws. */
export async function askWitnesses(round: WitnessRound): Promise<WitnessOutcome> {
  const answers = await Promise.all(
    round.witnesses.map(async (witness) => {
      try {
        return { cosignatures: await askOne(witness, round), refusals: [] };
      } catch (error) {
        if (!(error instanceof WaybillError)) throw error;
        return { cosignatures: [], refusals: [{ witness: witness.name, error }] };
      }
    }),
  );
  return {
    cosignatures: answers.flatMap(({ cosignatures }) => cosignatures),
    refusals: answers.flatMap(({ refusals }) => refusals),
  };
}

async function askOne(witness: Witness, round: WitnessRound): Promise<NoteSignature[]> {
  const { size, sizes } = round;
  try {
    return await askFrom(witness, round, Math.min(sizes.get(witness.name) ?? 0, size));
  } catch (error) {
    if (!(error instanceof WitnessConflict)) throw error;
    sizes.set(witness.name, error.size);
    if (error.size > size) throw ahead(witness, error.size, size);
    // Once: a second conflict means that somebody else shows it checkpoints of this log as well.
    return askFrom(witness, round, error.size);
  }
}

async function askFrom(witness: Witness, round: WitnessRound, oldSize: number): Promise<NoteSignature[]> {
  const { checkpoint, size, proofFrom, sizes } = round;
  const proof = oldSize === 0 || oldSize === size ? [] : await proofFrom(oldSize);
  const cosignatures = await witness.cosign({ oldSize, proof, checkpoint });
  sizes.set(witness.name, size);
  return cosignatures;
}

function ahead({ name }: Witness, seen: number, size: number): TerminalError {
  return new TerminalError({
    code: 'WITNESS_DISAGREES',
    path: `witness ${name}`,
    problem: `says that it has seen ${seen} entries of this log, and the newest checkpoint here has ${size}`,
    fix: 'Ask its operator for that checkpoint. If this log signed it, the state directory here is an old copy.',
  });
}
