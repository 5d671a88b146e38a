/** Shows one witness a checkpoint, from wherever it stands. */
import { TerminalError } from '@waybill/client/errors';
import type { NoteSignature } from '@waybill/verify';
import { type Witness, WitnessConflict } from '#ports/witness.ts';

export interface Showing {
  /** The checkpoint as the log signed it, and its size. */
  checkpoint: string;
  size: number;
  /** The size that the witness saw last, as far as is known; 0 if nothing is. It saves a call and nothing depends on it. */
  seen: number;
  /** The consistency proof from a smaller tree, of at least one entry, to the checkpoint. */
  proofFrom(oldSize: number): Promise<readonly Uint8Array[]>;
}

/**
 * Resolves with verified cosignatures. A witness that saw another size last is asked once more from there. One that saw
 * more than there is throws TerminalError WITNESS_DISAGREES: this log has another history elsewhere, or the witness
 * lies. The operator has to look, and nothing stops for the word of one witness. Beyond that it throws what the port
 * and `proofFrom` throw.
 */
export async function askWitness(witness: Witness, showing: Showing): Promise<NoteSignature[]> {
  const { checkpoint, size, seen, proofFrom } = showing;
  const from = async (oldSize: number): Promise<NoteSignature[]> => {
    const proof = oldSize === 0 || oldSize === size ? [] : await proofFrom(oldSize);
    return witness.cosign({ oldSize, proof, checkpoint });
  };
  return from(Math.min(seen, size)).catch((error: unknown) => {
    if (!(error instanceof WitnessConflict)) throw error;
    if (error.size > size) throw ahead(witness, error.size, size);
    // Once: a second conflict means that somebody else shows it checkpoints of this log as well.
    return from(error.size);
  });
}

function ahead({ name }: Witness, seen: number, size: number): TerminalError {
  return new TerminalError({
    code: 'WITNESS_DISAGREES',
    path: `witness ${name}`,
    problem: `says that it has seen ${seen} entries of this log, and the newest checkpoint here has ${size}`,
    fix: 'Ask its operator for that checkpoint. If this log signed it, the state directory here is an old copy.',
  });
}
