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

/** A new key and its PEM, kept nowhere yet. */
export function newKey(): { pem: string; publicKey: Uint8Array } {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, publicKey: rawPublicKey(privateKey) };
}

/** The file appears whole and durable. Throws the system's error when there is one already. */
export function storeKeyFile(path: string, pem: string): void {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.new`;
  writeFileSync(temporary, pem, { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(temporary, path);
  } finally {
    unlinkSync(temporary);
  }
  syncDirectory(dirname(path));
}

export function loadKeyFile(path: string): SigningKey {
  const key = createPrivateKey(readFileSync(path));
  return { publicKey: rawPublicKey(key), sign: (message) => sign(null, message, key) };
}

/** The SPKI of an Ed25519 key ends with the 32 bytes of the key. */
function rawPublicKey(key: KeyObject): Uint8Array {
  return Uint8Array.from(createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32));
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
