/** Reading from the buckets of a deployment: whole, as a stream, or not at all, with errors that say what to do. */
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { awsFailure, isAbsentObject, isDenied, statusOf } from './aws-errors.ts';

const NOT_MODIFIED = 304;
const NOTHING_FROM_THERE = 416;

export interface S3Place {
  bucket: string;
  key: string;
}

export interface OpenedObject {
  sizeBytes: number;
  etag: string | undefined;
  bytes: AsyncIterable<Uint8Array>;
}

export class S3Reader {
  readonly #client: S3Client;
  readonly #account: string;

  /** @param account that has to own every bucket: another one with the same name is not asked */
  constructor(client: S3Client, account: string) {
    this.#client = client;
    this.#account = account;
  }

  /**
   * The object, null when there is none, or 'same' when its etag is still the one given, or when it has nothing from that
   * byte on. Without the right to list, S3
   * answers a key that is not there as one that may not be read: then `missingIf` is asked whether it is not there.
   */
  async open(
    { bucket, key }: S3Place,
    missingIf: () => Promise<boolean>,
    { etag, from = 0 }: { etag?: string | undefined; from?: number } = {},
  ): Promise<OpenedObject | 'same' | null> {
    try {
      const found = await this.#client.send(
        new GetObjectCommand({
          Bucket: bucket,
          Key: key,
          ExpectedBucketOwner: this.#account,
          ...(etag === undefined ? {} : { IfNoneMatch: etag }),
          ...(from === 0 ? {} : { Range: `bytes=${from}-` }),
        }),
      );
      const body = found.Body as unknown as AsyncIterable<Uint8Array>;
      return { sizeBytes: found.ContentLength ?? 0, etag: found.ETag, bytes: mapped(body, `${bucket}/${key}`) };
    } catch (error) {
      if (statusOf(error) === NOT_MODIFIED || statusOf(error) === NOTHING_FROM_THERE) return 'same';
      if (isAbsentObject(error) || (isDenied(error) && (await missingIf()))) return null;
      throw awsFailure(error, `${bucket}/${key}`);
    }
  }

  /** Whether nothing stands under the key, by listing: for keys under a prefix that the caller may list. */
  async isUnlisted({ bucket, key }: S3Place): Promise<boolean> {
    const page = await this.#list(bucket, key, undefined, 1);
    return page.Contents?.[0]?.Key !== key;
  }

  /** Every key under the prefix, with its size and the time of its last change. */
  async *list(bucket: string, prefix: string): AsyncGenerator<{ key: string; sizeBytes: number; changedMs: number }> {
    let token: string | undefined;
    do {
      const page = await this.#list(bucket, prefix, token);
      for (const { Key, Size = 0, LastModified } of page.Contents ?? []) {
        if (Key !== undefined) yield { key: Key, sizeBytes: Size, changedMs: LastModified?.getTime() ?? 0 };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async #list(bucket: string, prefix: string, token?: string, most?: number) {
    try {
      return await this.#client.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          ExpectedBucketOwner: this.#account,
          ...(token === undefined ? {} : { ContinuationToken: token }),
          ...(most === undefined ? {} : { MaxKeys: most }),
        }),
      );
    } catch (error) {
      throw awsFailure(error, `${bucket}/${prefix}`);
    }
  }
}

export async function wholeOf(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** An answer that breaks off is the store's failure and not the reader's. */
async function* mapped(body: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw awsFailure(error, path);
  }
}
