/** The body of `add-checkpoint` (C2SP tlog-witness): an old size, a consistency proof, an empty line, a signed checkpoint. */
import {
  type Checkpoint,
  decodeUtf8,
  EvidenceError,
  fromBase64,
  parseCheckpoint,
  parseNote,
  type SignedNote,
} from '@waybill/verify';

/** A note of the greatest size, and before it a size line and 63 lines of one hash each. */
export const MAX_REQUEST_BYTES: number = 131_072 + 4_096;
const MAX_PROOF_LINES = 63;
const HASH_BYTES = 32;

export interface Submission {
  oldSize: number;
  proof: Uint8Array[];
  note: SignedNote;
  checkpoint: Checkpoint;
}

/** Reads a request, strictly: one form only. Throws EvidenceError; no signature has been looked at. */
export function parseAddCheckpoint(body: Uint8Array): Submission {
  if (body.length > MAX_REQUEST_BYTES) throw new EvidenceError('LIMIT', 'the request is too long');
  const text = decodeUtf8(body);
  const split = text.indexOf('\n\n');
  if (split < 0) throw new EvidenceError('NOTE', 'the request has no empty line before its checkpoint');
  const [first = '', ...proof] = text.slice(0, split).split('\n');
  const oldSize = Number(/^old (0|[1-9][0-9]{0,15})$/.exec(first)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(oldSize)) throw new EvidenceError('CHECKPOINT', 'the request has no valid old size');
  if (proof.length > MAX_PROOF_LINES) throw new EvidenceError('LIMIT', 'the proof is too long');
  const hashes = proof.map(fromBase64);
  if (hashes.some((hash) => hash.length !== HASH_BYTES)) {
    throw new EvidenceError('TREE', 'the proof holds something that is no hash');
  }
  const note = parseNote(text.slice(split + 2));
  return { oldSize, proof: hashes, note, checkpoint: parseCheckpoint(note.text) };
}
