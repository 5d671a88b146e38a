/** Signer with keys in files, readable by their owner only. Made at the first start, kept ever after. */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import { formatVkey, noteKeyHash, sha256Hex, type TrustFile } from '@waybill/verify';
import type { Signer } from '#ports/signer.ts';

const PUBLIC = 'public.json';
const PRIVATE = ['attest.pem', 'log.pem', 'pseudonym.key'];

export interface LocalSigner extends Signer {
  /** Name of this deployment's log, derived from its log key. */
  readonly origin: string;
}

export function openLocalSigner(directory: string): LocalSigner {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  requireComplete(directory);
  const attest = loadKey(
    join(directory, 'attest.pem'),
    () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey,
  );
  const log = loadKey(join(directory, 'log.pem'), () => generateKeyPairSync('ed25519').privateKey);
  const pseudonyms = loadSecret(join(directory, 'pseudonym.key'), () => randomBytes(32));
  const attestSpki = spkiOf(attest);
  const logSpki = spkiOf(log);
  const origin = `waybill.local/${sha256Hex(logSpki).slice(0, 16)}`;
  // An Ed25519 SPKI ends with the 32 bytes of the key.
  const rawLogKey = logSpki.subarray(-32);
  const logKeyHash = noteKeyHash(origin, rawLogKey);
  const attestKeyId = sha256Hex(attestSpki);
  const trust: TrustFile = {
    format: 'waybill-keys/v1',
    origin,
    keys: [
      { use: 'attest', alg: 'ecdsa-p256-sha256', keyid: attestKeyId, spki: attestSpki.toString('base64'), from: 0 },
      {
        use: 'log',
        alg: 'ed25519',
        keyid: sha256Hex(logSpki),
        spki: logSpki.toString('base64'),
        vkey: formatVkey(origin, rawLogKey),
        from: 0,
      },
    ],
  };
  if (!existsSync(join(directory, PUBLIC))) {
    writeFileSync(join(directory, `${PUBLIC}.new`), `${JSON.stringify(trust, null, 2)}\n`, { flush: true });
    renameSync(join(directory, `${PUBLIC}.new`), join(directory, PUBLIC));
  }
  return {
    origin,
    attestKeyId,
    trust,
    attest: async (bytes) => sign('sha256', bytes, attest),
    signNote: async (text) => [{ name: origin, hash: logKeyHash, signature: sign(null, Buffer.from(text), log) }],
    pseudonym: (principal) => createHmac('sha256', pseudonyms).update(principal).digest('hex'),
  };
}

/** Keys are made together, once. One that is missing later was lost, and a new one would disown all earlier evidence. */
function requireComplete(directory: string): void {
  if (!existsSync(join(directory, PUBLIC))) return;
  const missing = PRIVATE.find((name) => !existsSync(join(directory, name)));
  if (missing === undefined) return;
  throw new TerminalError({
    code: 'OBJECT_MISSING',
    path: join(directory, missing),
    problem: 'a key of this deployment is gone',
    fix: 'Restore it from a backup, or begin a new state directory with keys and a log of its own.',
  });
}

function loadKey(path: string, make: () => KeyObject): KeyObject {
  return createPrivateKey(loadSecret(path, () => make().export({ type: 'pkcs8', format: 'pem' })));
}

/** A key file appears whole: a process that dies while it makes one leaves no half of it behind. */
function loadSecret(path: string, make: () => string | Buffer): Buffer {
  if (!existsSync(path)) {
    writeFileSync(`${path}.new`, make(), { mode: 0o600, flush: true });
    renameSync(`${path}.new`, path);
  }
  return readFileSync(path);
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}
