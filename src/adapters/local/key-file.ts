/** Private keys as files of mode 0600 that appear whole or not at all. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { NoteAlgorithm } from '@waybill/verify';

export function keyFile(use: 'attest' | 'log', keyid: string): string {
  return `${use}-${keyid}.pem`;
}

/** A new pair: its private half as PEM, its public half as SPKI DER. */
export function generateKey(alg: NoteAlgorithm): { pem: Buffer; spki: Buffer } {
  const { privateKey } =
    alg === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { pem: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })), spki: spkiOf(privateKey) };
}

export function readKey(path: string): KeyObject {
  return createPrivateKey(readFileSync(path));
}

export function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/** A process that dies while it makes a file leaves no half of it behind. */
export function writeOnceSync(path: string, bytes: Uint8Array | string): void {
  writeFileSync(`${path}.new`, bytes, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}

export function loadSecret(path: string, make: () => Buffer): Buffer {
  if (!existsSync(path)) writeOnceSync(path, make());
  return readFileSync(path);
}
