/**
 * Inbox in a versioned S3 bucket: `inbox/<queue>/<principal>/<submissionId>.json`, written once by clients. The principal is
 * the writer's whole `aws:userid`, and the bucket policy refuses everybody else, so the name vouches for the writer: nothing
 * reads as forged here. Of a role's `<role id>:<session name>` only the role is proved, unless session names are enforced.
 *
 * What is read, digested and archived is one version, the one that the event or the listing named. Archiving takes exactly
 * that version away: a delete marker would also hide what a client wrote under the same name a moment ago.
 */
import { CopyObjectCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Receipt, RunStatus, ScheduleList } from '@waybill/client/documents';
import { RetryableError } from '@waybill/client/errors';
import { type Digest, runningDigest } from '@waybill/verify';
import type { Inbox, InboxObject } from '#ports/inbox.ts';
import { Bucket, ONCE, wholeOf } from './bucket.ts';
import { decodedKey, INBOX, inboxObject } from './inbox-names.ts';

type Named = Pick<InboxObject, 'queue' | 'principal' | 'submissionId'>;

const MAX_RECEIPT_BYTES = 1024 * 1024;
const PAGE = 1_000;
/** Receipts of one submission that overtake each other; more is a loop and not a race. */
const ANSWER_TRIES = 10;

export function createS3Inbox({ s3, bucket }: { s3: S3Client; bucket: string }): Inbox {
  return new S3Inbox(new Bucket(s3, bucket));
}

class S3Inbox implements Inbox {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async list({ limit, after }: { limit: number; after?: string }): Promise<InboxObject[]> {
    const objects: InboxObject[] = [];
    let from: { KeyMarker?: string; VersionIdMarker?: string } =
      after === undefined ? {} : { KeyMarker: INBOX + after };
    for (;;) {
      const page = await this.#versions(from);
      for (const { Key = '', VersionId, IsLatest, LastModified } of page.Versions ?? []) {
        if (!IsLatest) continue;
        const object = inboxObject(decodedKey(Key), VersionId);
        objects.push(LastModified === undefined ? object : { ...object, arrivedAtMs: LastModified.getTime() });
        if (objects.length === limit) return objects;
      }
      if (!page.IsTruncated || page.NextKeyMarker === undefined) return objects;
      from = { KeyMarker: decodedKey(page.NextKeyMarker) };
      if (page.NextVersionIdMarker) from.VersionIdMarker = page.NextVersionIdMarker;
    }
  }

  async read(object: InboxObject, maxBytes: number): Promise<Uint8Array | 'too_large' | null> {
    const found = await this.#bucket.open(keyOf(object), versionOf(object));
    if (found === null) return null;
    if (found.sizeBytes > maxBytes) {
      found.discard();
      return 'too_large';
    }
    return wholeOf(found.body);
  }

  async digest(object: InboxObject): Promise<Digest | null> {
    const found = await this.#bucket.open(keyOf(object), versionOf(object));
    if (found === null) return null;
    const digest = runningDigest();
    for await (const chunk of found.body) digest.update(chunk);
    return digest.digest();
  }

  /** Two answers at once must not lose an acceptance, so each write says what it replaces. */
  async answer({ principal, submissionId }: InboxObject, receipt: Receipt): Promise<void> {
    const key = `outbox/${principal}/${submissionId}/receipt-${shortDigest(receipt.submission)}.json`;
    if ((await this.#bucket.put(key, jsonBytes(receipt), { ...ONCE, ...JSON_TYPE })) !== null) return;
    for (let tried = 0; tried < ANSWER_TRIES; tried += 1) {
      const known = await this.#bucket.read(key, { lastByte: MAX_RECEIPT_BYTES });
      if (known !== null && isAcceptance(JSON.parse(Buffer.from(known.bytes).toString()) as Receipt)) return;
      const rule = known?.etag ? { IfMatch: known.etag } : ONCE;
      if ((await this.#bucket.put(key, jsonBytes(receipt), { ...rule, ...JSON_TYPE })) !== null) return;
    }
    throw new RetryableError({
      code: 'STORE_BUSY',
      path: key,
      problem: 'other answers to the same submission came first each time',
      fix: 'Answer again; the object is still in the inbox.',
    });
  }

  async archive(object: InboxObject, how: 'done' | 'quarantine'): Promise<void> {
    const key = keyOf(object);
    const version = object.version ?? (await this.#bucket.head(key))?.version ?? null;
    if (how === 'quarantine') await this.#keepAside(object, version);
    await this.#bucket.delete(key, version);
  }

  async put({ queue, principal, submissionId }: Named, bytes: Uint8Array): Promise<boolean> {
    const key = `${INBOX}${queue}/${principal}/${submissionId}.json`;
    return (await this.#bucket.put(key, bytes, { ...ONCE, ...JSON_TYPE })) !== null;
  }

  async publishSchedules(list: ScheduleList): Promise<void> {
    await this.#bucket.put(`outbox/${list.principal}/schedules.json`, jsonBytes(list), JSON_TYPE);
  }

  async publish(principal: string, submissionId: string, status: RunStatus): Promise<void> {
    await this.#bucket.put(`outbox/${principal}/${submissionId}/status.json`, jsonBytes(status), JSON_TYPE);
  }

  async openUpload(principal: string, digest: Digest): Promise<AsyncIterable<Uint8Array> | null> {
    const found = await this.#bucket.open(`uploads/${principal}/${digest.slice('sha256:'.length)}`);
    return found?.body ?? null;
  }

  /** Nothing to hear here: S3 tells a queue of every object, and the reconciler lists. */
  onArrival(): void {}

  #versions(from: { KeyMarker?: string; VersionIdMarker?: string }) {
    return this.#bucket.send(INBOX, (s3, Bucket) =>
      // Encoded, because a key may hold characters that XML cannot.
      s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: INBOX, MaxKeys: PAGE, EncodingType: 'url', ...from })),
    );
  }

  async #keepAside(object: InboxObject, version: string | null): Promise<void> {
    const digest = (await this.digest(object)) ?? null;
    if (digest === null) return;
    const { queue, principal, submissionId } = object;
    const key = `quarantine/${queue}/${principal}/${submissionId}.${shortDigest(digest)}.json`;
    const source = `${this.#bucket.name}/${encodeURIComponent(keyOf(object))}`;
    await this.#bucket.send(key, (s3, Bucket) =>
      s3.send(
        new CopyObjectCommand({
          Bucket,
          Key: key,
          CopySource: version === null ? source : `${source}?versionId=${encodeURIComponent(version)}`,
        }),
      ),
    );
  }
}

const JSON_TYPE = { ContentType: 'application/json' };

function keyOf({ key }: InboxObject): string {
  return INBOX + key;
}

function versionOf({ version }: InboxObject): { version?: string } {
  return version === undefined ? {} : { version };
}

/** An acceptance is final; a refusal may be answered otherwise once the deployment has changed. */
function isAcceptance({ status }: Receipt): boolean {
  return status === 'accepted' || status === 'deduped';
}

function shortDigest(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 16);
}

function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
