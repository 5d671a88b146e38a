import { type DsseEnvelope, formatEnvelope, IN_TOTO_PAYLOAD_TYPE, pae } from '@waybill/verify';
import type { Signer } from '#ports/signer.ts';

/** Wraps an in-toto statement (JCS) into an envelope. */
export type SignStatement = (statement: string) => Promise<DsseEnvelope>;

/** A DSSE envelope with exactly one signature over the in-toto statement's JCS bytes; see the port for `keyid`. */
export async function signStatement(
  signer: Signer,
  statement: string,
  keyid: string = signer.attestKeyId,
): Promise<DsseEnvelope> {
  const payload = new TextEncoder().encode(statement);
  const signature = await signer.attest(pae(IN_TOTO_PAYLOAD_TYPE, payload), keyid);
  return formatEnvelope(payload, keyid, signature);
}

/** For a decision that may be made again: a statement that came out the same keeps its signature. */
export function signOnce(signer: Signer): SignStatement {
  const signed = new Map<string, DsseEnvelope>();
  return async (statement) => {
    const envelope = signed.get(statement) ?? (await signStatement(signer, statement));
    signed.set(statement, envelope);
    return envelope;
  };
}
