import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { digestOf } from '@waybill/verify';
import { artifactKey, createS3Artifacts } from '#adapters/aws/artifacts.ts';
import { artifactsSuite } from '../conformance/artifacts.suite.ts';
import { BED_KEY } from './beds/minio.ts';
import { s3Bed } from './s3-bed.ts';

const bed = s3Bed();

artifactsSuite('S3', async () => {
  const bucket = await bed.bucket();
  const open = () => createS3Artifacts({ s3: bed.s3, bucket, dataKey: BED_KEY });
  return {
    artifacts: open(),
    reopen: open,
    async rot(digest, text) {
      await bed.s3.send(new PutObjectCommand({ Bucket: bucket, Key: artifactKey(digest), Body: text }));
    },
    count: () => bed.count(bucket),
    close: async () => {},
  };
});

const spools = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('waybill-spool-'));

test('artifacts: S3: an object is encrypted with the data key and has the checksum of its name', async () => {
  const bucket = await bed.bucket();
  const { sha256 } = await createS3Artifacts({ s3: bed.s3, bucket, dataKey: BED_KEY }).put(Buffer.from('text'));
  const head = await bed.s3.send(
    new HeadObjectCommand({ Bucket: bucket, Key: artifactKey(sha256), ChecksumMode: 'ENABLED' }),
  );
  assert.equal(head.ServerSideEncryption, 'aws:kms');
  assert.ok(head.SSEKMSKeyId?.endsWith(BED_KEY));
  assert.equal(Buffer.from(head.ChecksumSHA256 ?? '', 'base64').toString('hex'), sha256.slice(7));
});

test('artifacts: S3: what does not fit into memory passes through a file that does not stay', async () => {
  const bucket = await bed.bucket();
  const store = createS3Artifacts({ s3: bed.s3, bucket, dataKey: BED_KEY });
  const piece = Buffer.alloc(700_000, 'x');
  const before = spools();
  let during = 0;
  async function* large(): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < 5; n += 1) yield piece;
    during = spools().length;
  }
  const { sha256, sizeBytes } = await store.put(large());
  assert.equal(during, before.length + 1);
  assert.deepEqual(spools(), before);
  assert.equal(sizeBytes, 3_500_000);
  assert.equal(digestOf(Buffer.concat(await Array.fromAsync(await store.open(sha256)))), sha256);
});

test('artifacts: S3: without a bucket, or without the key, nothing is absent or stored: it is trouble that may pass', async () => {
  const digest = digestOf('x');
  const nowhere = createS3Artifacts({ s3: bed.s3, bucket: 'no-such-bucket', dataKey: BED_KEY });
  for (const call of [() => nowhere.open(digest), () => nowhere.put(Buffer.from('x'))]) {
    await assert.rejects(call, { name: 'RetryableError', code: 'STORE_BUSY' });
  }
  const keyless = createS3Artifacts({ s3: bed.s3, bucket: await bed.bucket(), dataKey: 'no-such-key' });
  await assert.rejects(keyless.put(Buffer.from('x')), { name: 'RetryableError', code: 'STORE_BUSY' });
  assert.equal(await keyless.size(digest), null);
});
