/**
 * Mailboxes in the staging bucket. The lease is an object that names the URLs; nothing else is kept of an attempt, so any
 * process of the deployment can post, renew, cancel and close. Each change of a lease names what it replaces: a renewal and
 * a cancel at once lose neither.
 *
 * Staged objects are encrypted by the bucket's default and need no header for it. S3 counts no bytes at a PUT by URL and
 * refuses none after `close`: what is over its limit is cut off or refused when it is read, what comes late is not shown,
 * and the bucket's lifecycle takes both away.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { RetryableError, WaybillError } from '@waybill/client/errors';
import { canonicalize } from '@waybill/verify';
import { type Heartbeat, type Lease, MAX_RESULT_BYTES } from '#core/mailbox-protocol.ts';
import { parseHeartbeat } from '#core/result-document.ts';
import type { Clock } from '#ports/clock.ts';
import type { LeaseDraft, Mailbox, Staged } from '#ports/mailbox.ts';
import { Bucket, ONCE, type OpenObject } from './bucket.ts';
import { type LeaseUrls, lapseOf, SESSION_SECONDS } from './mailbox-session.ts';
import { isAttemptId, logKey, principalOf, STAGED, stagedKey } from './staging-names.ts';

const MAX_HEARTBEAT_BYTES = 4 * 1024;
/** URLs that live for less than this are renewed. */
const RENEW_MS = (SESSION_SECONDS * 1_000) / 2;
/** Attempts whose URLs are known to be good for a while. */
const REMEMBERED = 10_000;
/** Writers of one lease that overtake each other; more is a loop and not a race. */
const TRIES = 10;

export interface S3MailboxOptions {
  s3: S3Client;
  bucket: string;
  clock: Pick<Clock, 'nowMs'>;
  /** Makes the URLs of a lease, with the rights of the mailbox role: `signLease`, for who posts and renews. */
  sign(draft: LeaseDraft): Promise<LeaseUrls>;
}

export function createS3Mailbox(options: S3MailboxOptions): Mailbox {
  return new S3Mailbox(options);
}

class S3Mailbox implements Mailbox {
  readonly #bucket: Bucket;
  readonly #options: S3MailboxOptions;
  /** Until when a lease need not be read for the sake of its URLs. */
  readonly #goodUntilMs = new Map<string, number>();

  constructor(options: S3MailboxOptions) {
    this.#options = options;
    this.#bucket = new Bucket(options.s3, options.bucket);
  }

  async post(draft: LeaseDraft): Promise<string> {
    const key = stagedKey(draft.attemptId, 'lease');
    const { inputs: _inputs, source: _source, principal: _principal, ...said } = structuredClone(draft);
    const fresh: Lease = { ...said, ...(await this.#options.sign(draft)) };
    if ((await this.#bucket.put(key, bytesOf(fresh), ONCE)) !== null) return fresh.next;
    const posted = await this.#change(draft.attemptId, (before) => {
      const { put, next, inputs, source, channel } = this.#lapsesSoon(before) ? fresh : before;
      const more = { ...(source === undefined ? {} : { source }), ...(channel === undefined ? {} : { channel }) };
      const urls = { put, next, inputs, ...more };
      // A flag once raised stays up, whatever order a renewal and a cancel arrive in.
      return { ...said, ...urls, cancel: said.cancel || before.cancel };
    });
    return posted?.next ?? fresh.next;
  }

  async renew(attemptId: string): Promise<void> {
    if ((this.#goodUntilMs.get(attemptId) ?? 0) > this.#options.clock.nowMs()) return;
    const lease = (await this.#lease(attemptId))?.lease;
    if (lease === undefined) return;
    if (!this.#lapsesSoon(lease)) return this.#remember(attemptId, lease);
    const urls = await this.#options.sign({ ...lease, principal: principalOf(lease.put.log) });
    await this.#change(attemptId, (before) => ({ ...before, ...urls }));
  }

  async cancel(attemptId: string): Promise<void> {
    await this.#change(attemptId, (before) => (before.cancel ? null : { ...before, cancel: true }));
  }

  async staged(attemptId: string, only?: 'heartbeat' | 'result'): Promise<Staged> {
    const nothing: Staged = { heartbeat: null, heartbeatAtMs: null, result: null };
    if (!isAttemptId(attemptId)) return nothing;
    const read = (name: 'heartbeat' | 'result', lastByte: number): ReturnType<Bucket['read']> | null =>
      only === undefined || only === name ? this.#bucket.read(stagedKey(attemptId, name), { lastByte }) : null;
    // One byte over the limit shows that a result is broken, and nobody holds more of it.
    const isOpen = async (): Promise<boolean> => (await this.#bucket.head(stagedKey(attemptId, 'lease'))) !== null;
    // What is there may have come after the mailbox was closed. Who asks for a result mostly knows that there is one.
    const [beat, result, open] = await Promise.all([
      read('heartbeat', MAX_HEARTBEAT_BYTES),
      read('result', MAX_RESULT_BYTES),
      only === 'result' ? isOpen() : null,
    ]);
    if ((beat === null && result === null) || !(open ?? (await isOpen()))) return nothing;
    const heartbeat = beat === null ? null : heartbeatOf(beat.bytes, attemptId);
    return {
      heartbeat,
      heartbeatAtMs: heartbeat === null ? null : (beat?.modifiedMs ?? null),
      result: result?.bytes ?? null,
    };
  }

  async openOutputs(attemptId: string): Promise<AsyncIterable<Uint8Array>> {
    const outputs = await this.#open(attemptId, stagedKey(attemptId, 'outputs'));
    if (outputs === null) throw notStaged(attemptId);
    return outputs;
  }

  openLog(attemptId: string, principal: string): Promise<AsyncIterable<Uint8Array> | null> {
    return this.#open(attemptId, logKey(attemptId, principal));
  }

  async close(attemptId: string, principal: string): Promise<void> {
    if (!isAttemptId(attemptId)) return;
    const names = Object.keys(STAGED) as (keyof typeof STAGED)[];
    await this.#bucket.deleteAll([...names.map((name) => stagedKey(attemptId, name)), logKey(attemptId, principal)]);
  }

  /** Nothing to hear here: S3 tells a queue of every result, and heartbeats are looked at. */
  onStaged(): void {}

  /** Whatever changes a lease later gives it newer URLs. */
  #remember(attemptId: string, lease: Lease): void {
    if (this.#goodUntilMs.size >= REMEMBERED) this.#goodUntilMs.clear();
    this.#goodUntilMs.set(attemptId, lapseOf(lease.next) - RENEW_MS);
  }

  #lapsesSoon(lease: Lease): boolean {
    return lapseOf(lease.next) < this.#options.clock.nowMs() + RENEW_MS;
  }

  async #open(attemptId: string, key: string): Promise<AsyncIterable<Uint8Array> | null> {
    if (!isAttemptId(attemptId)) return null;
    const [lease, found] = await Promise.all([
      this.#bucket.head(stagedKey(attemptId, 'lease')),
      this.#bucket.open(key),
    ]);
    if (lease === null) found?.discard();
    return lease === null ? null : (found?.body ?? null);
  }

  async #lease(attemptId: string): Promise<{ lease: Lease; read: OpenObject } | null> {
    if (!isAttemptId(attemptId)) return null;
    const read = await this.#bucket.read(stagedKey(attemptId, 'lease'));
    // Nobody else writes it: what another version of ours has added to it stays there.
    return read === null ? null : { lease: JSON.parse(Buffer.from(read.bytes).toString()) as Lease, read };
  }

  /** Null when there is no lease: the attempt was never posted, or is closed. `change` says null to leave it as it is. */
  async #change(attemptId: string, change: (before: Lease) => Lease | null): Promise<Lease | null> {
    for (let tried = 0; tried < TRIES; tried += 1) {
      const found = await this.#lease(attemptId);
      if (found === null) return null;
      const after = change(found.lease);
      if (after === null) return found.lease;
      const rule = { IfMatch: found.read.etag ?? '' };
      if ((await this.#bucket.put(stagedKey(attemptId, 'lease'), bytesOf(after), rule)) !== null) return after;
    }
    throw new RetryableError({
      code: 'STORE_BUSY',
      path: `mailbox/${attemptId}`,
      problem: 'others changed the lease each time',
      fix: 'Try again; the lease is as the last of them left it.',
    });
  }
}

function bytesOf(lease: Lease): Uint8Array {
  return Buffer.from(canonicalize(lease));
}

/** Null for what is no heartbeat of this attempt: whatever a worker writes is no trouble of ours. */
function heartbeatOf(bytes: Uint8Array, attemptId: string): Heartbeat | null {
  if (bytes.byteLength > MAX_HEARTBEAT_BYTES) return null;
  try {
    const heartbeat = parseHeartbeat(bytes);
    return heartbeat.attemptId === attemptId ? heartbeat : null;
  } catch (error) {
    if (error instanceof WaybillError && !error.retryable) return null;
    throw error;
  }
}

function notStaged(attemptId: string): RetryableError {
  return new RetryableError({
    code: 'OBJECT_MISSING',
    path: `staging/${attemptId}/outputs`,
    problem: 'is not staged',
    fix: 'Wait for the worker, or settle the attempt without outputs.',
  });
}
