/**
 * How secrets reach a worker: it stages a key that it made for this one attempt, and what it asks for comes back sealed to that
 * key, bound to the attempt, its epoch and its manifest. Formats alone; who seals and who opens have the cryptography.
 */
import { WaybillError } from '@waybill/client/errors';
import { SECRET_BYTES } from '@waybill/client/secret-value';
import { canonicalize, type Digest } from '@waybill/verify';
import { type DocumentKind, readDocument } from './document-reader.ts';
import { isNamed } from './named-secrets.ts';

/** X25519 public key, 32 bytes, in base64. */
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export const MAX_KEY_BYTES = 1_024;
const MAX_PROBLEM_CHARS = 500;
/** Blocks times secrets of each, with room for their escapes in JSON and for base64. */
export const MAX_SEALED_BYTES: number = 32 * 1_024 * 1_024;

/** What HKDF makes the key and the nonce of AES-256-GCM from, beside the shared secret. */
export const SEALING_INFO = 'waybill-sealed-secrets/v1';

/** For whom something is sealed. */
export interface Recipient {
  attemptId: string;
  epoch: number;
  /** SHA-256 of the payload of its manifest. */
  manifest: Digest;
  /** Its public key, as it staged it. */
  key: string;
}

export interface KeyRequest {
  v: 1;
  attemptId: string;
  key: string;
}

export interface SealedSecrets extends Recipient {
  v: 1;
  /** The sealer's public key, made for this once. */
  ephemeral: string;
  /** Base64 of the ciphertext of the secrets by their names, in canonical JSON, and of its tag of 16 bytes. */
  sealed: string;
}

/** Instead of secrets, when one of those that are named is not to be had. */
export interface Unavailable {
  v: 1;
  attemptId: string;
  unavailable: string;
}

/** Throws TerminalError RESULT_INVALID unless the bytes are exactly one canonical request. */
function parseKeyRequest(bytes: Uint8Array): KeyRequest {
  const root = readDocument(bytes, { code: 'RESULT_INVALID', name: 'key' });
  return root.close({ v: root.oneOf('v', [1]), attemptId: root.id('attemptId'), key: root.string('key', 44, KEY) });
}

/** The key that was staged for this attempt; null for anything else: whatever a worker writes is no trouble of ours. */
export function keyOf(bytes: Uint8Array, attemptId: string): string | null {
  try {
    const request = parseKeyRequest(bytes);
    return request.attemptId === attemptId ? request.key : null;
  } catch (error) {
    if (error instanceof WaybillError && !error.retryable) return null;
    throw error;
  }
}

const ANSWER: DocumentKind = { code: 'LEASE_INVALID', name: 'secrets' };

/** Throws TerminalError LEASE_INVALID unless the bytes are exactly one canonical answer. */
export function parseAnswer(bytes: Uint8Array): SealedSecrets | Unavailable {
  const root = readDocument(bytes, ANSWER);
  const about = { v: root.oneOf('v', [1]), attemptId: root.id('attemptId') };
  if (root.has('unavailable'))
    return root.close({ ...about, unavailable: root.string('unavailable', MAX_PROBLEM_CHARS) });
  return root.close({
    ...about,
    epoch: root.integer('epoch', 1),
    manifest: root.digest('manifest'),
    key: root.string('key', 44, KEY),
    ephemeral: root.string('ephemeral', 44, KEY),
    sealed: root.string('sealed', MAX_SEALED_BYTES, BASE64),
  });
}

export function unavailableAnswer(attemptId: string, problem: string): string {
  const said: Unavailable = { v: 1, attemptId, unavailable: problem.slice(0, MAX_PROBLEM_CHARS) };
  return canonicalize(said);
}

/** What the ciphertext is bound to. */
export function contextOf({ attemptId, epoch, manifest, key, ephemeral }: Recipient & { ephemeral: string }): string {
  return canonicalize({ attemptId, ephemeral, epoch, key, manifest, v: 1 });
}

/** What was sealed. Throws TerminalError LEASE_INVALID unless they are texts by names of secrets. */
export function parseSecrets(bytes: Uint8Array): Map<string, string> {
  const root = readDocument(bytes, ANSWER);
  return new Map(
    root.unread().map((name) => {
      if (!isNamed(name)) root.refuse(name, 'is no name of a secret');
      return [name, root.string(name, SECRET_BYTES.most)];
    }),
  );
}
