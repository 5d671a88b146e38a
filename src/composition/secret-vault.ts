/** The vault over any keeper of secrets: X25519 with a key made for each box, HKDF-SHA256, AES-256-GCM. */
import {
  createCipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { TerminalError } from '@waybill/client/errors';
import { SECRET_FIX, secretProblem } from '@waybill/client/secret-value';
import { canonicalize } from '@waybill/verify';
import { contextOf, type Recipient, SEALING_INFO, type SealedSecrets } from '#core/sealed-secrets.ts';
import type { AskingAttempt, SecretVault } from '#ports/secret-vault.ts';

/** The value of one secret. Throws TerminalError SECRET_UNAVAILABLE, RetryableError STORE_BUSY. */
export type ReadSecret = (name: string, attempt: AskingAttempt) => Promise<Uint8Array>;

export function createSecretVault(read: ReadSecret): SecretVault {
  return {
    async seal(names, to, untilMs) {
      const attempt = { attemptId: to.attemptId, untilMs };
      const values = await Promise.all(
        names.map(async (name) => [name, textOf(name, await read(name, attempt))] as const),
      );
      return sealed(canonicalize(Object.fromEntries(values)), to);
    },
  };
}

export function unavailable(name: string, problem: string, fix: string, cause?: unknown): TerminalError {
  return new TerminalError({ code: 'SECRET_UNAVAILABLE', path: `secret ${name}`, problem, fix }, { cause });
}

function textOf(name: string, bytes: Uint8Array): string {
  const problem = secretProblem(bytes);
  if (problem !== null) throw unavailable(name, problem, SECRET_FIX);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

function sealed(text: string, to: Recipient): string | null {
  const own = generateKeyPairSync('x25519');
  const ephemeral = Buffer.from(own.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
  const x = Buffer.from(to.key, 'base64').toString('base64url');
  const theirs = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
  const shared = sharedWith(own.privateKey, theirs);
  if (shared === null) return null;
  const context = contextOf({ ...to, ephemeral });
  const derived = Buffer.from(hkdfSync('sha256', shared, Buffer.from(context), SEALING_INFO, 44));
  const cipher = createCipheriv('aes-256-gcm', derived.subarray(0, 32), derived.subarray(32));
  cipher.setAAD(Buffer.from(context));
  const bytes = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  const box: SealedSecrets = { v: 1, ...to, ephemeral, sealed: bytes.toString('base64') };
  return canonicalize(box);
}

/** Null where it would be nothing but zeros, which OpenSSL refuses to hand out. */
function sharedWith(privateKey: KeyObject, publicKey: KeyObject): Buffer | null {
  try {
    return diffieHellman({ privateKey, publicKey });
  } catch {
    return null;
  }
}
