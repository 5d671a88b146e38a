import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { HeadObjectCommand, PutObjectCommand, type PutObjectCommandInput, type S3Client } from '@aws-sdk/client-s3';
import { type Digest, digestOf } from '@waybill/verify';
import { mismatch, missing, tooLarge, unreadable } from './artifact-refusals.ts';
import { awsFailure, awsNameOf, isAbsentObject, isDenied, statusOf } from './aws-errors.ts';
import type { BucketRole, Deployment } from './deployment.ts';
import type { Receipt, RunStatus, ScheduleList } from './documents.ts';
import { RetryableError, TerminalError } from './errors.ts';
import {
  checkAttemptId,
  checkLedgerKey,
  checkPrincipal,
  checkQueue,
  checkSubmissionId,
  digestHex,
  isSubmissionId,
} from './object-names.ts';
import { receiptFrom, schedulesFrom, statusFrom } from './outbox-documents.ts';
import type { RegistryObjects } from './registry-entry.ts';
import { S3Reader, wholeOf } from './s3-reader.ts';
import { S3Registry } from './s3-registry.ts';
import type { PutResult, SubmissionRef, Transport } from './transport.ts';

export interface S3TransportOptions {
  /** The first wait between two looks; later ones grow to `maxPollMs` while nothing changes. */
  pollMs?: number;
  maxPollMs?: number;
}

const ASK_OPERATOR = 'Try again; if it stays, ask whoever runs the deployment.';
const DEFAULT_POLL_MS = 500;
const DEFAULT_MAX_POLL_MS = 4_000;
const POLL_GROWTH = 1.5;
/** Up to here an upload is held in memory, so that it can be sent again when a connection breaks. */
const HELD_BYTES = 16 * 1024 * 1024;
/** Somebody else wins a race for one key at most this often in a row before the caller hears of it. */
const MAX_RACES = 8;
/** Other bytes arrived than the checksum says; implementations of S3 have different names for it. */
const OTHER_BYTES: ReadonlySet<string> = new Set([
  'BadDigest',
  'InvalidDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);
const MAX_REMEMBERED = 16;
const CONFLICT = 409;
const PRECONDITION_FAILED = 412;

/**
 * Transport over the buckets of a deployment in AWS. It reads and writes keys with the caller's own id in them, artifacts
 * by digest and ledger objects by key; it lists nothing but the caller's own outbox and the registry, and never reads the run store.
 */
export class S3Transport implements Transport {
  readonly principal: string;
  readonly #client: S3Client;
  readonly #reader: S3Reader;
  readonly #deployment: Deployment;
  readonly #pollMs: number;
  readonly #maxPollMs: number;
  /** The newest status that was read of a run: the store is asked only for a newer one. */
  readonly #seen = new Map<string, { etag: string | undefined; status: RunStatus }>();
  /** Counts what was read for the first time; a wait that sees it grow looks often again. */
  #news = 0;

  /** @param principal `aws:userid` of the caller: the bucket's policy admits keys with that id and no other */
  constructor(client: S3Client, deployment: Deployment, principal: string, options: S3TransportOptions = {}) {
    this.#client = client;
    this.#reader = new S3Reader(client, deployment.account);
    this.#deployment = deployment;
    this.principal = principal;
    this.#pollMs = options.pollMs ?? DEFAULT_POLL_MS;
    this.#maxPollMs = Math.max(this.#pollMs, options.maxPollMs ?? DEFAULT_MAX_POLL_MS);
  }

  get registry(): RegistryObjects {
    return new S3Registry(this.#bucket('inbox'), this.#reader, (input) => this.#putNew(input));
  }

  async putUpload(digest: Digest, path: string): Promise<void> {
    const hex = digestHex(digest);
    const bucket = this.#bucket('inbox');
    const key = `uploads/${this.principal}/${hex}`;
    if (await this.#exists(bucket, key)) return;
    const sizeBytes = await sizeOf(path);
    const held = sizeBytes <= HELD_BYTES ? await readFile(path).catch(refuseUnreadable(path)) : null;
    if ((held === null ? await hashFile(path) : digestOf(held)) !== digest) throw mismatch(digest);
    await this.#putNew({
      Bucket: bucket,
      Key: key,
      Body: held ?? createReadStream(path),
      ContentLength: sizeBytes,
      // S3 refuses a file that changed after it was hashed here
      ChecksumSHA256: Buffer.from(hex, 'hex').toString('base64'),
    });
  }

  async putSubmission(queue: string, submissionId: string, bytes: Uint8Array): Promise<PutResult> {
    const bucket = this.#bucket('inbox');
    const key = `inbox/${checkQueue(queue)}/${this.principal}/${checkSubmissionId(submissionId)}.json`;
    for (let race = 0; race < MAX_RACES; race++) {
      if (await this.#putNew({ Bucket: bucket, Key: key, Body: bytes, ContentType: 'application/json' })) {
        return 'written';
      }
      const present = await this.#reader.open({ bucket, key }, async () => false);
      // Null: it was answered and taken away in between; the name is free again.
      if (present === null || present === 'same') continue;
      return (await wholeOf(present.bytes)).equals(bytes) ? 'same' : 'other';
    }
    const problem = 'others write and take away objects under this name all the time';
    throw new RetryableError({ code: 'STORE_BUSY', path: key, problem, fix: 'Use a submission id of your own.' });
  }

  async readReceipt(ref: SubmissionRef, submission: Digest): Promise<Receipt | null> {
    const place = this.#outbox(ref, `receipt-${digestHex(submission).slice(0, 16)}.json`);
    const found = await this.#reader.open(place, () => this.#reader.isUnlisted(place));
    if (found === null || found === 'same') return null;
    this.#news++;
    return receiptFrom(await wholeOf(found.bytes), { path: place.key, fix: ASK_OPERATOR });
  }

  async readStatus(ref: SubmissionRef): Promise<RunStatus | null> {
    const place = this.#outbox(ref, 'status.json');
    const before = this.#seen.get(place.key);
    const found = await this.#reader.open(place, () => this.#reader.isUnlisted(place), { etag: before?.etag });
    if (found === 'same') return before?.status ?? null;
    if (found === null) return null;
    const status = statusFrom(await wholeOf(found.bytes), { path: place.key, fix: ASK_OPERATOR });
    this.#remember(place.key, { etag: found.etag, status });
    this.#news++;
    return status;
  }

  async readSchedules(): Promise<ScheduleList | null> {
    const place = { bucket: this.#bucket('inbox'), key: `outbox/${this.principal}/schedules.json` };
    const found = await this.#reader.open(place, () => this.#reader.isUnlisted(place));
    if (found === null || found === 'same') return null;
    return schedulesFrom(await wholeOf(found.bytes), { path: place.key, fix: ASK_OPERATOR });
  }

  async listRuns(limit: number): Promise<SubmissionRef[]> {
    const prefix = `outbox/${this.principal}/`;
    const found: { submissionId: string; changedMs: number }[] = [];
    for await (const { key, changedMs } of this.#reader.list(this.#bucket('inbox'), prefix)) {
      const [submissionId = '', document, ...rest] = key.slice(prefix.length).split('/');
      if (document !== 'status.json' || rest.length > 0 || !isSubmissionId(submissionId)) continue;
      found.push({ submissionId, changedMs });
    }
    return found
      .sort((a, b) => b.changedMs - a.changedMs)
      .slice(0, limit)
      .map(({ submissionId }) => ({ principal: this.principal, submissionId }));
  }

  async openArtifact(digest: Digest, maxBytes: number = Number.POSITIVE_INFINITY): Promise<AsyncIterable<Uint8Array>> {
    const hex = digestHex(digest);
    const place = { bucket: this.#bucket('artifacts'), key: `sha256/${hex}` };
    const found = await this.#reader.open(place, async () => false);
    if (found === null || found === 'same') throw missing(digest);
    if (found.sizeBytes > maxBytes) {
      await discard(found.bytes);
      throw tooLarge(digest, found.sizeBytes, maxBytes);
    }
    return checkedStream(found.bytes, digest, hex);
  }

  async openLedger(key: string): Promise<AsyncIterable<Uint8Array> | null> {
    const place = { bucket: this.#bucket('ledger'), key: checkLedgerKey(key) };
    const found = await this.#reader.open(place, async () => false);
    return found === null || found === 'same' ? null : found.bytes;
  }

  async openLiveLog(attemptId: string, from: number): Promise<AsyncIterable<Uint8Array> | null> {
    const place = { bucket: this.#bucket('staging'), key: `logs/${this.principal}/${checkAttemptId(attemptId)}/log` };
    // Nobody may list that bucket, so what is not there cannot be told from what may not be read.
    const found = await this.#reader.open(place, async () => true, { from });
    return found === 'same' ? nothing() : (found?.bytes ?? null);
  }

  async *changes(ref: SubmissionRef, signal: AbortSignal): AsyncGenerator<void> {
    this.#outbox(ref, '');
    let waitMs = this.#pollMs;
    while (!signal.aborted) {
      const before = this.#news;
      yield;
      waitMs = this.#news > before ? this.#pollMs : Math.min(this.#maxPollMs, waitMs * POLL_GROWTH);
      await delay(waitMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Of the few runs that were read last: a search through thousands of runs must not hold them all. */
  #remember(key: string, seen: { etag: string | undefined; status: RunStatus }): void {
    this.#seen.delete(key);
    this.#seen.set(key, seen);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MAX_REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
  }

  #bucket(role: BucketRole): string {
    const bucket = this.#deployment.buckets[role];
    if (bucket !== undefined) return bucket;
    const fix = 'Write it again with `waybill deployment pull`, naming the ledger, the state and the runtime stack.';
    const problem = 'the deployment file does not name this bucket';
    throw new TerminalError({ code: 'DEPLOYMENT_INVALID', path: `buckets.${role}`, problem, fix });
  }

  #outbox({ principal, submissionId }: SubmissionRef, name: string): { bucket: string; key: string } {
    const key = `outbox/${checkPrincipal(principal)}/${checkSubmissionId(submissionId)}/${name}`;
    return { bucket: this.#bucket('inbox'), key };
  }

  /** A denied HEAD says nothing: the PUT that follows says whether something is there. */
  async #exists(bucket: string, key: string): Promise<boolean> {
    try {
      await this.#client.send(
        new HeadObjectCommand({ Bucket: bucket, Key: key, ExpectedBucketOwner: this.#deployment.account }),
      );
      return true;
    } catch (error) {
      if (isAbsentObject(error) || isDenied(error)) return false;
      throw awsFailure(error, `${bucket}/${key}`);
    }
  }

  /** False when something stands under the key, or is about to. */
  async #putNew(input: PutObjectCommandInput): Promise<boolean> {
    try {
      await this.#client.send(
        new PutObjectCommand({ ...input, IfNoneMatch: '*', ExpectedBucketOwner: this.#deployment.account }),
      );
      return true;
    } catch (error) {
      if (statusOf(error) === PRECONDITION_FAILED || statusOf(error) === CONFLICT) return false;
      if (OTHER_BYTES.has(awsNameOf(error))) throw mismatch(`sha256:${input.Key?.split('/').at(-1) ?? ''}`);
      throw awsFailure(error, `${input.Bucket}/${input.Key}`);
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(refuseUnreadable(path))).size;
}

async function hashFile(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk);
  } catch (cause) {
    throw unreadable(path, cause as NodeJS.ErrnoException);
  }
  return `sha256:${hash.digest('hex')}`;
}

function refuseUnreadable(path: string): (cause: NodeJS.ErrnoException) => never {
  return (cause) => {
    throw unreadable(path, cause);
  };
}

async function* checkedStream(
  bytes: AsyncIterable<Uint8Array>,
  digest: Digest,
  hex: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== hex) throw mismatch(digest);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Closes the connection without reading what is left. */
async function discard(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _chunk of bytes) break;
}
