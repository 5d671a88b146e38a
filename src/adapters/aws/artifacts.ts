/**
 * Artifacts in S3: `sha256/<64 hex>`, encrypted with the data key, written once. S3 compares each PUT with the digest that
 * is its key; readers compare again, because whoever may write to the bucket may have put something else there first.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { TerminalError } from '@waybill/client/errors';
import { type Digest, runningDigest } from '@waybill/verify';
import type { Artifacts } from '#ports/artifacts.ts';
import { Bucket, ONCE, type PutRule } from './bucket.ts';
import { spooled } from './spool.ts';

const DIGEST = /^sha256:([0-9a-f]{64})$/;

export interface S3ArtifactsOptions {
  s3: S3Client;
  bucket: string;
  /** ARN of the KMS key. */
  dataKey: string;
}

export function createS3Artifacts({ s3, bucket: name, dataKey }: S3ArtifactsOptions): Artifacts {
  const bucket = new Bucket(s3, name);
  const rule = { ...ONCE, ...sealedWith(dataKey) };
  return {
    put: (bytes, { expected, maxBytes } = {}) =>
      spooled(
        bytes,
        async (spool) => {
          const { sha256, sizeBytes } = spool;
          if (expected !== undefined && expected !== sha256) throw mismatch(expected, sha256);
          // Refused when it stands already, which is as good: the same key means the same bytes.
          await bucket.put(artifactKey(sha256), spool, rule);
          return { sha256, sizeBytes };
        },
        maxBytes,
      ),

    async open(digest) {
      if (!DIGEST.test(digest)) throw missing(digest);
      const found = await bucket.open(artifactKey(digest));
      if (found === null) throw missing(digest);
      return verified(found.body, digest);
    },

    async size(digest) {
      if (!DIGEST.test(digest)) return null;
      return (await bucket.head(artifactKey(digest)))?.sizeBytes ?? null;
    },
  };
}

/** The key of an artifact in its bucket; of a digest only. */
export function artifactKey(digest: Digest): string {
  return `sha256/${digest.slice('sha256:'.length)}`;
}

function sealedWith(dataKey: string): PutRule {
  return { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: dataKey, BucketKeyEnabled: true };
}

/** Nobody may act on the last bytes before the digest is known to be right, so the stream fails instead of ending. */
async function* verified(bytes: AsyncIterable<Uint8Array>, digest: Digest): AsyncGenerator<Uint8Array> {
  const hash = runningDigest();
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  const found = hash.digest();
  if (found !== digest) throw mismatch(digest, found);
}

function missing(digest: string): TerminalError {
  return new TerminalError({
    code: 'OBJECT_MISSING',
    path: `artifacts/${digest}`,
    problem: 'is not in the artifact store',
    fix: 'Check the digest, or restore the store from a copy.',
  });
}

function mismatch(expected: Digest, found: Digest): TerminalError {
  return new TerminalError({
    code: 'OBJECT_DIGEST_MISMATCH',
    path: `artifacts/${expected}`,
    problem: `holds bytes whose digest is ${found}`,
    fix: 'Send the bytes again from their source, or restore the object from a copy.',
  });
}
