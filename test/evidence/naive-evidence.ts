/**
 * The formats once more, written the plain way and sharing no code with the package, so that a bundle made here is an
 * independent opinion on what a bundle is.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export function sha256(...parts: (Uint8Array | string)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function digest(data: Uint8Array | string): `sha256:${string}` {
  return `sha256:${sha256(data).toString('hex')}`;
}

/** Enough of RFC 8785 for what the tests write: ASCII keys that are no integers. */
export function jcs(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jcs).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([key, item]) => `${JSON.stringify(key)}:${jcs(item)}`).join(',')}}`;
}

export function leaf(data: Uint8Array | string): Buffer {
  return sha256(Buffer.of(0), data);
}

/** Straight from the definition in RFC 9162. */
export function treeRoot(leaves: readonly Uint8Array[]): Buffer {
  if (leaves.length === 0) return sha256('');
  if (leaves.length === 1) return Buffer.from(leaves[0] as Uint8Array);
  const split = splitOf(leaves.length);
  return sha256(Buffer.of(1), treeRoot(leaves.slice(0, split)), treeRoot(leaves.slice(split)));
}

/** PATH(index, leaves) of RFC 9162. */
export function inclusionPath(index: number, leaves: readonly Uint8Array[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const split = splitOf(leaves.length);
  return index < split
    ? [...inclusionPath(index, leaves.slice(0, split)), treeRoot(leaves.slice(split))]
    : [...inclusionPath(index - split, leaves.slice(split)), treeRoot(leaves.slice(0, split))];
}

function splitOf(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 1));
}

export interface Signer {
  kind: 'p256' | 'ed25519';
  privateKey: KeyObject;
  spki: Buffer;
  keyid: string;
}

export function newSigner(kind: 'p256' | 'ed25519'): Signer {
  const pair =
    kind === 'p256' ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' }) : generateKeyPairSync('ed25519');
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
  return { kind, privateKey: pair.privateKey, spki, keyid: sha256(spki).toString('hex') };
}

export interface Envelope {
  payload: string;
  payloadType: string;
  signatures: { keyid: string; sig: string }[];
}

export function dsse(statement: unknown, signer: Signer): Envelope {
  const payloadType = 'application/vnd.in-toto+json';
  const payload = jcs(statement);
  const signed = `DSSEv1 ${payloadType.length} ${payloadType} ${Buffer.byteLength(payload)} ${payload}`;
  const sig = sign('sha256', Buffer.from(signed), signer.privateKey).toString('base64');
  return { payload: Buffer.from(payload).toString('base64'), payloadType, signatures: [{ keyid: signer.keyid, sig }] };
}

function vkeyHash(name: string, signer: Signer): Buffer {
  return sha256(`${name}\n`, Buffer.of(1), signer.spki.subarray(-32)).subarray(0, 4);
}

export function vkey(name: string, signer: Signer): string {
  const key = Buffer.concat([Buffer.of(1), signer.spki.subarray(-32)]).toString('base64');
  return `${name}+${vkeyHash(name, signer).toString('hex')}+${key}`;
}

export function signedNote(text: string, name: string, signer: Signer): string {
  const signature = Buffer.concat([vkeyHash(name, signer), sign(null, Buffer.from(text), signer.privateKey)]);
  return `${text}\n— ${name} ${signature.toString('base64')}\n`;
}

/** The verifier key of either kind. */
export function vkeyOf(name: string, signer: Signer): string {
  if (signer.kind === 'ed25519') return vkey(name, signer);
  const key = Buffer.concat([Buffer.of(2), signer.spki]).toString('base64');
  return `${name}+${sha256(signer.spki).subarray(0, 4).toString('hex')}+${key}`;
}

/** One signature line of a note by either kind. */
export function signText(text: string, name: string, signer: Signer): string {
  const isEd25519 = signer.kind === 'ed25519';
  const hash = isEd25519 ? vkeyHash(name, signer) : sha256(signer.spki).subarray(0, 4);
  const signature = sign(isEd25519 ? null : 'sha256', Buffer.from(text), signer.privateKey);
  return `— ${name} ${Buffer.concat([hash, signature]).toString('base64')}\n`;
}
