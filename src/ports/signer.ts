/**
 * Signer: keys of two uses that never meet. The attest key signs DSSE envelopes, the log keys sign notes.
 *
 * Contract
 * - `attest` signs the bytes (a DSSE PAE) with ECDSA P-256 and SHA-256 and resolves with a DER signature.
 * - `signNote` signs the text of a note (a checkpoint body) with every log key that is in force and resolves with their
 *   signatures, named after the origin: Ed25519 first, then ECDSA P-256 where the deployment has such a key.
 * - `pseudonym` is a keyed hash (HMAC-SHA-256) of a principal's name, as 64 hex digits; erasing that key erases the link.
 * - `trust` is what an auditor pins; it contains no secret. Key ids are the SHA-256 of the SPKI DER, in hex.
 * A failing signer throws RetryableError; nothing that needs the signature has happened then.
 */
import type { NoteSignature, TrustFile } from '@waybill/verify';

export interface Signer {
  readonly attestKeyId: string;
  readonly trust: TrustFile;
  attest(bytes: Uint8Array): Promise<Uint8Array>;
  signNote(text: string): Promise<NoteSignature[]>;
  pseudonym(principal: string): string;
}
