/** The two signature schemes of the evidence, each with its one encoding. A malformed signature is simply not valid. */
import { type KeyObject, verify } from 'node:crypto';

/** ECDSA on P-256 over SHA-256, the signature in DER. */
export function verifyP256(message: Uint8Array, publicKey: KeyObject, signature: Uint8Array): boolean {
  return verify('sha256', message, publicKey, signature);
}

/** The same beside the running program: thousands of signatures then cost the time of one core less. */
export function verifyP256Aside(message: Uint8Array, publicKey: KeyObject, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    verify('sha256', message, publicKey, signature, (error, holds) => resolve(error === null && holds));
  });
}

/** Ed25519; signatures have 64 bytes. */
export function verifyEd25519(message: Uint8Array, publicKey: KeyObject, signature: Uint8Array): boolean {
  return signature.length === 64 && verify(null, message, publicKey, signature);
}
