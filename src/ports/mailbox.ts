/**
 * Mailbox: the only thing a worker can reach. One lease to read, one set of objects to write, per attempt.
 *
 * Contract
 * - `post` publishes the lease (or its next version) and resolves with the URL of the lease once it can be read. Paths
 *   are unguessable and belong to one attempt: nothing learnt there opens another attempt's mailbox. The draft comes
 *   without URLs; the adapter fills them in. Posting again for the same attempt keeps the URLs while they are good.
 * - `renew` puts fresh URLs into the lease when the old ones lapse soon, for the worker to find at its next reading. It
 *   changes nothing where URLs do not lapse, or have long enough to live, or the attempt is closed.
 * - `cancel` raises the cancel flag of the lease, for the worker to see at its next reading. Idempotent; an attempt that
 *   was never posted or is closed is left alone.
 * - Heartbeat and log may be overwritten. Outputs and result are PUT with `If-None-Match: *` and are write-once: a second PUT
 *   is refused with 412, one without the header is refused too, and what was written first stays. A staged object survives a
 *   crash of the engine once its PUT was answered.
 * - `staged` tells what is there now: the parsed heartbeat, and the bytes of the result. It never throws for what a worker wrote.
 *   Absent things are null; with `only`, so may be what was not asked for, since each costs a request where they are objects.
 *   What is no heartbeat of the attempt is never shown; whether the one before it still is, is the
 *   adapter's matter. Staged bytes are hostile until settled.
 * - `openOutputs` and `openLog` stream the staged bytes; RetryableError OBJECT_MISSING when absent.
 * - `openLog` and `close` are told whose run it is, as `post` was: in a shared store the log, which grows in its submitter's sight,
 *   lies where nobody else may read it.
 * - A job with secrets has two objects more, which its lease names: see secret-channel.ts.
 * - `close` forgets the attempt: nothing of it can be read any more, by its URLs or here, and its staged bytes are gone. A late
 *   PUT may be refused or kept where nobody looks. A closed attempt is not posted again. Idempotent.
 * - `onStaged` hints that a heartbeat, a key or a result arrived, where the adapter itself hears of it. Hints may be lost or
 *   doubled; `staged` is the truth.
 * Limits: a heartbeat of 4 KiB, a result of 256 KiB; log and outputs as the job's limits say. An adapter that sees the bytes
 * arrive answers 413 and keeps nothing. One that does not shows no heartbeat that is too large, cuts a result off one byte
 * over its limit, which makes it invalid, and leaves log and outputs to whoever reads them: readers count.
 */

import type { Digest } from '@waybill/verify';
import type { Heartbeat, Lease } from '#core/mailbox-protocol.ts';

/** A lease without its URLs; inputs and the source name artifacts by digest. `principal` is no part of the lease. */
export interface LeaseDraft extends Omit<Lease, 'inputs' | 'source' | 'put' | 'channel' | 'next'> {
  /** Whose run it is. */
  principal: string;
  inputs: { key: string; sha256: Digest; sizeBytes: number }[];
  source?: { sha256: Digest; sizeBytes: number; commit: string };
}

export interface Staged {
  heartbeat: Heartbeat | null;
  /** When that heartbeat arrived, by the clock of whoever keeps it and never by the worker's, in ms since the epoch. */
  heartbeatAtMs: number | null;
  result: Uint8Array | null;
}

export interface Mailbox {
  post(draft: LeaseDraft): Promise<string>;
  renew(attemptId: string): Promise<void>;
  cancel(attemptId: string): Promise<void>;
  staged(attemptId: string, only?: 'heartbeat' | 'result'): Promise<Staged>;
  openOutputs(attemptId: string): Promise<AsyncIterable<Uint8Array>>;
  openLog(attemptId: string, principal: string): Promise<AsyncIterable<Uint8Array> | null>;
  close(attemptId: string, principal: string): Promise<void>;
  /** Set once by the composition root, before the first post. */
  onStaged(listener: (attemptId: string, kind: 'heartbeat' | 'key' | 'result') => void): void;
}
