/**
 * Root ledger: what the evidence stands on. Objects under names, written once and never changed.
 *
 * Contract
 * - `put` stores the bytes under the key and resolves when they are durable. The same bytes under the same key again
 *   change nothing and resolve: every step after a commit is replayable. Other bytes under a used key throw
 *   TerminalError OBJECT_CONFLICT and leave the first in place.
 * - `get` resolves with the bytes or null. `list` resolves with the keys under a prefix, sorted, at most `limit`, after `after`.
 * - `newestCheckpoint` is the checkpoint with the largest size under `checkpoints/`, or null: what a sequencer compares
 *   its stored head with before it signs anything.
 * - `append` streams an object of many parts (a bundle): write-once as `put`; readers see it whole or not at all.
 * - There is no delete.
 * Keys are slash-separated names of [a-zA-Z0-9._-]; anything else throws TerminalError KEY_INVALID.
 */
export interface RootLedger {
  put(key: string, bytes: Uint8Array): Promise<void>;
  append(key: string, parts: AsyncIterable<Uint8Array>): Promise<{ sha256: string; sizeBytes: number }>;
  get(key: string): Promise<Uint8Array | null>;
  list(prefix: string, page: { after?: string; limit: number }): Promise<string[]>;
  newestCheckpoint(): Promise<Uint8Array | null>;
}
