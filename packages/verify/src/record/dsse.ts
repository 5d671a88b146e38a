/** Signed statements: DSSE v1.0.2 envelopes, ECDSA P-256 over SHA-256, exactly one signature. */
import { type PublicKey, verifySignatures } from '#crypto';
import { fromBase64, toBase64 } from '../crypto/base64.ts';
import { concatBytes, utf8 } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { anyText, hex64 } from '../json/scalars.ts';
import { closed, listOf, oneOf, requireShape, type Shape } from '../json/shape.ts';

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
  publicKey: PublicKey;
}

/** Pre-authentication encoding: the bytes that a DSSE signature covers. */
export function pae(payloadType: string, payload: Uint8Array): Uint8Array {
  const typeBytes = utf8(payloadType).length;
  return concatBytes([utf8(`DSSEv1 ${typeBytes} ${payloadType} ${payload.length} `), payload]);
}

/** The envelope of an in-toto statement; `signature` is DER, over `pae(IN_TOTO_PAYLOAD_TYPE, payload)`. */
export function formatEnvelope(payload: Uint8Array, keyid: string, signature: Uint8Array): DsseEnvelope {
  return {
    payload: toBase64(payload),
    payloadType: IN_TOTO_PAYLOAD_TYPE,
    signatures: [{ keyid, sig: toBase64(signature) }],
  };
}

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
export async function verifyEnvelope<Key extends AttestKey>(
  envelope: OpenedEnvelope,
  keys: readonly Key[],
): Promise<Key | undefined> {
  const [signers] = await findSigners([envelope], keys);
  return signers?.[0];
}

/** For each envelope every entry among `keys` for which that holds: one key may stand in several. */
export async function findSigners<Key extends AttestKey>(
  envelopes: readonly OpenedEnvelope[],
  keys: readonly Key[],
): Promise<Key[][]> {
  const named = envelopes.map(({ keyid }) => keys.filter((key) => key.keyid === keyid));
  const holds = await verifySignatures(
    envelopes.flatMap(({ payload, signature }, n) => {
      const message = pae(IN_TOTO_PAYLOAD_TYPE, payload);
      const algorithm = 'ecdsa-p256-sha256' as const;
      return (named[n] ?? []).map(({ publicKey }) => ({ algorithm, key: publicKey, message, signature }));
    }),
  );
  let next = 0;
  return named.map((candidates) => candidates.filter(() => holds[next++]));
}
