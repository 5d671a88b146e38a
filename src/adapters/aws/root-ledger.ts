/**
 * Root ledger in an S3 bucket with Object Lock. Every PUT says `If-None-Match: *`, its SHA-256 and until when the object is
 * locked, and is one request: parts of a multipart upload carry no lock, and the bucket policy refuses them.
 *
 * Encryption is S3's own and said in each PUT, so that no default of the bucket makes roots hostage to a key. Reading the
 * receipt of an anchor needs `s3:GetObjectRetention`; without it S3 leaves the time of the lock out.
 */
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { TerminalError } from '@waybill/client/errors';
import { equalBytes, runningDigest } from '@waybill/verify';
import type { Clock } from '#ports/clock.ts';
import type { RootLedger } from '#ports/root-ledger.ts';
import { Bucket, type PutRule } from './bucket.ts';
import { largest, type Page } from './largest.ts';
import { spooled } from './spool.ts';

const KEY = /^[a-zA-Z0-9_-][a-zA-Z0-9._-]*(?:\/[a-zA-Z0-9_-][a-zA-Z0-9._-]*)*$/;
const CHECKPOINT = /^checkpoints\/(\d{20})$/;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Most keys of one listing. */
const PAGE = 1_000;

export interface Retention {
  mode: 'COMPLIANCE' | 'GOVERNANCE';
  days: number;
}

export interface S3RootLedgerOptions {
  s3: S3Client;
  bucket: string;
  retention: Retention;
  clock: Pick<Clock, 'nowMs'>;
}

/** `COMPLIANCE:<days>` or `GOVERNANCE:<days>`. Throws TerminalError USAGE for anything else: there is no default. */
export function parseRetention(text: string): Retention {
  const [, mode, days] = /^(COMPLIANCE|GOVERNANCE):([1-9]\d{0,4})$/.exec(text) ?? [];
  if (mode !== undefined) return { mode: mode as Retention['mode'], days: Number(days) };
  throw new TerminalError({
    code: 'USAGE',
    path: 'WAYBILL_RETENTION',
    problem: 'is no retention',
    fix: 'Say COMPLIANCE:<days>, or GOVERNANCE:<days> in a test, with the days that the bucket policy demands.',
  });
}

export function createS3RootLedger({ s3, bucket, retention, clock }: S3RootLedgerOptions): RootLedger {
  return new S3RootLedger(new Bucket(s3, bucket), retention, clock);
}

class S3RootLedger implements RootLedger {
  readonly #bucket: Bucket;
  readonly #retention: Retention;
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** The size of a checkpoint that stood here before: where the search for the newest begins. */
  #known: bigint | null = null;

  constructor(bucket: Bucket, retention: Retention, clock: Pick<Clock, 'nowMs'>) {
    this.#bucket = bucket;
    this.#retention = retention;
    this.#clock = clock;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    if ((await this.#bucket.put(checked(key), bytes, this.#locked())) !== null) return;
    const standing = await this.get(key);
    if (standing === null || !equalBytes(standing, bytes)) throw conflict(key);
  }

  async anchor(key: string, bytes: Uint8Array): ReturnType<RootLedger['anchor']> {
    const written = await this.#bucket.put(checked(key), bytes, this.#locked());
    // What S3 keeps is the receipt, and not what was asked for; of our own write, exactly that version.
    const version = written?.version ?? undefined;
    const standing = await this.#bucket.read(key, version === undefined ? {} : { version });
    if (standing === null) throw conflict(key);
    return {
      bytes: standing.bytes,
      version: standing.version,
      lockedUntil: standing.lockedUntil?.toISOString() ?? null,
    };
  }

  async get(key: string): Promise<Uint8Array | null> {
    return (await this.#bucket.read(checked(key)))?.bytes ?? null;
  }

  async open(key: string): Promise<AsyncIterable<Uint8Array> | null> {
    return (await this.#bucket.open(checked(key)))?.body ?? null;
  }

  async write(key: string, bytes: AsyncIterable<Uint8Array>): ReturnType<RootLedger['write']> {
    checked(key);
    return spooled(bytes, async (spool) => {
      const { sha256, sizeBytes } = spool;
      const written = await this.#bucket.put(key, spool, this.#locked());
      if (written === null && (await this.#digestOf(key)) !== sha256) throw conflict(key);
      return { sha256, sizeBytes };
    });
  }

  async list(prefix: string, { after, limit }: { after?: string; limit: number }): Promise<string[]> {
    const keys: string[] = [];
    let from = after;
    while (keys.length < limit) {
      const page = await this.#page(prefix, from, limit - keys.length);
      keys.push(...page.keys);
      if (!page.more) break;
      from = page.keys.at(-1);
    }
    return keys;
  }

  async newestCheckpoint(): Promise<Uint8Array | null> {
    const key = await this.#newestKey();
    return key === null ? null : this.get(key);
  }

  async #newestKey(): Promise<string | null> {
    const newest = await largest((after) => this.#checkpoints(after), this.#known);
    this.#known = newest;
    return newest === null ? null : checkpointKey(newest);
  }

  async #checkpoints(after: bigint | null): Promise<Page> {
    const { keys, more } = await this.#page('checkpoints/', after === null ? undefined : checkpointKey(after), PAGE);
    const last = keys.flatMap((key) => CHECKPOINT.exec(key)?.[1] ?? []).at(-1);
    return { last: last === undefined ? null : BigInt(last), more };
  }

  async #page(prefix: string, after: string | undefined, limit: number): Promise<{ keys: string[]; more: boolean }> {
    const found = await this.#bucket.send(prefix, (s3, Bucket) =>
      s3.send(
        new ListObjectsV2Command({
          Bucket,
          Prefix: prefix,
          MaxKeys: Math.min(limit, PAGE),
          ...(after === undefined ? {} : { StartAfter: after }),
        }),
      ),
    );
    const keys = (found.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
    return { keys, more: found.IsTruncated === true };
  }

  /** S3's own SHA-256 of what it keeps, where it has one; else what its bytes say. */
  async #digestOf(key: string): Promise<string | null> {
    const known = (await this.#bucket.head(key))?.sha256;
    if (known) return known;
    const digest = runningDigest();
    const found = await this.#bucket.open(key);
    if (found === null) return null;
    for await (const chunk of found.body) digest.update(chunk);
    return digest.digest();
  }

  /**
   * Locked for the days asked for and an hour or two more: S3 counts whole days from when the request arrives, and the
   * time of the lock lies on a full hour.
   */
  #locked(): PutRule {
    const untilMs = Math.ceil((this.#clock.nowMs() + this.#retention.days * DAY_MS + HOUR_MS) / HOUR_MS) * HOUR_MS;
    return {
      IfNoneMatch: '*',
      ServerSideEncryption: 'AES256',
      ObjectLockMode: this.#retention.mode,
      ObjectLockRetainUntilDate: new Date(untilMs),
    };
  }
}

function checkpointKey(size: bigint): string {
  return `checkpoints/${String(size).padStart(20, '0')}`;
}

function checked(key: string): string {
  if (KEY.test(key)) return key;
  throw new TerminalError({
    code: 'KEY_INVALID',
    path: JSON.stringify(key.slice(0, 200)),
    problem: 'no valid ledger key',
    fix: 'Use slash-separated names of letters, digits, dots, dashes and underscores.',
  });
}

function conflict(key: string): TerminalError {
  return new TerminalError({
    code: 'OBJECT_CONFLICT',
    path: key,
    problem: 'other bytes stand under this key, and the ledger never changes',
    fix: 'Find out who wrote them before anything more is signed.',
  });
}
