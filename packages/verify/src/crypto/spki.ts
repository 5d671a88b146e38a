/**
 * Public keys as SubjectPublicKeyInfo (RFC 5280, 5480, 8410, 3279), read strictly and alike on every platform: one DER
 * form for each kind of key, points uncompressed and on their curve, RSA of 2048 to 8192 bits.
 */

import { EvidenceError } from '../evidence-error.ts';
import { bytesOfHex, equalBytes, hexOf } from './bytes.ts';
import type { Curve, KeyKind } from './signature-algorithm.ts';

const ED25519_PREFIX: Uint8Array = bytesOfHex('302a300506032b6570032100');
const RSA_ALGORITHM = bytesOfHex('300d06092a864886f70d0101010500');
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;

interface CurveParameters {
  curve: Curve;
  /** Everything before the coordinates. */
  prefix: Uint8Array;
  /** y² = x³ - 3x + b modulo p. */
  p: bigint;
  b: bigint;
  coordinateBytes: number;
}

const CURVES: readonly CurveParameters[] = [
  {
    curve: 'p256',
    prefix: bytesOfHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004'),
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    coordinateBytes: 32,
  },
  {
    curve: 'p384',
    prefix: bytesOfHex('3076301006072a8648ce3d020106052b8104002203620004'),
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    coordinateBytes: 48,
  },
  {
    curve: 'p521',
    prefix: bytesOfHex('30819b301006072a8648ce3d020106052b810400230381860004'),
    p: 2n ** 521n - 1n,
    b: 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    coordinateBytes: 66,
  },
];

/** What kind of key the DER holds. Throws EvidenceError `KEYS` for every other kind and every other form. */
export function keyKindOf(spki: Uint8Array): KeyKind {
  if (spki.length === ED25519_PREFIX.length + 32 && startsWith(spki, ED25519_PREFIX)) return 'ed25519';
  const curve = CURVES.find(({ prefix }) => startsWith(spki, prefix));
  if (curve !== undefined && isPoint(spki.subarray(curve.prefix.length), curve)) return curve.curve;
  if (isRsa(spki)) return 'rsa';
  throw new EvidenceError('KEYS', 'a key is not an SPKI public key of a known kind');
}

/** The SPKI of an Ed25519 key of 32 bytes. */
export function spkiOfEd25519(raw: Uint8Array): Uint8Array {
  const spki = new Uint8Array(ED25519_PREFIX.length + raw.length);
  spki.set(ED25519_PREFIX);
  spki.set(raw, ED25519_PREFIX.length);
  return spki;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, prefix.length), prefix);
}

function isPoint(coordinates: Uint8Array, { p, b, coordinateBytes }: CurveParameters): boolean {
  if (coordinates.length !== 2 * coordinateBytes) return false;
  const x = numberOf(coordinates.subarray(0, coordinateBytes));
  const y = numberOf(coordinates.subarray(coordinateBytes));
  return x < p && y < p && (y * y - (x * x * x - 3n * x + b)) % p === 0n;
}

/** SEQUENCE { algorithm, BIT STRING { SEQUENCE { INTEGER modulus, INTEGER exponent } } }, every length in its shortest form. */
function isRsa(spki: Uint8Array): boolean {
  const whole = readElement(spki, 0x30);
  if (whole === undefined || whole.rest.length > 0 || !startsWith(whole.body, RSA_ALGORITHM)) return false;
  const bits = readElement(whole.body.subarray(RSA_ALGORITHM.length), 0x03);
  if (bits === undefined || bits.rest.length > 0 || bits.body[0] !== 0) return false;
  const key = readElement(bits.body.subarray(1), 0x30);
  if (key === undefined || key.rest.length > 0) return false;
  const modulus = readElement(key.body, 0x02);
  const exponent = modulus && readElement(modulus.rest, 0x02);
  if (modulus === undefined || exponent === undefined || exponent.rest.length > 0) return false;
  if (!isPositive(modulus.body) || !isPositive(exponent.body) || exponent.body.length > 5) return false;
  const n = numberOf(modulus.body);
  const e = numberOf(exponent.body);
  const bitLength = n.toString(2).length;
  return bitLength >= MIN_RSA_BITS && bitLength <= MAX_RSA_BITS && n % 2n === 1n && e >= 3n && e % 2n === 1n;
}

function readElement(bytes: Uint8Array, tag: number): { body: Uint8Array; rest: Uint8Array } | undefined {
  if (bytes[0] !== tag) return undefined;
  const first = bytes[1] ?? 0x80;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  if (first === 0x80 || lengthBytes > 2 || bytes.length < 2 + lengthBytes) return undefined;
  let length = lengthBytes === 0 ? first : 0;
  for (let index = 0; index < lengthBytes; index++) length = length * 256 + (bytes[2 + index] as number);
  const isShortest = lengthBytes === 0 || length >= (lengthBytes === 1 ? 0x80 : 0x100);
  const start = 2 + lengthBytes;
  if (!isShortest || bytes.length < start + length) return undefined;
  return { body: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) };
}

/** A DER INTEGER above zero, in its shortest form. */
function isPositive(body: Uint8Array): boolean {
  const [first = 0x80, second = 0] = body;
  return first < 0x80 && (first > 0 || second >= 0x80);
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${hexOf(bytes)}`);
}
