/** Buckets and clients on the bed, for tests of what stands on S3. */
import { after, before } from 'node:test';
import {
  CreateBucketCommand,
  ListObjectsV2Command,
  PutBucketEncryptionCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type AssumeRoleCommandInput, STSClient } from '@aws-sdk/client-sts';
import { BED_KEY, ROOT, start } from './beds/minio.ts';
import type { StartedBed } from './beds/started-bed.ts';

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface S3Bed {
  url: string;
  /** With the credentials of the account's root. */
  s3: S3Client;
  sts: STSClient;
  /** A client with other credentials, as a signer of URLs needs it: it adds no checksums of its own. */
  clientOf(credentials: Credentials): S3Client;
  /** A new bucket; resolves with its name. */
  bucket(kind?: 'plain' | 'versioned' | 'locked'): Promise<string>;
  /** How many objects it holds, latest versions only. */
  count(bucket: string): Promise<number>;
}

/** Starts one bed for the tests of a file and stops it after them. The bed may be used from within tests alone. */
export function s3Bed(): S3Bed {
  let started: StartedBed | null = null;
  let made = 0;
  const bed = {} as S3Bed;
  before(async () => {
    started = await start();
    const settings = { endpoint: started.url, region: 'us-east-1' };
    const s3 = new S3Client({ ...settings, credentials: ROOT });
    Object.assign(bed, {
      url: started.url,
      s3,
      sts: keyless(new STSClient({ ...settings, credentials: ROOT })),
      clientOf: (credentials: Credentials) =>
        new S3Client({ ...settings, credentials, requestChecksumCalculation: 'WHEN_REQUIRED' }),
      async bucket(kind: 'plain' | 'versioned' | 'locked' = 'plain') {
        made += 1;
        const Bucket = `bucket-${made}`;
        await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: kind === 'locked' }));
        if (kind === 'versioned') {
          await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
        }
        return Bucket;
      },
      async count(Bucket: string) {
        return (await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount ?? 0;
      },
    } satisfies S3Bed);
  });
  after(async () => {
    await started?.stop();
  });
  return bed;
}

/** The bed knows no actions of KMS and refuses a policy that names some: its own key is open to whoever may write. */
function keyless(sts: STSClient): STSClient {
  sts.middlewareStack.add(
    (next) => (args) => {
      const input = args.input as AssumeRoleCommandInput;
      if (input.Policy !== undefined) {
        const policy = JSON.parse(input.Policy) as { Statement: { Action: string | string[] }[] };
        policy.Statement = policy.Statement.filter(({ Action }) => !String(Action).startsWith('kms:'));
        input.Policy = JSON.stringify(policy);
      }
      return next(args);
    },
    { step: 'initialize' },
  );
  return sts;
}

/** A bucket that encrypts with the bed's key what comes without a word about encryption. */
export async function encryptedBucket(bed: S3Bed): Promise<string> {
  const Bucket = await bed.bucket();
  const byDefault = { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: BED_KEY } as const;
  await bed.s3.send(
    new PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: { Rules: [{ ApplyServerSideEncryptionByDefault: byDefault }] },
    }),
  );
  return Bucket;
}
