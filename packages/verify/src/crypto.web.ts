/** The same door over WebCrypto, for browsers. What differs must not show: both are held to the same tests. */
import { hexOf } from './crypto/bytes.ts';
import { rawOfDerSignature } from './crypto/ecdsa-signature.ts';
import { Sha256 } from './crypto/sha256.ts';
import {
  type Curve,
  type HashName,
  type PublicKey,
  type RunningSha256,
  type SignatureAlgorithm,
  type SignatureClaim,
  schemeOf,
} from './crypto/signature-algorithm.ts';
import { keyKindOf } from './crypto/spki.ts';

export type { PublicKey, RunningSha256, SignatureAlgorithm, SignatureClaim };

const HASHES: Record<HashName, string> = { sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' };
const CURVES: Record<Curve, { namedCurve: string; coordinateBytes: number }> = {
  p256: { namedCurve: 'P-256', coordinateBytes: 32 },
  p384: { namedCurve: 'P-384', coordinateBytes: 48 },
  p521: { namedCurve: 'P-521', coordinateBytes: 66 },
};
type Handle = Awaited<ReturnType<typeof crypto.subtle.importKey>>;
/** By algorithm: WebCrypto ties a key to what it is for. */
const handles = new WeakMap<PublicKey, Map<SignatureAlgorithm, Promise<Handle>>>();

/** SHA-256 of bytes, or of a string's UTF-8 bytes. */
export function sha256(data: Uint8Array | string): Uint8Array {
  const hash = new Sha256();
  hash.update(data);
  return hash.digest();
}

/** The same as 64 lowercase hex digits. */
export function sha256Hex(data: Uint8Array | string): string {
  return hexOf(sha256(data));
}

export function runningSha256(): RunningSha256 {
  return new Sha256();
}

export async function digestWith(hash: HashName, data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest(HASHES[hash], owned(data)));
}

/** Throws EvidenceError `KEYS` for what is no key of a known kind in DER. */
export function importPublicKey(spki: Uint8Array): PublicKey {
  const key: PublicKey = { spki: Uint8Array.from(spki), kind: keyKindOf(spki) };
  handles.set(key, new Map());
  return key;
}

/**
 * Whether the key signed the message; ECDSA signatures are DER. A malformed signature, or a key of another kind, is simply
 * not valid. Rejects only where the browser lacks the algorithm, so that a browser's lack never reads as a forgery.
 */
export async function verifySignature(
  algorithm: SignatureAlgorithm,
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const { kind, hash } = schemeOf(algorithm);
  const curve = kind === 'ed25519' || kind === 'rsa' ? undefined : CURVES[kind];
  const raw = curve === undefined ? signature : rawOfDerSignature(signature, curve.coordinateBytes);
  const known = handles.get(key);
  if (known === undefined || key.kind !== kind || raw === undefined) return false;
  if (kind === 'ed25519' && raw.length !== 64) return false;
  const parameters = parametersOf(curve?.namedCurve, kind === 'rsa', hash);
  let handle = known.get(algorithm);
  if (handle === undefined) {
    handle = crypto.subtle.importKey('spki', owned(key.spki), parameters, false, ['verify']);
    known.set(algorithm, handle);
  }
  return crypto.subtle.verify(parameters, await handle, owned(raw), owned(message));
}

/** The same of many at once, in their order. */
export function verifySignatures(claims: readonly SignatureClaim[]): Promise<boolean[]> {
  return Promise.all(
    claims.map(({ algorithm, key, message, signature }) => verifySignature(algorithm, key, message, signature)),
  );
}

/** Says how many signatures are to come; a browser needs not know. */
export function expectSignatures(_count: number): void {}

function parametersOf(namedCurve: string | undefined, isRsa: boolean, hash: HashName | undefined) {
  if (hash === undefined) return { name: 'Ed25519' };
  if (isRsa) return { name: 'RSASSA-PKCS1-v1_5', hash: HASHES[hash] };
  return { name: 'ECDSA', namedCurve: namedCurve ?? '', hash: HASHES[hash] };
}

/** Standard base64 with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let index = 0; index < bytes.length; index++) binary += String.fromCharCode(bytes[index] as number);
  return btoa(binary);
}

/** The bytes of canonical padded base64; undefined for every other text. */
export function decodeBase64(text: string): Uint8Array | undefined {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return undefined;
  }
  // atob also takes white space, lacking padding and stray bits.
  if (btoa(binary) !== text) return undefined;
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

/** WebCrypto does not take memory that is shared between threads, and the types say so; none of ours is. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
