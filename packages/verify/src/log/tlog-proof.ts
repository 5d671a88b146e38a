/** The text that carries the inclusion proof of one log entry with the checkpoint it leads to (C2SP tlog-proof@v1). */
import { fromBase64, toBase64 } from '../crypto/base64.ts';
import { EvidenceError } from '../evidence-error.ts';

export interface TlogProof {
  /** Opaque bytes of the application; absent in this project. */
  extra?: Uint8Array;
  /** Index of the entry in the log. */
  index: number;
  hashes: Uint8Array[];
  /** The signed checkpoint, a note, exactly as published. */
  checkpoint: string;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
/** Enough for 2^64 entries. */
const MAX_HASHES = 64;

export function formatTlogProof({ extra, index, hashes, checkpoint }: TlogProof): string {
  const lines = [HEADER, `index ${index}`, ...hashes.map(toBase64), ''];
  if (extra !== undefined) lines.splice(1, 0, `extra ${toBase64(extra)}`);
  return `${lines.join('\n')}\n${checkpoint}`;
}

/** Throws EvidenceError `LOG_PROOF` or `BASE64`. */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n');
  if (split < 0) throw new EvidenceError('LOG_PROOF', 'the log proof carries no checkpoint');
  const lines = text.slice(0, split).split('\n');
  if (lines.shift() !== HEADER) throw new EvidenceError('LOG_PROOF', `the log proof does not begin with ${HEADER}`);
  const extra = lines[0]?.startsWith('extra ') ? fromBase64((lines.shift() as string).slice(6)) : undefined;
  const match = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? '');
  const index = Number(match?.[1]);
  if (!Number.isSafeInteger(index)) throw new EvidenceError('LOG_PROOF', 'the log proof has no valid index');
  if (lines.length > MAX_HASHES)
    throw new EvidenceError('LOG_PROOF', `the log proof has more than ${MAX_HASHES} hashes`);
  const hashes = lines.map((line) => fromBase64(line));
  if (hashes.some((hash) => hash.length !== 32)) {
    throw new EvidenceError('LOG_PROOF', 'the log proof holds something that is no hash');
  }
  const proof = { index, hashes, checkpoint: text.slice(split + 2) };
  return extra === undefined ? proof : { ...proof, extra };
}
