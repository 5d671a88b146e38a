/** What a witness makes of a checkpoint whose signature it has verified, next to the newest one that it cosigned. */
import { emptyRoot, equalBytes, verifyConsistency } from '@waybill/verify';
import type { Submission } from './add-checkpoint.ts';

export type Judgement =
  /** It is the newest checkpoint or an extension of it. */
  | 'cosign'
  /** Its old size is larger than its size. */
  | 'absurd'
  /** The old size is not that of the newest checkpoint. */
  | 'stale'
  /** The log signed two roots for one size: whoever holds both notes can show it to anyone. */
  | 'fork'
  /** The proof does not show an extension. Either the proof is bad or the log is: not evidence by itself. */
  | 'unproved';

export function judgeCheckpoint(
  newest: { size: number; root: Uint8Array } | null,
  { oldSize, proof, checkpoint: { size, root } }: Pick<Submission, 'oldSize' | 'proof' | 'checkpoint'>,
): Judgement {
  const seen = newest ?? { size: 0, root: emptyRoot() };
  if (oldSize > size) return 'absurd';
  if (size === seen.size && !equalBytes(root, seen.root)) return 'fork';
  if (oldSize !== seen.size) return 'stale';
  // Every tree begins with the empty one: there is nothing to prove, and so there must be no proof.
  const extendsIt = oldSize === 0 ? proof.length === 0 : verifyConsistency(oldSize, size, seen.root, root, proof);
  return extendsIt ? 'cosign' : 'unproved';
}
