/**
 * The policies of the buckets, held against requests on the bed that has locks. Statements that it does not know are named
 * here, and held in bucket-policies-refuse.test.ts.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  DeleteObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLegalHoldCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  artifactsPolicy,
  type BucketStatement,
  inboxPolicy,
  ledgerPolicy,
  stagingPolicy,
} from '../../lib/bucket-policies.ts';
import { allowedBut, leftOut } from './bed-policies.ts';
import { ROOT } from './beds/minio.ts';
import { s3Bed } from './s3-bed.ts';
import { sessionOf } from './submitter.ts';

const bed = s3Bed();
const DENIED = { name: 'AccessDenied' };
const LOCK = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: new Date(Date.now() + 90_000_000) } as const;

interface Held {
  Bucket: string;
  held: S3Client;
  put(s3: S3Client, Key: string, more?: Partial<PutObjectCommandInput>): Promise<{ VersionId?: string | undefined }>;
}

async function heldTo(
  kind: 'plain' | 'versioned' | 'locked',
  statements: (bucket: string) => readonly BucketStatement[],
): Promise<Held> {
  const Bucket = await bed.bucket(kind);
  return {
    Bucket,
    held: await sessionOf(bed, allowedBut(statements(`arn:aws:s3:::${Bucket}`))),
    put: (s3, Key, more = {}) => s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...more })),
  };
}

describe('bucket policies: inbox', () => {
  let on: Held;
  before(async () => {
    on = await heldTo('versioned', (bucket) => inboxPolicy({ bucket, engine: [], onBehalf: [] }));
  });

  it('a submitter writes under their own id and nowhere else', async () => {
    const { put, held } = on;
    const me = ROOT.accessKeyId;
    for (const key of [
      `inbox/default/${me}/a.json`,
      `inbox/@control/${me}/a.json`,
      `uploads/${me}/${'0'.repeat(64)}`,
    ]) {
      await put(held, key);
    }
    for (const key of [
      'inbox/default/AIDASOMEBODYELSE1/a.json',
      `inbox/default/${me}x/a.json`,
      'uploads/AIDASOMEBODYELSE1/x',
      `outbox/${me}/a/receipt.json`,
      'quarantine/x',
      'elsewhere',
    ]) {
      await assert.rejects(put(held, key), DENIED, key);
      // The negative control: the request as such is good.
      await put(bed.s3, key);
    }
  });

  it('a submitter takes nothing back, not even their own', async () => {
    const { put, held, Bucket } = on;
    const Key = `inbox/default/${ROOT.accessKeyId}/mine.json`;
    const { VersionId } = await put(held, Key);
    assert.ok(VersionId);
    for (const which of [{}, { VersionId }]) {
      await assert.rejects(held.send(new DeleteObjectCommand({ Bucket, Key, ...which })), DENIED);
    }
    await bed.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
  });
});

describe('bucket policies: registry', () => {
  it('what is registered is not taken back, by its pointer or its version', async () => {
    const { put, held, Bucket } = await heldTo('versioned', (bucket) =>
      inboxPolicy({ bucket, engine: [], onBehalf: [] }).filter(({ json }) => json.Sid !== 'NothingTakenBack'),
    );
    const Key = 'registry/capability/tools/1';
    const { VersionId } = await put(held, Key);
    assert.ok(VersionId);
    for (const which of [{}, { VersionId }]) {
      await assert.rejects(held.send(new DeleteObjectCommand({ Bucket, Key, ...which })), DENIED);
    }
    // The negative control: what is not registered goes.
    const own = `uploads/${ROOT.accessKeyId}/x`;
    await put(held, own);
    await held.send(new DeleteObjectCommand({ Bucket, Key: own }));
  });
});

describe('bucket policies: artifacts and staging', () => {
  it('nothing but artifacts is stored, and none is deleted', async () => {
    const { put, held, Bucket } = await heldTo('plain', (bucket) =>
      artifactsPolicy({ bucket, dataKey: 'arn:aws:kms:us-east-1:1:key/k', engine: [] }).filter(
        // With no engine named, nobody stores; the bed cannot tell roles apart.
        ({ json }) => json.Sid !== 'StoredByEngine',
      ),
    );
    await put(held, 'sha256/0');
    await assert.rejects(put(held, 'other/0'), DENIED);
    await assert.rejects(held.send(new DeleteObjectCommand({ Bucket, Key: 'sha256/0' })), DENIED);
  });

  it('nothing is staged under another encryption than the default of the bucket', async () => {
    const { put, held } = await heldTo('plain', (bucket) =>
      stagingPolicy({ bucket, engine: ['e'], mailbox: 'm', sealers: ['s'] }).filter(
        ({ json }) => json.Sid === 'OwnKeyOnly',
      ),
    );
    await put(held, 'a/log');
    await put(held, 'a/log', { ServerSideEncryption: 'aws:kms' });
    await assert.rejects(put(held, 'a/log', { ServerSideEncryption: 'AES256' }), DENIED);
  });
});

describe('bucket policies: ledger', () => {
  let on: Held;
  const rules = { sequencer: ['seal'], retention: { mode: 'COMPLIANCE', days: 1 } } as const;
  before(async () => {
    on = await heldTo('locked', (bucket) => ledgerPolicy({ ...rules, bucket }));
  });

  it('nothing is written without a lock of the right mode', async () => {
    const { put, held } = on;
    await put(held, 'locked', LOCK);
    await assert.rejects(put(held, 'open'), DENIED);
    await assert.rejects(put(held, 'weak', { ...LOCK, ObjectLockMode: 'GOVERNANCE' }), DENIED);
    await put(bed.s3, 'weak', { ...LOCK, ObjectLockMode: 'GOVERNANCE' });
  });

  it('nothing is deleted, no marker set, no hold placed, and no setting of the bucket changed', async () => {
    const { put, held, Bucket } = on;
    const { VersionId } = await put(held, 'kept', LOCK);
    assert.ok(VersionId);
    const Rules = [{ ID: 'x', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } }] as const;
    const calls = [
      new DeleteObjectCommand({ Bucket, Key: 'kept' }),
      new DeleteObjectCommand({ Bucket, Key: 'kept', VersionId }),
      new PutObjectLegalHoldCommand({ Bucket, Key: 'kept', VersionId, LegalHold: { Status: 'ON' } }),
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
      new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [...Rules] } }),
    ];
    for (const call of calls) await assert.rejects(held.send(call as never), DENIED, call.constructor.name);
    // A marker hides what it cannot delete, and without the policy anybody with the permission may set it.
    await bed.s3.send(new DeleteObjectCommand({ Bucket, Key: 'kept' }));
  });

  it('a test deployment can be torn down, a production one cannot', () => {
    const sids = (mode: 'COMPLIANCE' | 'GOVERNANCE') =>
      ledgerPolicy({ bucket: 'b', sequencer: [], retention: { mode, days: 1 } }).map(({ json }) => json.Sid);
    assert.ok(sids('COMPLIANCE').includes('NothingGoes'));
    assert.deepEqual(
      sids('GOVERNANCE'),
      sids('COMPLIANCE').filter((sid) => sid !== 'NothingGoes'),
    );
  });
});

describe('bucket policies: what the bed does not know', () => {
  it('is this and nothing else', () => {
    const bucket = 'b';
    assert.deepEqual(leftOut(inboxPolicy({ bucket, engine: ['e'], onBehalf: [] })), [
      'OwnNameOnly',
      'ControlsByPeople',
      'SubmitOnce',
      'UploadOnce',
      'RegisteredOnce',
      'RegisteredByPeople',
      'NothingTakenBack',
    ]);
    assert.deepEqual(leftOut(inboxPolicy({ bucket, engine: [], onBehalf: [] })), [
      'SubmitOnce',
      'UploadOnce',
      'RegisteredOnce',
    ]);
    assert.deepEqual(leftOut(stagingPolicy({ bucket, engine: ['e'], mailbox: 'm', sealers: ['s'] })), [
      'StagedOnce',
      'LeaseByEngine',
      'StagedByWorkers',
      'SealedByRelease',
    ]);
    assert.deepEqual(leftOut(artifactsPolicy({ bucket, dataKey: 'k', engine: [] })), ['ArtifactOnce', 'DataKeyOnly']);
    assert.deepEqual(leftOut(ledgerPolicy({ ...rulesOf(), bucket })), [
      'SequencerOnly',
      'RootOnce',
      'LockTimed',
      'LockedLongEnough',
      'LockedNotForever',
    ]);
  });
});

function rulesOf() {
  return { sequencer: ['seal'], retention: { mode: 'COMPLIANCE', days: 1 } } as const;
}
