/**
 * Transport: how a client reaches a deployment. Objects in, documents out; the same protocol over a directory and over S3.
 *
 * Contract
 * - `principal` is who the store will vouch for when it reads what this transport wrote. A client cannot choose it.
 * - `registry` holds what was registered, for all principals who may read it.
 * - `putUpload` stores a file under the digest of its content, durably, before the submission that names it. Storing what
 *   is there changes nothing. A file that is not what the digest says throws TerminalError OBJECT_DIGEST_MISMATCH.
 * - `putSubmission` writes an object once. `written`: it is there and durable. `same`: these bytes were there already.
 *   `other`: other bytes wait under this id; they are untouched and will be answered first. An object leaves the inbox
 *   when it has been answered, so the same id can be written again; the engine then answers `deduped` or `conflict`.
 *   Two writers at once: one gets `written`, the others `same` or `other`.
 * - `readReceipt` resolves with the answer to exactly these bytes under this id, or null while there is none.
 * - `readStatus` resolves with the newest status of a run, or null before the first. Never half a document.
 * - `readSchedules` resolves with the principal's schedules, newest state, or null before the first.
 * - `listRuns` lists the principal's own runs, newest first, at most `limit`. Over a directory also those that were accepted and
 *   have no status yet, since an engine can end in between and nobody starts the next one but a client.
 * - `openArtifact` streams bytes by digest and checks them on the way: TerminalError OBJECT_MISSING when there are none,
 *   OBJECT_DIGEST_MISMATCH at the end of a stream that is not what it should be. `maxBytes` bounds what is read (OBJECT_TOO_LARGE).
 * - `openLedger` streams a ledger object (evidence: verify it, the transport does not), or resolves with null.
 * - `openLiveLog` streams what an attempt has logged so far, from byte `from` on: a beginning of its log as its worker put it,
 *   which nobody has checked. It is for people who watch, and never evidence. Null while nothing is there, and once the
 *   attempt has been settled; a store that may not be listed answers so too where the caller may not read it.
 * - `changes` yields at once, then when something about the reference may have changed, at least every few seconds, until
 *   aborted; then it ends.
 *   Hints may be lost, doubled or empty: what is read afterwards is the truth.
 * Any call throws RetryableError STORE_FAILED when the store cannot be reached, TerminalError KEY_INVALID for a name that
 * no store would take.
 */
import type { Digest } from '@waybill/verify';
import type { Receipt, RunStatus, ScheduleList } from './documents.ts';
import type { RegistryObjects } from './registry-entry.ts';

/** One submission of one principal: a run, or a control object. */
export interface SubmissionRef {
  principal: string;
  submissionId: string;
}

export type PutResult = 'written' | 'same' | 'other';

/** Where control objects go instead of a queue; no queue can have this name. */
export const CONTROL_QUEUE = '@control';

export interface Transport {
  readonly principal: string;
  readonly registry: RegistryObjects;
  putUpload(digest: Digest, path: string): Promise<void>;
  putSubmission(queue: string, submissionId: string, bytes: Uint8Array): Promise<PutResult>;
  readReceipt(ref: SubmissionRef, submission: Digest): Promise<Receipt | null>;
  readStatus(ref: SubmissionRef): Promise<RunStatus | null>;
  readSchedules(): Promise<ScheduleList | null>;
  listRuns(limit: number): Promise<SubmissionRef[]>;
  openArtifact(digest: Digest, maxBytes?: number): Promise<AsyncIterable<Uint8Array>>;
  openLedger(key: string): Promise<AsyncIterable<Uint8Array> | null>;
  openLiveLog(attemptId: string, from: number): Promise<AsyncIterable<Uint8Array> | null>;
  changes(ref: SubmissionRef, signal: AbortSignal): AsyncIterable<void>;
}
