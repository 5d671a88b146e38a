/** Signed statements: DSSE v1.0.2 envelopes, ECDSA P-256 over SHA-256, exactly one signature. */
import type { KeyObject } from 'node:crypto';
import { fromBase64, toBase64 } from './base64.ts';
import { EvidenceError } from './evidence-error.ts';
import { hex64 } from './scalars.ts';
import { closed, listOf, oneOf, requireShape, type Shape } from './shape.ts';
import { verifyP256, verifyP256Aside } from './signature.ts';

export const IN_TOTO_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

export interface DsseSignature {
  /** SHA-256 of the signer's SPKI DER, in hex: a hint, compared after verification, never used to choose trust. */
  keyid: string;
  /** Base64 of the DER signature. */
  sig: string;
}

export interface DsseEnvelope {
  payload: string;
  payloadType: typeof IN_TOTO_PAYLOAD_TYPE;
  signatures: DsseSignature[];
}

/** An envelope whose base64 has been decoded, and nothing judged. */
export interface OpenedEnvelope {
  payload: Uint8Array;
  signature: Uint8Array;
  keyid: string;
}

/** A key by which an auditor accepts statements. */
export interface AttestKey {
  keyid: string;
  publicKey: KeyObject;
}

/** Pre-authentication encoding: the bytes that a DSSE signature covers. */
export function pae(payloadType: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** The envelope of an in-toto statement; `signature` is DER, over `pae(IN_TOTO_PAYLOAD_TYPE, payload)`. */
export function formatEnvelope(payload: Uint8Array, keyid: string, signature: Uint8Array): DsseEnvelope {
  return {
    payload: toBase64(payload),
    payloadType: IN_TOTO_PAYLOAD_TYPE,
    signatures: [{ keyid, sig: toBase64(signature) }],
  };
}

const anyText: Shape<string> = (value) => (typeof value === 'string' ? undefined : ' is not a string');

export const dsseEnvelope: Shape<DsseEnvelope> = closed({
  payload: anyText,
  payloadType: oneOf(IN_TOTO_PAYLOAD_TYPE),
  signatures: listOf(closed<DsseSignature>({ keyid: hex64, sig: anyText })),
});

/** Opens an envelope strictly. Throws EvidenceError `SHAPE`, `BASE64` or `ENVELOPE`. */
export function openEnvelope(value: unknown): OpenedEnvelope {
  requireShape(dsseEnvelope, value, 'envelope');
  const [signature, ...others] = value.signatures;
  if (signature === undefined || others.length > 0) {
    throw new EvidenceError('ENVELOPE', 'an envelope carries exactly one signature');
  }
  return { payload: fromBase64(value.payload), signature: fromBase64(signature.sig), keyid: signature.keyid };
}

/** The key among `keys` that signed the envelope and is the one it names; undefined when there is none. */
export function verifyEnvelope<Key extends AttestKey>(envelope: OpenedEnvelope, keys: readonly Key[]): Key | undefined {
  const signed = pae(IN_TOTO_PAYLOAD_TYPE, envelope.payload);
  return keys.find(
    ({ keyid, publicKey }) => keyid === envelope.keyid && verifyP256(signed, publicKey, envelope.signature),
  );
}

/** Every entry among `keys` for which verifyEnvelope holds, found beside the running program: one key may stand in several. */
export async function findSigners<Key extends AttestKey>(
  envelope: OpenedEnvelope,
  keys: readonly Key[],
): Promise<Key[]> {
  const signed = pae(IN_TOTO_PAYLOAD_TYPE, envelope.payload);
  const named = keys.filter(({ keyid }) => keyid === envelope.keyid);
  const holds = await Promise.all(named.map(({ publicKey }) => verifyP256Aside(signed, publicKey, envelope.signature)));
  return named.filter((_key, n) => holds[n]);
}
