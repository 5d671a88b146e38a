import { runningSha256, sha256Hex } from '#crypto';
import { hexOf } from './bytes.ts';

/** `sha256:` and 64 lowercase hex digits. */
export type Digest = `sha256:${string}`;

/** SHA-256 in the form that JSON documents carry. */
export function digestOf(data: Uint8Array | string): Digest {
  return `sha256:${sha256Hex(data)}`;
}

/** For bytes that pass by once: `update` with each piece, then `digest` once. */
export function runningDigest(): { update(bytes: Uint8Array | string): void; digest(): Digest } {
  const hash = runningSha256();
  return {
    update: (bytes) => hash.update(bytes),
    digest: () => `sha256:${hexOf(hash.digest())}`,
  };
}
