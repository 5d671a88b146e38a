/**
 * Witness: somebody outside who has seen every checkpoint that they cosigned, and cosigns no other history of the log.
 *
 * Contract
 * - `cosign` shows a signed checkpoint together with the size of the checkpoint that the witness saw last (0: none) and
 *   the consistency proof between the two (empty from 0, and from the size itself). It resolves with one cosignature of
 *   every key that the witness is known by. They have been verified over exactly this checkpoint: whatever else the
 *   answer held is gone. Asking again for the same checkpoint is harmless and gives a new cosignature with a new time.
 * - Throws WitnessConflict when the witness saw another size last: ask again from that size. Every other refusal throws
 *   TerminalError: WITNESS_REFUSED (the log or its key is unknown there, or the proof does not hold), WITNESS_INVALID
 *   (an answer that is none, or a wrong signature), and WITNESS_DISAGREES (it says that it has cosigned another tree of
 *   this size).
 * - A witness that is away, slow or overloaded throws RetryableError WITNESS_UNREACHABLE. Every call settles within the
 *   timeout that the adapter was made with, so that nobody has to be waited for.
 * - What is thrown holds nothing that the witness wrote but a size: its answers are a stranger's bytes.
 * - Calls for different checkpoints may be under way at once; the witness decides which comes first, and the other one
 *   meets a conflict.
 */
import { RetryableError } from '@waybill/client/errors';
import type { NoteSignature } from '@waybill/verify';

export interface CosignRequest {
  oldSize: number;
  proof: readonly Uint8Array[];
  /** The checkpoint as a signed note, at least with the log's signature. */
  checkpoint: string;
}

export interface Witness {
  /** As the operator calls it: in policies, in logs, and as the key of what is remembered about it. */
  readonly name: string;
  cosign(request: CosignRequest): Promise<NoteSignature[]>;
}

/** The witness saw a checkpoint of another size last. */
export class WitnessConflict extends RetryableError {
  /** What it saw last, by its own word. */
  readonly size: number;

  constructor(witness: string, size: number) {
    super({
      code: 'WITNESS_CONFLICT',
      path: `witness ${witness}`,
      problem: `saw a checkpoint of ${size} entries last`,
      fix: 'Ask again with a proof from that size.',
    });
    this.size = size;
  }
}
