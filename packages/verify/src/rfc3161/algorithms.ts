/** The algorithms that a time stamp may use. Everything else, SHA-1 above all, is refused by not being here. */
import type { PublicKey, SignatureAlgorithm } from '#crypto';
import type { HashName } from '../crypto/signature-algorithm.ts';
import { type DerNode, TAG } from './der.ts';
import { DerFields } from './der-fields.ts';

const HASHES: Partial<Record<string, HashName>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const RSA = '1.2.840.113549.1.1.1';
const SIGNATURES: Partial<Record<string, { scheme: 'ecdsa' | 'rsa'; hash: HashName }>> = {
  '1.2.840.113549.1.1.11': { scheme: 'rsa', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { scheme: 'rsa', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { scheme: 'rsa', hash: 'sha512' },
  '1.2.840.10045.4.3.2': { scheme: 'ecdsa', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { scheme: 'ecdsa', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { scheme: 'ecdsa', hash: 'sha512' },
};
/** Names for the reasons of refusals: what is met in the field and not supported. */
const REFUSED: Partial<Record<string, string>> = {
  '1.2.840.113549.2.5': 'MD5',
  '1.3.14.3.2.26': 'SHA-1',
  '1.2.840.113549.1.1.5': 'RSA with SHA-1',
  '1.2.840.10045.4.1': 'ECDSA with SHA-1',
  '1.2.840.113549.1.1.10': 'RSA-PSS',
  '1.3.101.112': 'Ed25519',
};

export interface AlgorithmId {
  oid: string;
  parameters: 'absent' | 'null' | 'other';
}

export function readAlgorithm(node: DerNode, what: string): AlgorithmId {
  const fields = new DerFields(node, what);
  const oid = fields.objectId('the algorithm');
  const parameters = fields.takeAny();
  fields.end();
  if (parameters === undefined) return { oid, parameters: 'absent' };
  return { oid, parameters: parameters.tag === TAG.null ? 'null' : 'other' };
}

export function algorithmName({ oid }: AlgorithmId): string {
  return HASHES[oid] ?? REFUSED[oid] ?? oid;
}

/** The hash that an identifier names, its parameters absent or NULL. */
export function hashOf({ oid, parameters }: AlgorithmId): HashName | undefined {
  return parameters === 'other' ? undefined : HASHES[oid];
}

/**
 * What an algorithm identifier and a key mean together; undefined when they do not fit or are not supported. `hash` is
 * the hash that CMS names beside it: the bare `rsaEncryption` then stands for RSA with that hash, and no algorithm may
 * name another.
 */
export function signatureOf(
  { oid, parameters }: AlgorithmId,
  { kind }: PublicKey,
  hash?: HashName,
): SignatureAlgorithm | undefined {
  const named = oid === RSA && hash !== undefined ? { scheme: 'rsa', hash } : SIGNATURES[oid];
  if (named === undefined || kind === 'ed25519' || (hash ?? named.hash) !== named.hash) return undefined;
  if (kind === 'rsa') return named.scheme === 'rsa' && parameters !== 'other' ? `rsa-pkcs1-${named.hash}` : undefined;
  return named.scheme === 'ecdsa' && parameters === 'absent' ? `ecdsa-${kind}-${named.hash}` : undefined;
}
