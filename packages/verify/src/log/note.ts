/**
 * Signed notes (C2SP signed-note): a text that ends in a newline, an empty line, then one line per signature,
 * `— <key name> <base64(4-byte key hash, signature)>`. Keys are verifier keys, `<name>+<8 hex>+<base64(algorithm, key)>`.
 * Two algorithms are known: Ed25519 (0x01, 32 raw bytes) and ECDSA on P-256 (0x02, the SPKI in DER, signatures in DER).
 */
import { importPublicKey, type PublicKey, sha256, verifySignature } from '#crypto';
import { fromBase64, toBase64 } from '../crypto/base64.ts';
import { bytesOfHex, concatBytes, exceedsUtf8, utf8 } from '../crypto/bytes.ts';
import { keyKindOf, spkiOfEd25519 } from '../crypto/spki.ts';
import { EvidenceError } from '../evidence-error.ts';
import { decodeUtf8 } from '../json/jcs.ts';

export const MAX_NOTE_BYTES = 131_072;
const MAX_SIGNATURES = 100;
const ED25519 = 0x01;
const ECDSA = 0x02;
const ED25519_BYTES = 32;
/** ASCII and other control characters that a note must not hold; the newline separates lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the purpose.
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f]/;
const KEY_NAME = /^[^\s+\p{C}]+$/u;

export type NoteAlgorithm = 'ed25519' | 'ecdsa-p256-sha256';

/** A key that the reader trusts for notes. */
export interface NoteKey {
  name: string;
  alg: NoteAlgorithm;
  /** First four bytes, as a number, of SHA-256(name, newline, 0x01, key) for Ed25519 and of SHA-256(SPKI) for ECDSA. */
  hash: number;
  publicKey: PublicKey;
}

export interface NoteSignature {
  name: string;
  hash: number;
  signature: Uint8Array;
}

export interface SignedNote {
  /** The signed text, with its final newline. */
  text: string;
  signatures: NoteSignature[];
}

/** The key hash of an Ed25519 key (32 raw bytes) under a name. */
export function noteKeyHash(name: string, publicKey: Uint8Array): number {
  return uint32(sha256(concatBytes([utf8(`${name}\n`), Uint8Array.of(ED25519), publicKey])));
}

/** The verifier key line of an Ed25519 key (32 raw bytes). */
export function formatVkey(name: string, publicKey: Uint8Array): string {
  requireNote(KEY_NAME.test(name) && publicKey.length === ED25519_BYTES, 'no valid key name or key');
  return `${name}+${hex32(noteKeyHash(name, publicKey))}+${toBase64(concatBytes([Uint8Array.of(ED25519), publicKey]))}`;
}

/**
 * The verifier key line of a public key: Ed25519 or P-256, told by its SPKI. Throws EvidenceError `NOTE` or `KEYS` for
 * any other.
 */
export function vkeyOf(name: string, spki: Uint8Array): string {
  const kind = keyKindOf(spki);
  if (kind === 'ed25519') return formatVkey(name, spki.subarray(-ED25519_BYTES));
  requireNote(KEY_NAME.test(name) && kind === 'p256', 'no valid key name or key');
  return `${name}+${hex32(ecdsaKeyHash(spki))}+${toBase64(concatBytes([Uint8Array.of(ECDSA), spki]))}`;
}

/** The key hash of an ECDSA key does not depend on its name. */
function ecdsaKeyHash(spki: Uint8Array): number {
  return uint32(sha256(spki));
}

/** Reads a verifier key of one of the two algorithms. Throws EvidenceError `NOTE`, `KEYS` or `BASE64`. */
export function parseVkey(vkey: string): NoteKey {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey);
  requireNote(match !== null && KEY_NAME.test(match[1] as string), 'not a verifier key');
  const [, name, hash, material] = match as unknown as [string, string, string, string];
  const bytes = fromBase64(material);
  const key = bytes.subarray(1);
  const isEd25519 = bytes[0] === ED25519 && key.length === ED25519_BYTES;
  requireNote(isEd25519 || bytes[0] === ECDSA, 'not an Ed25519 or P-256 verifier key');
  const expected = isEd25519 ? noteKeyHash(name, key) : ecdsaKeyHash(key);
  requireNote(hex32(expected) === hash, 'the key hash of the verifier key is wrong');
  const publicKey = importPublicKey(isEd25519 ? spkiOfEd25519(key) : key);
  requireNote(publicKey.kind === (isEd25519 ? 'ed25519' : 'p256'), 'not an Ed25519 or P-256 verifier key');
  return { name, alg: isEd25519 ? 'ed25519' : 'ecdsa-p256-sha256', hash: expected, publicKey };
}

/** Splits a note into text and signatures without judging the signatures. Throws EvidenceError `NOTE` or `BASE64`. */
export function parseNote(source: Uint8Array | string): SignedNote {
  const note = typeof source === 'string' ? source : decodeUtf8(source);
  requireNote(!exceedsUtf8(note, MAX_NOTE_BYTES), 'the note is too long');
  requireNote(note.isWellFormed() && !CONTROL.test(note), 'the note holds a control character');
  const split = note.lastIndexOf('\n\n');
  requireNote(split > 0 && note.endsWith('\n'), 'the note has no signatures');
  const lines = note.slice(split + 2, -1).split('\n');
  requireNote(lines.length <= MAX_SIGNATURES, 'the note has too many signatures');
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/**
 * The names of those given keys that signed the note. One bad signature under a known key throws, as do two known keys
 * that share name and hash and are both named by the note; signatures of unknown keys are passed over.
 */
export async function verifyNote(note: SignedNote, keys: readonly NoteKey[]): Promise<NoteKey[]> {
  const text = utf8(note.text);
  const verified: NoteKey[] = [];
  for (const { name, hash, signature } of note.signatures) {
    const known = keys.filter((key) => key.name === name && key.hash === hash);
    const key = known[0];
    if (key === undefined) continue;
    requireNote(known.length === 1, 'two verifier keys have the same name and hash');
    const holds = await verifySignature(key.alg, key.publicKey, text, signature);
    requireNote(holds, 'a signature of a known key is wrong');
    if (!verified.includes(key)) verified.push(key);
  }
  return verified;
}

/** Writes a note; the text must end in a newline. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  requireNote(text.endsWith('\n') && !CONTROL.test(text) && text.isWellFormed(), 'the text of a note is not valid');
  return `${text}\n${signatures.map(formatSignatureLine).join('')}`;
}

function formatSignatureLine({ name, hash, signature }: NoteSignature): string {
  return `— ${name} ${toBase64(concatBytes([bytesOfHex(hex32(hash)), signature]))}\n`;
}

function parseSignatureLine(line: string): NoteSignature {
  const match = /^— ([^ ]+) ([^ ]+)$/.exec(line);
  requireNote(match !== null && KEY_NAME.test(match[1] as string), 'a signature line is broken');
  const [, name, material] = match as unknown as [string, string, string];
  const bytes = fromBase64(material);
  requireNote(bytes.length > 4, 'a signature is empty');
  return { name, hash: uint32(bytes), signature: bytes.subarray(4) };
}

function uint32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

function hex32(hash: number): string {
  return hash.toString(16).padStart(8, '0');
}

function requireNote(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new EvidenceError('NOTE', problem);
}
