/**
 * Root ledger: what the evidence stands on. Objects under names, written once and never changed.
 *
 * Contract
 * - `put` stores the bytes under the key and resolves when they are durable. The same bytes under the same key again
 *   change nothing and resolve: every step after a commit is replayable. Other bytes under a used key throw
 *   TerminalError OBJECT_CONFLICT and leave the first in place.
 * - `anchor` is for objects of which there can be only one, whoever writes it first: it stores the bytes as `put` does,
 *   as irrevocably as the adapter can, and resolves with what stands under the key then, which may be somebody else's
 *   bytes, and with the keeper's receipt: the object's version and the time until which nobody can delete it, null
 *   where there is no such thing. The same call again resolves with the same.
 * - `get` resolves with the bytes or null, `open` with a stream or null: for objects that nobody wants in memory.
 *   `list` resolves with the keys under a prefix, sorted, at most `limit`, after `after`.
 * - `newestCheckpoint` is the checkpoint with the largest size under `checkpoints/`, or null: what a sequencer compares
 *   its stored head with before it signs anything.
 * - `write` streams a large object (a bundle): write-once as `put`, readers see it whole or not at all. What the stream
 *   does before it ends, it does before the object exists.
 * - There is no delete.
 * Keys are slash-separated names of [a-zA-Z0-9._-]; anything else throws TerminalError KEY_INVALID.
 */
import type { Digest } from '@waybill/verify';

export interface Anchored {
  bytes: Uint8Array;
  version: string | null;
  /** ISO-8601. */
  lockedUntil: string | null;
}

export interface RootLedger {
  anchor(key: string, bytes: Uint8Array): Promise<Anchored>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  write(key: string, bytes: AsyncIterable<Uint8Array>): Promise<{ sha256: Digest; sizeBytes: number }>;
  open(key: string): Promise<AsyncIterable<Uint8Array> | null>;
  get(key: string): Promise<Uint8Array | null>;
  list(prefix: string, page: { after?: string; limit: number }): Promise<string[]>;
  newestCheckpoint(): Promise<Uint8Array | null>;
}
