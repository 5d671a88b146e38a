/**
 * Witness cosignatures (C2SP tlog-cosignature, `cosignature/v1`): an Ed25519 signature over a checkpoint and the time
 * at which the witness had seen no larger tree of that log. In a note it is a line of its own; its blob is the time in
 * eight bytes, big-endian, and the 64 bytes of the signature. Keys carry the algorithm byte 0x04, so that no key of a
 * log passes for one.
 */
import { importPublicKey, sha256, verifySignature } from '#crypto';
import { fromBase64, toBase64 } from '../crypto/base64.ts';
import { concatBytes, utf8 } from '../crypto/bytes.ts';
import { spkiOfEd25519 } from '../crypto/spki.ts';
import { EvidenceError } from '../evidence-error.ts';
import type { NoteKey, NoteSignature, SignedNote } from './note.ts';

const COSIGNATURE_V1 = 0x04;
const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;
const KEY_BYTES = 32;
/** The end of the year 9999: later times have no text form here, and no witness means them. */
const MAX_TIME_SECONDS = 253_402_300_799;

/** A key that the reader trusts for cosignatures, and that no function takes for a key of a log. */
export interface WitnessKey extends Omit<NoteKey, 'alg'> {
  alg: 'cosignature/v1';
}

export interface Cosignature {
  /** Whole seconds since 1970 by the clock of the witness. */
  timeSeconds: number;
  signature: Uint8Array;
}

/** What a witness signs: a header line, a time line, and the whole text of the checkpoint. Throws EvidenceError `NOTE`. */
export function cosignedMessage(text: string, timeSeconds: number): Uint8Array {
  requireTime(timeSeconds);
  requireNote(text.endsWith('\n'), 'the text of a note ends in a newline');
  return utf8(`cosignature/v1\ntime ${timeSeconds}\n${text}`);
}

/** The line that a cosignature becomes in a note. */
export function formatCosignature(
  { name, hash }: Pick<WitnessKey, 'name' | 'hash'>,
  { timeSeconds, signature }: Cosignature,
): NoteSignature {
  requireTime(timeSeconds);
  requireNote(signature.length === SIGNATURE_BYTES, 'a cosignature holds 64 bytes of Ed25519');
  const blob = new Uint8Array(TIME_BYTES + SIGNATURE_BYTES);
  new DataView(blob.buffer).setBigUint64(0, BigInt(timeSeconds));
  blob.set(signature, TIME_BYTES);
  return { name, hash, signature: blob };
}

/** Splits the blob of a cosignature line; nothing is verified. Throws EvidenceError `NOTE`. */
export function parseCosignature(blob: Uint8Array): Cosignature {
  requireNote(blob.length === TIME_BYTES + SIGNATURE_BYTES, 'a cosignature is not a time and 64 bytes of Ed25519');
  const timeSeconds = Number(new DataView(blob.buffer, blob.byteOffset).getBigUint64(0));
  requireTime(timeSeconds);
  return { timeSeconds, signature: blob.subarray(TIME_BYTES) };
}

export interface Witnessing {
  key: WitnessKey;
  /** Milliseconds since 1970, always whole seconds. */
  timeMs: number;
}

/**
 * What the given witness keys say about the note, in the order of its lines; a key that signed twice occurs twice. A line
 * under one of these keys that does not verify throws EvidenceError `NOTE`; lines of unknown keys are passed over.
 */
export async function verifyCosignatures(note: SignedNote, keys: readonly WitnessKey[]): Promise<Witnessing[]> {
  const witnessings: Witnessing[] = [];
  for (const { name, hash, signature: blob } of note.signatures) {
    const known = keys.filter((key) => key.name === name && key.hash === hash);
    const key = known[0];
    if (key === undefined) continue;
    requireNote(known.length === 1, 'two witness keys have the same name and hash');
    const { timeSeconds, signature } = parseCosignature(blob);
    const message = cosignedMessage(note.text, timeSeconds);
    const holds = await verifySignature('ed25519', key.publicKey, message, signature);
    requireNote(holds, 'a cosignature of a known witness is wrong');
    witnessings.push({ key, timeMs: timeSeconds * 1000 });
  }
  return witnessings;
}

function requireTime(timeSeconds: number): void {
  const isSane = Number.isInteger(timeSeconds) && timeSeconds > 0 && timeSeconds <= MAX_TIME_SECONDS;
  requireNote(isSane, 'the time of a cosignature is not in the years 1970 to 9999');
}

function requireNote(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new EvidenceError('NOTE', problem);
}

/** The verifier key line of a witness (an Ed25519 key of 32 raw bytes). Throws EvidenceError `NOTE`. */
export function formatWitnessVkey(name: string, publicKey: Uint8Array): string {
  requireNote(/^[^\s+\p{C}]+$/u.test(name) && publicKey.length === KEY_BYTES, 'no valid key name or key');
  const hash = witnessKeyHash(name, publicKey).toString(16).padStart(8, '0');
  return `${name}+${hash}+${toBase64(concatBytes([Uint8Array.of(COSIGNATURE_V1), publicKey]))}`;
}

/** Reads the verifier key of a witness: algorithm 0x04 and nothing else. Throws EvidenceError `NOTE` or `BASE64`. */
export function parseWitnessVkey(vkey: string): WitnessKey {
  const [, name = '', hash = '', material = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? [];
  const bytes = fromBase64(material);
  requireNote(bytes[0] === COSIGNATURE_V1 && bytes.length === 1 + KEY_BYTES, 'not the verifier key of a witness');
  const raw = bytes.subarray(1);
  requireNote(formatWitnessVkey(name, raw) === vkey, 'the key hash of the verifier key is wrong');
  return {
    name,
    alg: 'cosignature/v1',
    hash: Number.parseInt(hash, 16),
    publicKey: importPublicKey(spkiOfEd25519(raw)),
  };
}

/** The four-byte key hash of a witness key under a name. */
export function witnessKeyHash(name: string, publicKey: Uint8Array): number {
  const digest = sha256(concatBytes([utf8(`${name}\n`), Uint8Array.of(COSIGNATURE_V1), publicKey]));
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
}
