/**
 * Signer: two keys that never meet. The attest key signs DSSE envelopes, the log key signs checkpoints.
 *
 * Contract
 * - `attest` signs the bytes (a DSSE PAE) with ECDSA P-256 and SHA-256 and resolves with a DER signature.
 * - `signLog` signs the bytes (a checkpoint body) with Ed25519 and resolves with 64 bytes.
 * - `pseudonym` is a keyed hash (HMAC-SHA-256) of a principal's name, as 64 hex digits; erasing that key erases the link.
 * - `trust` is what an auditor pins; it contains no secret. Key ids are the SHA-256 of the SPKI DER, in hex.
 * A failing signer throws RetryableError; nothing that needs the signature has happened then.
 */
import type { TrustFile } from '@waybill/verify';

export interface Signer {
  readonly attestKeyId: string;
  /** The four-byte key hash of the log key in signed notes. */
  readonly logKeyHash: number;
  readonly trust: TrustFile;
  attest(bytes: Uint8Array): Promise<Uint8Array>;
  signLog(bytes: Uint8Array): Promise<Uint8Array>;
  pseudonym(principal: string): string;
}
