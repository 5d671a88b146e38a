import { createHash } from 'node:crypto';

/** `sha256:` and 64 lowercase hex digits. */
export type Digest = `sha256:${string}`;

/** SHA-256 of bytes, or of a string's UTF-8 bytes, as raw 32 bytes. */
export function sha256(data: Uint8Array | string): Uint8Array {
  return createHash('sha256').update(data).digest();
}

/** SHA-256 as 64 lowercase hex digits. */
export function sha256Hex(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** SHA-256 in the form that JSON documents carry. */
export function digestOf(data: Uint8Array | string): Digest {
  return `sha256:${sha256Hex(data)}`;
}

/** For bytes that pass by once: `update` with each piece, then `digest` once. */
export function runningDigest(): { update(bytes: Uint8Array): void; digest(): Digest } {
  const hash = createHash('sha256');
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => `sha256:${hash.digest('hex')}`,
  };
}
