/** The witness's one secret: an Ed25519 key in a file that only its owner can read. Made once, durable before it is used. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface SigningKey {
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** 64 bytes of Ed25519. */
  sign(message: Uint8Array): Uint8Array;
}

/** Makes the key file if there is none. Of two processes that do so at once, one makes it and both use that one. */
export function makeKeyFile(path: string): void {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.new`;
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(temporary, pem, { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    unlinkSync(temporary);
  }
  syncDirectory(dirname(path));
}

export function loadKeyFile(path: string): SigningKey {
  const key: KeyObject = createPrivateKey(readFileSync(path));
  // The SPKI of an Ed25519 key ends with the 32 bytes of the key.
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32);
  return { publicKey: Uint8Array.from(publicKey), sign: (message) => sign(null, message, key) };
}

/** Makes new names in the directory survive a power failure. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
