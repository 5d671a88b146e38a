/**
 * Signer: keys of two uses that never meet. The attest key signs DSSE envelopes, the log keys sign notes.
 *
 * Contract
 * - `attest` signs the bytes (a DSSE PAE) with ECDSA P-256 and SHA-256 and resolves with a DER signature. `keyid` names an
 *   attest key that was in force where the statement has its place, for one that is made again; without it, it is the one in force.
 *   A key that is not held throws TerminalError OBJECT_MISSING.
 * - `signNote` signs the text of a note (a checkpoint body) with every log key that is in force and resolves with their
 *   signatures, named after the origin: Ed25519 first, then ECDSA P-256 where the deployment has such a key.
 * - `pseudonym` is a keyed hash (HMAC-SHA-256) of a principal's name, as 64 hex digits; erasing that key erases the link.
 * - `trust` is what an auditor pins; it contains no secret. Key ids are the SHA-256 of the SPKI DER, in hex.
 * Which keys are in force is decided by the deployment log and told to the signer:
 * - `makeKey` makes a key that is pending: kept durably, but it signs nothing save statements about keys.
 * - `signStatement` signs the text of a key statement with each of the named keys, pending ones included, in that order.
 *   A key that is not held throws TerminalError OBJECT_MISSING.
 * - `adopt` takes the keys as the log has them: pending keys among them are in force from now on, all other pending keys
 *   are destroyed (or, where keys belong to the deployment, wait for the next `makeKey`), and `trust` says the same when it resolves. The same keys again change nothing. A key in force whose
 *   private half is not held throws TerminalError OBJECT_MISSING and leaves everything as it was.
 * A failing signer throws RetryableError; nothing that needs the signature has happened then.
 */
import type { NoteAlgorithm, NoteSignature, TrustFile } from '@waybill/verify';

export type KeyUse = 'attest' | 'log';

export interface MadeKey {
  use: KeyUse;
  alg: NoteAlgorithm;
  keyid: string;
  /** Base64 of the SPKI DER. */
  spki: string;
}

export interface Signer {
  readonly attestKeyId: string;
  readonly trust: TrustFile;
  attest(bytes: Uint8Array, keyid?: string): Promise<Uint8Array>;
  signNote(text: string): Promise<NoteSignature[]>;
  pseudonym(principal: string): string;
  makeKey(use: KeyUse, alg: NoteAlgorithm): Promise<MadeKey>;
  signStatement(text: string, keyids: readonly string[]): Promise<NoteSignature[]>;
  adopt(keys: TrustFile['keys']): Promise<void>;
}
