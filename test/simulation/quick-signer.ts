/**
 * The keys of a simulated deployment. Signatures are real and verify, but must not differ from one run of a seed to the next: ECDSA
 * is made here with the same nonce every time, which would give a real key away and costs a tenth of what OpenSSL takes.
 */
import { createECDH, createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { type NoteAlgorithm, parseVkey, sha256, sha256Hex, type TrustFile, vkeyOf } from '@waybill/verify';
import type { Signer } from '#ports/signer.ts';
import type { Container } from './container.ts';
import { signed } from './inline-crypto.ts';

/** Order of P-256. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const SECRET = BigInt(`0x${sha256Hex('simulated attest key')}`) % N;
const NONCE = BigInt(`0x${sha256Hex('simulated nonce')}`) % N;
const NONCE_INVERSE = power(NONCE, N - 2n);
/** PKCS #8 of an Ed25519 key, before its 32 bytes. */
const ED25519_HEAD = '302e020100300506032b657004220420';

export interface DeploymentKeys {
  origin: string;
  trust: TrustFile;
  log: KeyObject;
  logHash: number;
}

export function makeKeys(): DeploymentKeys {
  const log = createPrivateKey({
    key: Buffer.from(ED25519_HEAD + sha256Hex('simulated log key'), 'hex'),
    format: 'der',
    type: 'pkcs8',
  });
  const logSpki = spkiOf(createPublicKey(log));
  const origin = `waybill.local/${sha256Hex(logSpki).slice(0, 16)}`;
  const attestSpki = spkiOf(attestKey());
  const described = (spki: Buffer) => ({ keyid: sha256Hex(spki), spki: spki.toString('base64') });
  const vkey = vkeyOf(origin, logSpki);
  return {
    origin,
    log,
    logHash: parseVkey(vkey).hash,
    trust: {
      format: 'waybill-keys/v1',
      origin,
      keys: [
        { use: 'log', alg: 'ed25519', ...described(logSpki), from: 0, vkey },
        { use: 'attest', alg: 'ecdsa-p256-sha256', ...described(attestSpki), from: 1 },
      ],
    },
  };
}

export function signerOf(keys: DeploymentKeys, container: Container): Signer {
  const attestKeyId = keys.trust.keys.find(({ use }) => use === 'attest')?.keyid ?? '';
  const note = (text: string) => {
    const bytes = Buffer.from(text);
    return { name: keys.origin, hash: keys.logHash, signature: signed(bytes, sign(null, bytes, keys.log)) };
  };
  const attest = (bytes: Uint8Array) => signed(bytes, ecdsa(bytes));
  const refuse = () => Promise.reject(new TypeError('no key changes in the simulation'));
  return {
    attestKeyId,
    trust: keys.trust,
    attest: (bytes) => container.call('signer attest', () => attest(bytes), { isRead: true }),
    signNote: (text) => container.call('signer note', () => [note(text)], { isRead: true }),
    pseudonym: (principal) => createHmac('sha256', 'simulated').update(principal).digest('hex'),
    makeKey: refuse,
    async signStatement(text, keyids) {
      return keyids.map((keyid) =>
        keyid === attestKeyId
          ? { name: keys.origin, hash: hashOf(keys, 'ecdsa-p256-sha256'), signature: attest(Buffer.from(text)) }
          : note(text),
      );
    },
    adopt: async () => {},
  };
}

function hashOf({ origin, trust }: DeploymentKeys, alg: NoteAlgorithm): number {
  const key = trust.keys.find((each) => each.alg === alg);
  return parseVkey(vkeyOf(origin, Buffer.from(key?.spki ?? '', 'base64'))).hash;
}

function attestKey(): KeyObject {
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(SECRET.toString(16).padStart(64, '0'), 'hex');
  const point = curve.getPublicKey();
  const base64url = (part: Buffer) => part.toString('base64url');
  return createPublicKey({
    key: { kty: 'EC', crv: 'P-256', x: base64url(point.subarray(1, 33)), y: base64url(point.subarray(33)) },
    format: 'jwk',
  });
}

const R = ((): bigint => {
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(NONCE.toString(16).padStart(64, '0'), 'hex');
  return BigInt(`0x${curve.getPublicKey('hex').slice(2, 66)}`) % N;
})();
const R_SECRET = (R * SECRET) % N;

/** DER of r and s. */
function ecdsa(message: Uint8Array): Uint8Array {
  const digest = BigInt(`0x${Buffer.from(sha256(message)).toString('hex')}`);
  const s = (NONCE_INVERSE * (digest + R_SECRET)) % N;
  const body = Buffer.concat([derInteger(R), derInteger(s)]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

function derInteger(value: bigint): Buffer {
  let hex = value.toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
  return Buffer.from(`02${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`, 'hex');
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base % N;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % N;
    square = (square * square) % N;
  }
  return result;
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' });
}
