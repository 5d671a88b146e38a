/**
 * Signed notes (C2SP signed-note): a text that ends in a newline, an empty line, then one line per signature,
 * `— <key name> <base64(4-byte key hash, signature)>`. Keys are verifier keys, `<name>+<8 hex>+<base64(algorithm, key)>`.
 * Two algorithms are known: Ed25519 (0x01, 32 raw bytes) and ECDSA on P-256 (0x02, the SPKI in DER, signatures in DER).
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { fromBase64, toBase64 } from './base64.ts';
import { sha256 } from './digest.ts';
import { EvidenceError } from './evidence-error.ts';
import { decodeUtf8 } from './jcs.ts';
import { verifyEd25519, verifyP256 } from './signature.ts';

export const MAX_NOTE_BYTES = 131_072;
const MAX_SIGNATURES = 100;
const ED25519 = 0x01;
const ECDSA = 0x02;
const ED25519_SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const ED25519_SPKI_BYTES = 44;
/** P-256, the point uncompressed. */
const P256_SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
const P256_SPKI_BYTES = 91;
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
  publicKey: KeyObject;
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
  const digest = sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), publicKey]));
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
}

/** The verifier key line of an Ed25519 key (32 raw bytes). */
export function formatVkey(name: string, publicKey: Uint8Array): string {
  requireNote(KEY_NAME.test(name) && publicKey.length === 32, 'no valid key name or key');
  return `${name}+${hex32(noteKeyHash(name, publicKey))}+${toBase64(Buffer.concat([Buffer.of(ED25519), publicKey]))}`;
}

/** The verifier key line of a public key: Ed25519 or P-256, told by its SPKI. Throws EvidenceError `NOTE` for any other. */
export function vkeyOf(name: string, spki: Uint8Array): string {
  const raw = rawEd25519(spki);
  if (raw !== undefined) return formatVkey(name, raw);
  requireNote(KEY_NAME.test(name) && isP256(spki), 'no valid key name or key');
  return `${name}+${hex32(ecdsaKeyHash(spki))}+${toBase64(Buffer.concat([Buffer.of(ECDSA), spki]))}`;
}

/** The key hash of an ECDSA key does not depend on its name. */
function ecdsaKeyHash(spki: Uint8Array): number {
  const digest = sha256(spki);
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
}

function rawEd25519(spki: Uint8Array): Uint8Array | undefined {
  const isEd25519 = spki.length === ED25519_SPKI_BYTES && startsWith(spki, ED25519_SPKI_PREFIX);
  return isEd25519 ? spki.subarray(ED25519_SPKI_PREFIX.length) : undefined;
}

function isP256(spki: Uint8Array): boolean {
  return spki.length === P256_SPKI_BYTES && startsWith(spki, P256_SPKI_PREFIX);
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}

/** Reads a verifier key of one of the two algorithms. Throws EvidenceError `NOTE` or `BASE64`. */
export function parseVkey(vkey: string): NoteKey {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey);
  requireNote(match !== null && KEY_NAME.test(match[1] as string), 'not a verifier key');
  const [, name, hash, material] = match as unknown as [string, string, string, string];
  const bytes = fromBase64(material);
  const key = bytes.subarray(1);
  const isEd25519 = bytes[0] === ED25519 && key.length === 32;
  requireNote(isEd25519 || (bytes[0] === ECDSA && isP256(key)), 'not an Ed25519 or P-256 verifier key');
  const expected = isEd25519 ? noteKeyHash(name, key) : ecdsaKeyHash(key);
  requireNote(hex32(expected) === hash, 'the key hash of the verifier key is wrong');
  const spki = isEd25519 ? Buffer.concat([ED25519_SPKI_PREFIX, key]) : key;
  return { name, alg: isEd25519 ? 'ed25519' : 'ecdsa-p256-sha256', hash: expected, publicKey: loadSpki(spki) };
}

function loadSpki(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    throw new EvidenceError('NOTE', 'the verifier key holds no point of its curve');
  }
}

/** Splits a note into text and signatures without judging the signatures. Throws EvidenceError `NOTE` or `BASE64`. */
export function parseNote(source: Uint8Array | string): SignedNote {
  const note = typeof source === 'string' ? source : decodeUtf8(source);
  requireNote(Buffer.byteLength(note) <= MAX_NOTE_BYTES, 'the note is too long');
  requireNote(note.isWellFormed() && !CONTROL.test(note), 'the note holds a control character');
  const split = note.lastIndexOf('\n\n');
  requireNote(split > 0 && note.endsWith('\n'), 'the note has no signatures');
  const lines = note.slice(split + 2, -1).split('\n');
  requireNote(lines.length <= MAX_SIGNATURES, 'the note has too many signatures');
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/**
 * The names of those given keys that signed the note. One bad signature under a known key throws, as do two known keys that
 * share name and hash and are both named by the note; signatures of unknown keys are passed over.
 */
export function verifyNote(note: SignedNote, keys: readonly NoteKey[]): NoteKey[] {
  const verified: NoteKey[] = [];
  for (const { name, hash, signature } of note.signatures) {
    const known = keys.filter((key) => key.name === name && key.hash === hash);
    const key = known[0];
    if (key === undefined || verified.includes(key)) continue;
    requireNote(known.length === 1, 'two verifier keys have the same name and hash');
    const verify = key.alg === 'ed25519' ? verifyEd25519 : verifyP256;
    const holds = verify(Buffer.from(note.text), key.publicKey, signature);
    requireNote(holds, 'a signature of a known key is wrong');
    verified.push(key);
  }
  return verified;
}

/** Writes a note; the text must end in a newline. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  requireNote(text.endsWith('\n') && !CONTROL.test(text) && text.isWellFormed(), 'the text of a note is not valid');
  return `${text}\n${signatures.map(formatSignatureLine).join('')}`;
}

function formatSignatureLine({ name, hash, signature }: NoteSignature): string {
  return `— ${name} ${toBase64(Buffer.concat([Buffer.from(hex32(hash), 'hex'), signature]))}\n`;
}

function parseSignatureLine(line: string): NoteSignature {
  const match = /^— ([^ ]+) ([^ ]+)$/.exec(line);
  requireNote(match !== null && KEY_NAME.test(match[1] as string), 'a signature line is broken');
  const [, name, material] = match as unknown as [string, string, string];
  const bytes = Buffer.from(fromBase64(material));
  requireNote(bytes.length > 4, 'a signature is empty');
  return { name, hash: bytes.readUInt32BE(0), signature: bytes.subarray(4) };
}

function hex32(hash: number): string {
  return hash.toString(16).padStart(8, '0');
}

function requireNote(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new EvidenceError('NOTE', problem);
}
