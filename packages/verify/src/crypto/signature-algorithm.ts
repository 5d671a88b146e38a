/** The signature schemes that evidence may carry: those of the formats, and those of timestamp authorities. */

export type HashName = 'sha256' | 'sha384' | 'sha512';
export type Curve = 'p256' | 'p384' | 'p521';
export type KeyKind = Curve | 'ed25519' | 'rsa';

/** Hash and key are combined freely, as authorities do. */
export type SignatureAlgorithm = `ecdsa-${Curve}-${HashName}` | 'ed25519' | `rsa-pkcs1-${HashName}`;

/** A key that a door of the platform has loaded; only the same door can verify with it. */
export interface PublicKey {
  /** The SubjectPublicKeyInfo, in DER. */
  readonly spki: Uint8Array;
  readonly kind: KeyKind;
}

/** That the key signed the message; ECDSA signatures are DER. The bytes must not change until that is answered. */
export interface SignatureClaim {
  algorithm: SignatureAlgorithm;
  key: PublicKey;
  message: Uint8Array;
  signature: Uint8Array;
}

export interface RunningSha256 {
  update(data: Uint8Array | string): void;
  /** Once. */
  digest(): Uint8Array;
}

/** What kind of key an algorithm takes, and over which hash it signs; Ed25519 hashes by itself. */
export function schemeOf(algorithm: SignatureAlgorithm): { kind: KeyKind; hash: HashName | undefined } {
  if (algorithm === 'ed25519') return { kind: 'ed25519', hash: undefined };
  const [family, middle, hash] = algorithm.split('-') as [string, Curve | 'pkcs1', HashName];
  return { kind: family === 'rsa' ? 'rsa' : (middle as Curve), hash };
}
