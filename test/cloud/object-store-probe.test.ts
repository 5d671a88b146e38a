/**
 * What the bed refuses, asked of the bed itself with plain requests and none of our code: a store that let these pass would
 * make the tests of the adapters green for nothing. The last part says what it does not do.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { BED_KEY } from './beds/minio.ts';
import { s3Bed } from './s3-bed.ts';

const bed = s3Bed();
const DAY_MS = 86_400_000;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64');
const inDays = (days: number): Date => new Date(Date.now() + days * DAY_MS);
const refusedAs =
  (...names: string[]) =>
  (error: unknown) =>
    error instanceof Error && names.includes(error.name);

describe('bed: object store: conditions and checksums', () => {
  let Bucket = '';
  before(async () => {
    Bucket = await bed.bucket();
  });
  const put = (Key: string, Body: string, more: Partial<PutObjectCommandInput> = {}) =>
    bed.s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

  it('refuses a PUT with If-None-Match where something stands, and lets one of many at once through', async () => {
    await put('once', '1', { IfNoneMatch: '*' });
    await assert.rejects(put('once', '2', { IfNoneMatch: '*' }), refusedAs('PreconditionFailed'));
    const race = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => put('race', String(n).repeat(1_000), { IfNoneMatch: '*' })),
    );
    assert.equal(race.filter(({ status }) => status === 'fulfilled').length, 1);
    // Without the condition it would have been written over: it is the condition that refused.
    await put('once', '2');
  });

  it('refuses a PUT with If-Match of another ETag', async () => {
    const { ETag } = await put('match', '1');
    await put('match', '2', { IfMatch: ETag ?? '' });
    await assert.rejects(put('match', '3', { IfMatch: ETag ?? '' }), refusedAs('PreconditionFailed'));
  });

  it('refuses bytes of another SHA-256 than the request says', async () => {
    await put('sum', 'right', { ChecksumSHA256: sha256('right') });
    const wrong = put('sum', 'wrong', { ChecksumSHA256: sha256('right') });
    await assert.rejects(wrong, refusedAs('XAmzContentChecksumMismatch', 'BadDigest'));
    const head = await bed.s3.send(new HeadObjectCommand({ Bucket, Key: 'sum', ChecksumMode: 'ENABLED' }));
    assert.equal(head.ChecksumSHA256, sha256('right'));
  });

  it('refuses a key that it does not have', async () => {
    await put('sealed', '1', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: BED_KEY });
    await assert.rejects(put('sealed', '1', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'no-such-key' }));
  });
});

describe('bed: object store: locks', () => {
  let Bucket = '';
  let VersionId = '';
  const Key = 'locked';
  before(async () => {
    Bucket = await bed.bucket('locked');
    const lock = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: inDays(2) } as const;
    VersionId = (await bed.s3.send(new PutObjectCommand({ Bucket, Key, Body: '1', ...lock }))).VersionId ?? '';
  });
  const retain = (Mode: 'COMPLIANCE' | 'GOVERNANCE', days: number, version = VersionId, key = Key) =>
    bed.s3.send(
      new PutObjectRetentionCommand({
        Bucket,
        Key: key,
        VersionId: version,
        Retention: { Mode, RetainUntilDate: inDays(days) },
        BypassGovernanceRetention: true,
      }),
    );

  it('refuses to delete a locked version, also for whoever goes round locks', async () => {
    const call = (BypassGovernanceRetention: boolean) =>
      bed.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention }));
    for (const bypass of [false, true]) await assert.rejects(call(bypass));
    await bed.s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
  });

  it('refuses to shorten or to weaken a lock, and lets it be lengthened', async () => {
    await assert.rejects(retain('COMPLIANCE', 1));
    await assert.rejects(retain('GOVERNANCE', 2));
    await retain('COMPLIANCE', 3);
  });

  it('refuses to stop keeping versions', async () => {
    const VersioningConfiguration = { Status: 'Suspended' } as const;
    await assert.rejects(bed.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration })));
  });

  it('lets a weaker lock be gone round, so that it is the mode that holds', async () => {
    const lock = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: inDays(2) } as const;
    const put = await bed.s3.send(new PutObjectCommand({ Bucket, Key: 'weak', Body: '1', ...lock }));
    const remove = (BypassGovernanceRetention: boolean) =>
      bed.s3.send(
        new DeleteObjectCommand({ Bucket, Key: 'weak', VersionId: put.VersionId ?? '', BypassGovernanceRetention }),
      );
    await assert.rejects(remove(false));
    await remove(true);
  });
});

describe('bed: object store: what it does not do', () => {
  it('knows no condition on If-None-Match, and holds nobody with credentials to the policy of a bucket', async () => {
    const Bucket = await bed.bucket();
    const policy = (Condition: object) => {
      const Resource = `arn:aws:s3:::${Bucket}/*`;
      const refusal = { Sid: 'x', Effect: 'Deny', Principal: '*', Action: 's3:PutObject', Resource, Condition };
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [refusal] });
      return bed.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    };
    await assert.rejects(policy({ Null: { 's3:if-none-match': 'true' } }), refusedAs('MalformedPolicy'));
    await policy({ Bool: { 'aws:SecureTransport': 'false' } });
    await bed.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'over a plain connection' }));
  });
});
