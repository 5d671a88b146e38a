import { type DsseEnvelope, formatEnvelope, IN_TOTO_PAYLOAD_TYPE, pae } from '@waybill/verify';
import type { Signer } from '#ports/signer.ts';

/** A DSSE envelope with exactly one signature over the in-toto statement's JCS bytes. */
export async function signStatement(signer: Signer, statement: string): Promise<DsseEnvelope> {
  const payload = new TextEncoder().encode(statement);
  const signature = await signer.attest(pae(IN_TOTO_PAYLOAD_TYPE, payload));
  return formatEnvelope(payload, signer.attestKeyId, signature);
}
