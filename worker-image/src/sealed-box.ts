/** The worker's half of the sealed channel: a key for one attempt, and the only way to open what is sealed to it. */
import { createDecipheriv, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync } from 'node:crypto';
import { TerminalError } from '@waybill/client/errors';
import { contextOf, parseSecrets, type Recipient, SEALING_INFO, type SealedSecrets } from '#core/sealed-secrets.ts';

const TAG_BYTES = 16;

export interface AttemptKey {
  /** Base64 of the 32 bytes of the public half. */
  key: string;
  /** The secrets by name. Throws TerminalError LEASE_INVALID for what was not sealed to this key for this attempt under this manifest. */
  open(box: SealedSecrets, to: Omit<Recipient, 'key'>): Map<string, string>;
}

/** The private half never leaves the process, and goes with it. */
export function createAttemptKey(): AttemptKey {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  const key = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
  return {
    key,
    open({ ephemeral, sealed }, { attemptId, epoch, manifest }) {
      try {
        const x = Buffer.from(ephemeral, 'base64').toString('base64url');
        const theirs = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
        const context = contextOf({ attemptId, epoch, manifest, key, ephemeral });
        const shared = diffieHellman({ privateKey, publicKey: theirs });
        const derived = Buffer.from(hkdfSync('sha256', shared, Buffer.from(context), SEALING_INFO, 44));
        const bytes = Buffer.from(sealed, 'base64');
        const decipher = createDecipheriv('aes-256-gcm', derived.subarray(0, 32), derived.subarray(32), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(Buffer.from(context));
        decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
        return parseSecrets(Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]));
      } catch (cause) {
        const problem = 'were not sealed for this attempt under its manifest';
        const fix = 'Dispatch the attempt again; nothing of it has run.';
        throw new TerminalError({ code: 'LEASE_INVALID', path: 'secrets', problem, fix }, { cause });
      }
    },
  };
}
