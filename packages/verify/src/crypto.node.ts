/** Hashes, keys and signatures of Node: the door that `#crypto` opens outside browsers. Its twin is crypto.web.ts. */
import crypto, { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import {
  type HashName,
  type PublicKey,
  type RunningSha256,
  type SignatureAlgorithm,
  type SignatureClaim,
  schemeOf,
} from './crypto/signature-algorithm.ts';
import { keyKindOf } from './crypto/spki.ts';
import { type SignatureJob, startBeside, verifyBeside } from './signature-thread.node.ts';

export type { PublicKey, RunningSha256, SignatureAlgorithm, SignatureClaim };

/** In one call and twice as fast; Node 20 has it from 20.12 on. */
const hashAtOnce: typeof crypto.hash | undefined = crypto.hash;
const handles = new WeakMap<PublicKey, KeyObject>();

/** SHA-256 of bytes, or of a string's UTF-8 bytes. */
export function sha256(data: Uint8Array | string): Uint8Array {
  const text = hashAtOnce?.('sha256', data, 'binary') ?? createHash('sha256').update(data).digest('binary');
  // One character a byte. An array of our own costs a third of the buffer that Node would put the digest in.
  const digest = new Uint8Array(text.length);
  for (let index = 0; index < digest.length; index++) digest[index] = text.charCodeAt(index);
  return digest;
}

/** The same as 64 lowercase hex digits. */
export function sha256Hex(data: Uint8Array | string): string {
  return hashAtOnce?.('sha256', data, 'hex') ?? createHash('sha256').update(data).digest('hex');
}

export function runningSha256(): RunningSha256 {
  const hash = createHash('sha256');
  return { update: (data) => void hash.update(data), digest: () => plain(hash.digest()) };
}

export async function digestWith(hash: HashName, data: Uint8Array): Promise<Uint8Array> {
  return plain(createHash(hash).update(data).digest());
}

/** Throws EvidenceError `KEYS` for what is no key of a known kind in DER. */
export function importPublicKey(spki: Uint8Array): PublicKey {
  const key: PublicKey = { spki: Uint8Array.from(spki), kind: keyKindOf(spki) };
  handles.set(key, createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
  return key;
}

/**
 * Whether the key signed the message; ECDSA signatures are DER. A malformed signature, or a key of another kind, is simply
 * not valid. Works beside the running program; the message must not change meanwhile.
 */
export async function verifySignature(
  algorithm: SignatureAlgorithm,
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const [holds] = await verifySignatures([{ algorithm, key, message, signature }]);
  return holds === true;
}

/** The same of many at once, in their order: far cheaper than one by one. */
export async function verifySignatures(claims: readonly SignatureClaim[]): Promise<boolean[]> {
  const jobs = claims.map(jobOf);
  const answers = await verifyBeside(jobs.filter((job) => job !== undefined));
  let next = 0;
  return jobs.map((job) => job !== undefined && answers[next++] === true);
}

/** Says how many signatures are to come, so that what helps with many is ready for the first. Needs not be right. */
export function expectSignatures(count: number): void {
  startBeside(count);
}

/** Undefined for what cannot be valid. */
function jobOf({ algorithm, key, message, signature }: SignatureClaim): SignatureJob | undefined {
  const { kind, hash } = schemeOf(algorithm);
  const handle = handles.get(key);
  const hasLength = kind !== 'ed25519' || signature.length === 64;
  return handle === undefined || key.kind !== kind || !hasLength
    ? undefined
    : { hash, key: handle, message, signature };
}

/** Standard base64 with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** The bytes of canonical padded base64; undefined for every other text. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? plain(bytes) : undefined;
}

/** Without the methods of Buffer, whose `slice` and `toString` mean something else than those of any other Uint8Array. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
