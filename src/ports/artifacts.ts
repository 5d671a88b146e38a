/**
 * Artifacts: bytes by their SHA-256, write-once. Patches, outputs, logs and source bundles live here.
 *
 * Contract
 * - `put` reads the stream to its end, stores it under its own digest and resolves with it once the bytes are durable.
 *   With `expected` given and not met it throws TerminalError OBJECT_DIGEST_MISMATCH; over `maxBytes` TerminalError
 *   OBJECT_TOO_LARGE; in both cases nothing is kept. Storing what is there already changes nothing and resolves.
 * - A reader never sees part of an object. Two writers of the same bytes both succeed.
 * - `open` of an unknown digest throws TerminalError OBJECT_MISSING. Bytes are checked against the digest as they are
 *   read; the stream ends with TerminalError OBJECT_DIGEST_MISMATCH when the store has rotted.
 * - `size` is null for an unknown digest.
 * - There is no delete and no list: what points at artifacts knows their digests.
 */
import type { Digest } from '@waybill/verify';

export interface Artifacts {
  put(
    bytes: AsyncIterable<Uint8Array> | Uint8Array,
    rule?: { expected?: Digest; maxBytes?: number },
  ): Promise<{ sha256: Digest; sizeBytes: number }>;
  open(digest: Digest): Promise<AsyncIterable<Uint8Array>>;
  size(digest: Digest): Promise<number | null>;
}
