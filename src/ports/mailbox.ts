/**
 * Mailbox: the only thing a worker can reach. One lease to read, one set of objects to write, per attempt.
 *
 * Contract
 * - `post` publishes the lease (or its next version) and resolves with the URL of the lease once it can be read. Paths
 *   are unguessable and belong to one attempt: nothing learnt there opens another attempt's mailbox. The draft comes
 *   without URLs; the adapter fills them in. Posting again for the same attempt keeps the URLs.
 * - `cancel` raises the cancel flag of the lease, for the worker to see at its next reading. Idempotent; an attempt that
 *   was never posted or is closed is left alone.
 * - Heartbeat and log may be overwritten. Outputs and result are write-once: a second PUT is refused with 412, and what
 *   was written first stays. A staged object survives a crash of the engine once its PUT was answered.
 * - `staged` tells what is there now: the parsed heartbeat, and the bytes of the result. It never throws for what a worker wrote.
 *   Absent things are null. Staged bytes are hostile until settled.
 * - `openOutputs` and `openLog` stream the staged bytes; RetryableError OBJECT_MISSING when absent.
 * - `close` forgets the attempt: its URLs answer 404 from then on and its staged bytes are gone. Idempotent.
 * - `onStaged` hints that a heartbeat or a result arrived. Hints may be lost or doubled; `staged` is the truth.
 * Limits: a heartbeat of 4 KiB, a result of 256 KiB; log and outputs as the job's limits say (over: 413, nothing kept).
 */

import type { Digest } from '@waybill/verify';
import type { Heartbeat, Lease } from '#core/mailbox-protocol.ts';

/** A lease without its URLs; inputs and the source name artifacts by digest. */
export interface LeaseDraft extends Omit<Lease, 'inputs' | 'source' | 'put' | 'next'> {
  inputs: { key: string; sha256: Digest; sizeBytes: number }[];
  source?: { sha256: Digest; sizeBytes: number; commit: string };
}

export interface Staged {
  heartbeat: Heartbeat | null;
  /** When the last heartbeat arrived, by the engine's clock, in ms since the epoch. */
  heartbeatAtMs: number | null;
  result: Uint8Array | null;
}

export interface Mailbox {
  post(draft: LeaseDraft): Promise<string>;
  cancel(attemptId: string): Promise<void>;
  staged(attemptId: string): Promise<Staged>;
  openOutputs(attemptId: string): Promise<AsyncIterable<Uint8Array>>;
  openLog(attemptId: string): Promise<AsyncIterable<Uint8Array> | null>;
  close(attemptId: string): Promise<void>;
  /** Set once by the composition root, before the first post. */
  onStaged(listener: (attemptId: string, kind: 'heartbeat' | 'result') => void): void;
}
