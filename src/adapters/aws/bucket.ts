/**
 * One S3 bucket as the object adapters use it: writes with a SHA-256 that S3 compares, conditional writes whose refusal is
 * an answer and not an error, and errors that say that trying again may help.
 *
 * Whoever uses it needs `s3:ListBucket` on the bucket: without it S3 answers 403 instead of 404 for what is not there.
 */
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  type DeleteObjectCommandInput,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Digest, digestOf } from '@waybill/verify';
import { isMissing, nameOf, statusOf, trouble } from './s3-refusals.ts';
import type { Spooled } from './spool.ts';

/** Tries at a write that met another one of the same key (409): S3 asks the writer to try again. */
const TRIES = 5;
const FIRST_DELAY_MS = 50;

/** Headers of a PUT beside those of its bytes: condition, encryption, lock. */
export type PutRule = Pick<
  PutObjectCommandInput,
  | 'IfMatch'
  | 'IfNoneMatch'
  | 'ServerSideEncryption'
  | 'SSEKMSKeyId'
  | 'BucketKeyEnabled'
  | 'ObjectLockMode'
  | 'ObjectLockRetainUntilDate'
  | 'ContentType'
>;

/** Only where nothing stands yet. */
export const ONCE: PutRule = { IfNoneMatch: '*' };

/** An object whose bytes have not been read. Either read `body` to its end or `discard` it: it holds a connection. */
export interface OpenObject {
  body: AsyncIterable<Uint8Array>;
  sizeBytes: number;
  etag: string | null;
  /** Null in a bucket without versions. */
  version: string | null;
  lockedUntil: Date | null;
  /** By the clock of the store, to the second. */
  modifiedMs: number;
  discard(): void;
}

export class Bucket {
  readonly #s3: S3Client;
  readonly name: string;

  constructor(s3: S3Client, name: string) {
    this.#s3 = s3;
    this.name = name;
  }

  /** Null when there is none. `lastByte` asks for the bytes up to that one only. */
  async open(key: string, part: { version?: string; lastByte?: number } = {}): Promise<OpenObject | null> {
    const range = part.lastByte === undefined ? {} : { Range: `bytes=0-${part.lastByte}` };
    const version = part.version === undefined ? {} : { VersionId: part.version };
    const get = (range: { Range?: string }): Promise<GetObjectCommandOutput> =>
      this.#s3.send(new GetObjectCommand({ Bucket: this.name, Key: key, ...version, ...range })).catch((error) => {
        // An empty object has no first byte to begin at.
        if (statusOf(error) !== 416 || range.Range === undefined) throw error;
        return get({});
      });
    const found = await this.#ask(key, () => get(range));
    return found === null ? null : this.#opened(key, found);
  }

  /** The whole object, or its beginning up to `lastByte`; null when there is none. */
  async read(
    key: string,
    part: { version?: string; lastByte?: number } = {},
  ): Promise<(OpenObject & { bytes: Uint8Array }) | null> {
    const found = await this.open(key, part);
    if (found === null) return null;
    return { ...found, bytes: await wholeOf(found.body) };
  }

  /** What is known of an object without its bytes. `sha256` is null where the store keeps no such checksum of it. */
  async head(key: string): Promise<{ sizeBytes: number; sha256: Digest | null; version: string | null } | null> {
    const found = await this.#ask(key, () =>
      this.#s3.send(new HeadObjectCommand({ Bucket: this.name, Key: key, ChecksumMode: 'ENABLED' })),
    );
    if (found === null) return null;
    const { ChecksumSHA256: sha256, ChecksumType: kind } = found;
    const whole = sha256 !== undefined && kind !== 'COMPOSITE' && !sha256.includes('-');
    return {
      sizeBytes: found.ContentLength ?? 0,
      sha256: whole ? `sha256:${Buffer.from(sha256, 'base64').toString('hex')}` : null,
      version: versionOf(found.VersionId),
    };
  }

  /** Resolves with the version written, or null when the condition of `rule` did not hold. One request, no multipart. */
  async put(key: string, body: Uint8Array | Spooled, rule: PutRule): Promise<{ version: string | null } | null> {
    const sha256 = body instanceof Uint8Array ? digestOf(body) : body.sha256;
    for (let tried = 1; ; tried += 1) {
      try {
        const written = await this.#s3.send(
          new PutObjectCommand({
            Bucket: this.name,
            Key: key,
            Body: body instanceof Uint8Array ? body : body.open(),
            ContentLength: body instanceof Uint8Array ? body.byteLength : body.sizeBytes,
            ChecksumSHA256: Buffer.from(sha256.slice('sha256:'.length), 'hex').toString('base64'),
            ContentType: 'application/octet-stream',
            ...rule,
          }),
        );
        return { version: versionOf(written.VersionId) };
      } catch (error) {
        const status = statusOf(error);
        if (status === 412) return null;
        // The object that If-Match names is gone, or a write of the same key is under way.
        if (status === 404 && nameOf(error) === 'NoSuchKey') return null;
        if (status !== 409 || tried === TRIES) throw trouble(this.name, key, error);
        await sleep(FIRST_DELAY_MS * 2 ** tried * (0.5 + Math.random() / 2));
      }
    }
  }

  /** Exactly this version for good; without one, whatever the bucket does with an object that is deleted. */
  async delete(key: string, version: string | null): Promise<void> {
    const input: DeleteObjectCommandInput = { Bucket: this.name, Key: key };
    if (version !== null) input.VersionId = version;
    await this.#ask(key, () => this.#s3.send(new DeleteObjectCommand(input)));
  }

  /** All in one request, which S3 does not charge for. */
  async deleteAll(keys: readonly string[]): Promise<void> {
    const objects = keys.map((key) => ({ Key: key }));
    const first = keys[0] ?? '';
    const answer = await this.#ask(first, () =>
      this.#s3.send(new DeleteObjectsCommand({ Bucket: this.name, Delete: { Quiet: true, Objects: objects } })),
    );
    const failed = answer?.Errors?.[0];
    if (failed !== undefined) throw trouble(this.name, failed.Key ?? first, failed);
  }

  /** Any other request; its failures are told as the bucket's own. */
  async send<T>(about: string, call: (s3: S3Client, bucket: string) => Promise<T>): Promise<T> {
    try {
      return await call(this.#s3, this.name);
    } catch (error) {
      throw trouble(this.name, about, error);
    }
  }

  #opened(key: string, found: GetObjectCommandOutput): OpenObject {
    const stream = found.Body as Readable;
    return {
      body: this.#piecesOf(key, stream),
      sizeBytes: found.ContentLength ?? 0,
      etag: found.ETag ?? null,
      version: versionOf(found.VersionId),
      lockedUntil: found.ObjectLockRetainUntilDate ?? null,
      modifiedMs: found.LastModified?.getTime() ?? 0,
      discard: () => void stream.destroy(),
    };
  }

  /** A connection that breaks in the middle is trouble of the store, and not an end of the object. */
  async *#piecesOf(key: string, stream: Readable): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of stream) yield chunk as Uint8Array;
    } catch (error) {
      throw trouble(this.name, key, error);
    } finally {
      stream.destroy();
    }
  }

  async #ask<T>(key: string, call: () => Promise<T>): Promise<T | null> {
    try {
      return await call();
    } catch (error) {
      if (isMissing(error)) return null;
      throw trouble(this.name, key, error);
    }
  }
}

export async function wholeOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** S3 calls the one version of an object in a bucket without versions `null`. */
function versionOf(version: string | undefined): string | null {
  return version === undefined || version === 'null' ? null : version;
}
