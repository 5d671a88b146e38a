/**
 * Inbox: where submissions and control objects arrive, and the outbox where they are answered.
 *
 * Contract
 * - An object at `<queue>/<principal>/<submissionId>` is written once by its principal; the adapter vouches for the
 *   principal (directory: the owner of the file; S3: the bucket policy). Queue `@control` holds control objects.
 * - `list` names the objects that are waiting, by key, after `after`, at most `limit`. An object whose name
 *   breaks the rules is listed as `badlyNamed`, with a principal and a submission id under which it can be answered.
 * - `read` resolves with the bytes, or null when the object is gone, or 'too_large' over `maxBytes` without reading it.
 *   An object whose writer is not the principal in its name reads as 'forged', where the store does not refuse to write it.
 * - `answer` writes the receipt for these bytes. An acceptance stays whatever is answered later; a refusal gives way, because
 *   what was wrong may have been the deployment. `archive` takes the object out of `list`,
 *   after its receipt; with `quarantine` the bytes are kept aside for the operator. Both are idempotent.
 * - `put` writes an object for a principal, once: for runs that a schedule of theirs starts. False: one with this name waits.
 *   It throws TerminalError PRINCIPAL_MISMATCH where the store would not vouch for the principal.
 * - `publish` replaces the status document of a run, `publishSchedules` what a principal is shown of their schedules. `openUpload` streams what a client uploaded, or null.
 * - `onArrival` hints that something arrived, where the adapter itself hears of it. Hints may be lost or doubled: `list` is
 *   the truth.
 */
import type { Receipt, RunStatus, ScheduleList } from '@waybill/client/documents';
import type { Digest } from '@waybill/verify';

export interface InboxObject {
  /** The whole name as the store knows it, safe to log only through an escape. */
  key: string;
  queue: string;
  principal: string;
  submissionId: string;
  /** What is wrong with the name; absent when it is well formed. */
  badlyNamed?: string;
  /** Where the store keeps versions, the one that arrived: it is read, digested and archived, whatever came after it. */
  version?: string;
  /** When it was written, where `list` knows it. */
  arrivedAtMs?: number;
}

export interface Inbox {
  list(page: { limit: number; after?: string }): Promise<InboxObject[]>;
  read(object: InboxObject, maxBytes: number): Promise<Uint8Array | 'too_large' | 'forged' | null>;
  /** SHA-256 of the object's bytes without holding them: for receipts of objects that are too large to read. */
  digest(object: InboxObject): Promise<Digest | null>;
  answer(object: InboxObject, receipt: Receipt): Promise<void>;
  archive(object: InboxObject, how: 'done' | 'quarantine'): Promise<void>;
  put(name: Pick<InboxObject, 'queue' | 'principal' | 'submissionId'>, bytes: Uint8Array): Promise<boolean>;
  publish(principal: string, submissionId: string, status: RunStatus): Promise<void>;
  publishSchedules(list: ScheduleList): Promise<void>;
  openUpload(principal: string, digest: Digest): Promise<AsyncIterable<Uint8Array> | null>;
  onArrival(listener: () => void): void;
}
