import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { tooLarge } from './artifact-refusals.ts';
import { checkRegistryKey, type RegistryObjects } from './registry-entry.ts';
import { type S3Reader, wholeOf } from './s3-reader.ts';

const PREFIX = 'registry/';

/** The registry of a deployment: `registry/` in the inbox bucket. Submitters read it; who else may write it is up to a policy. */
export class S3Registry implements RegistryObjects {
  readonly #bucket: string;
  readonly #reader: S3Reader;
  readonly #putNew: (input: PutObjectCommandInput) => Promise<boolean>;

  constructor(bucket: string, reader: S3Reader, putNew: (input: PutObjectCommandInput) => Promise<boolean>) {
    this.#bucket = bucket;
    this.#reader = reader;
    this.#putNew = putNew;
  }

  async putOnce(key: string, bytes: Uint8Array): Promise<boolean> {
    return this.#putNew({ Bucket: this.#bucket, Key: `${PREFIX}${checkRegistryKey(key)}`, Body: bytes });
  }

  async get(key: string, maxBytes: number): Promise<Uint8Array | null> {
    const place = { bucket: this.#bucket, key: `${PREFIX}${checkRegistryKey(key)}` };
    const found = await this.#reader.open(place, () => this.#reader.isUnlisted(place));
    if (found === null || found === 'same') return null;
    if (found.sizeBytes <= maxBytes) return wholeOf(found.bytes);
    for await (const _chunk of found.bytes) break;
    throw tooLarge(key, found.sizeBytes, maxBytes);
  }

  /** By listing: whoever may not list the whole bucket could not tell what is not there from what may not be read. */
  async sizeOf(key: string): Promise<number | null> {
    const whole = `${PREFIX}${checkRegistryKey(key)}`;
    for await (const found of this.#reader.list(this.#bucket, whole)) {
      if (found.key === whole) return found.sizeBytes;
    }
    return null;
  }

  async list(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.#reader.list(this.#bucket, `${PREFIX}${prefix}`))
      keys.push(key.slice(PREFIX.length));
    return keys.sort();
  }
}
