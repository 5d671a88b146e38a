/** The text of a tree head (C2SP tlog-checkpoint): origin, size, root, and extension lines, to be signed as a note. */
import { fromBase64, toBase64 } from '../crypto/base64.ts';
import { EvidenceError } from '../evidence-error.ts';

export interface Checkpoint {
  origin: string;
  /** Leaves in the log. */
  size: number;
  root: Uint8Array;
  /** Lines after the root; none is known yet. */
  extensions: string[];
}

export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  return [origin, String(size), toBase64(root), ...extensions, ''].join('\n');
}

/** Reads the text of a checkpoint note. Throws EvidenceError `CHECKPOINT` or `BASE64`. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const [origin, size, root, ...extensions] = lines.slice(0, -1);
  if (lines.at(-1) !== '' || !origin || !size || !root || extensions.includes('')) {
    throw new EvidenceError('CHECKPOINT', 'a checkpoint is origin, size, root and extension lines, none of them empty');
  }
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) {
    throw new EvidenceError('CHECKPOINT', 'the size of the checkpoint is not a plain decimal below 2^53');
  }
  const hash = fromBase64(root);
  if (hash.length !== 32) throw new EvidenceError('CHECKPOINT', 'the root of the checkpoint is not a SHA-256 hash');
  return { origin, size: Number(size), root: hash, extensions };
}
