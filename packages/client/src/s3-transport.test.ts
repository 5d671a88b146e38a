/** What AWS can answer instead of what was asked for. That the transport keeps its contract is shown on beds, in test/cloud. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { S3Client } from '@aws-sdk/client-s3';
import { digestOf } from '@waybill/verify';
import { type CannedAnswer, cannedAws } from '../test/canned-aws.ts';
import { tempDir } from '../test/git-sample.ts';
import { bytesOf } from '../test/run-sample.ts';
import { awsFailure } from './aws-errors.ts';
import { S3Transport } from './s3-transport.ts';

const DEPLOYMENT = {
  format: 'waybill-deployment/v1' as const,
  origin: 'example.com/waybill',
  account: '123456789012',
  region: 'eu-central-1',
  buckets: { inbox: 'inbox-bucket', artifacts: 'artifacts-bucket', ledger: 'ledger-bucket' },
};
const REF = { principal: 'AIDAEXAMPLE', submissionId: 'job' };
const DENIED: CannedAnswer = { status: 403, code: 'AccessDenied' };
const EMPTY_LIST = '<?xml version="1.0"?><ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>';

async function transportTo(context: TestContext, answer: Parameters<typeof cannedAws>[1]) {
  const { url, asked } = await cannedAws(context, answer);
  const client = new S3Client({
    endpoint: url,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
  });
  return { transport: new S3Transport(client, DEPLOYMENT, REF.principal, { pollMs: 5 }), asked };
}

const ANSWERS: readonly (CannedAnswer & { as: string; retryable: boolean })[] = [
  { status: 403, code: 'AccessDenied', as: 'ACCESS_DENIED', retryable: false },
  { status: 403, code: 'InvalidAccessKeyId', as: 'CREDENTIALS_INVALID', retryable: false },
  { status: 403, code: 'SignatureDoesNotMatch', as: 'CREDENTIALS_INVALID', retryable: false },
  { status: 400, code: 'ExpiredToken', as: 'CREDENTIALS_INVALID', retryable: false },
  { status: 403, code: 'RequestTimeTooSkewed', as: 'CREDENTIALS_INVALID', retryable: false },
  { status: 301, code: 'PermanentRedirect', as: 'DEPLOYMENT_INVALID', retryable: false },
  { status: 400, code: 'AuthorizationHeaderMalformed', as: 'DEPLOYMENT_INVALID', retryable: false },
  { status: 404, code: 'NoSuchBucket', as: 'DEPLOYMENT_INVALID', retryable: false },
  { status: 503, code: 'SlowDown', as: 'STORE_BUSY', retryable: true },
  { status: 500, code: 'InternalError', as: 'STORE_FAILED', retryable: true },
];

test('s3 transport: what AWS answers becomes an error that says what to do', async (context) => {
  for (const { as, retryable, ...answer } of ANSWERS) {
    const { transport } = await transportTo(context, () => answer);
    const expected = { code: as, retryable };
    await assert.rejects(transport.putSubmission('default', 'job', bytesOf('{}')), expected, `put, ${answer.code}`);
    await assert.rejects(transport.readStatus(REF), expected, `get, ${answer.code}`);
    await assert.rejects(transport.listRuns(1), expected, `list, ${answer.code}`);
    await assert.rejects(transport.openArtifact(digestOf('x')), (error: { fix: string; path: string }) => {
      return error.fix.length > 10 && error.path.startsWith('artifacts-bucket/sha256/');
    });
  }
});

test('s3 transport: nobody there, or no credentials, is said as that', async () => {
  const nobody = new S3Client({
    endpoint: 'http://127.0.0.1:9',
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
  });
  const away = new S3Transport(nobody, DEPLOYMENT, REF.principal);
  await assert.rejects(away.readStatus(REF), { code: 'STORE_FAILED', retryable: true });
  const anonymous = awsFailure(Object.assign(new TypeError('no'), { name: 'CredentialsProviderError' }), 'sts');
  assert.deepEqual([anonymous.code, anonymous.retryable], ['CREDENTIALS_INVALID', false]);
});

test('s3 transport: without the right to list the bucket, a document that is not there yet is told from a denied one', async (context) => {
  const hidden = await transportTo(context, ({ query }) =>
    query.has('list-type') ? { status: 200, body: EMPTY_LIST } : DENIED,
  );
  assert.equal(await hidden.transport.readStatus(REF), null);
  assert.equal(await hidden.transport.readReceipt(REF, digestOf('{}')), null);
  assert.ok(
    hidden.asked.every((line) => line.startsWith('GET /inbox-bucket')),
    hidden.asked.join(),
  );

  const key = `outbox/${REF.principal}/${REF.submissionId}/status.json`;
  const listed = EMPTY_LIST.replace('</KeyCount>', `</KeyCount><Contents><Key>${key}</Key></Contents>`);
  const forbidden = await transportTo(context, ({ query }) =>
    query.has('list-type') ? { status: 200, body: listed } : DENIED,
  );
  await assert.rejects(forbidden.transport.readStatus(REF), { code: 'ACCESS_DENIED' });
});

test('s3 transport: a race for a submission that never ends is given up, and a denied look at it is said', async (context) => {
  const vanishing = await transportTo(context, ({ method }) =>
    method === 'PUT' ? { status: 412, code: 'PreconditionFailed' } : { status: 404, code: 'NoSuchKey' },
  );
  const put = vanishing.transport.putSubmission('default', 'job', bytesOf('{}'));
  await assert.rejects(put, { code: 'STORE_BUSY', retryable: true });
  assert.ok(vanishing.asked.length < 40);
  const blind = await transportTo(context, ({ method }) =>
    method === 'PUT' ? { status: 409, code: 'ConditionalRequestConflict' } : DENIED,
  );
  await assert.rejects(blind.transport.putSubmission('default', 'job', bytesOf('{}')), { code: 'ACCESS_DENIED' });
});

test('s3 transport: an upload is sent when looking for it is denied, and refused bytes are said to be others', async (context) => {
  const file = join(tempDir(context), 'file');
  writeFileSync(file, 'bundle');
  const digest = digestOf('bundle');
  const blind = await transportTo(context, ({ method }) => (method === 'HEAD' ? { status: 403 } : { status: 200 }));
  await blind.transport.putUpload(digest, file);
  assert.deepEqual(
    blind.asked,
    ['HEAD', 'PUT'].map((method) => `${method} /inbox-bucket/uploads/${REF.principal}/${digest.slice(7)}`),
  );
  const picky = await transportTo(context, ({ method }) =>
    method === 'HEAD' ? { status: 404 } : { status: 400, code: 'BadDigest' },
  );
  await assert.rejects(picky.transport.putUpload(digest, file), { code: 'OBJECT_DIGEST_MISMATCH' });
});

const STATUS = {
  name: 'n',
  state: 'open',
  openedAt: '2026-01-01T00:00:00.000Z',
  principal: 'p',
  submissionId: 'job',
  counts: {},
  items: [],
};

test('s3 transport: a status that has not changed is not sent again, and is forgotten after others', async (context) => {
  const tags: (string | undefined)[] = [];
  const { transport } = await transportTo(context, ({ path, etag }) => {
    tags.push(etag);
    return etag === undefined
      ? { status: 200, body: JSON.stringify({ ...STATUS, run: path }), etag: '"1"' }
      : { status: 304 };
  });
  const first = await transport.readStatus(REF);
  assert.deepEqual(await transport.readStatus(REF), first);
  for (let n = 0; n < 16; n++) await transport.readStatus({ ...REF, submissionId: `other-${n}` });
  assert.deepEqual(await transport.readStatus(REF), first);
  assert.deepEqual([tags[0], tags[1], tags.at(-1)], [undefined, '"1"', undefined]);
});

test('s3 transport: an answer that breaks off, or is no document, may be asked for again', async (context) => {
  const broken = await transportTo(context, () => ({ status: 200, body: 'half', breaksOff: true }));
  const reading = async (): Promise<void> => {
    for await (const _chunk of await broken.transport.openArtifact(digestOf('x')));
  };
  await assert.rejects(reading, { code: 'STORE_FAILED', retryable: true });
  const garbled = await transportTo(context, () => ({ status: 200, body: '<html>' }));
  await assert.rejects(garbled.transport.readStatus(REF), { code: 'STORE_FAILED', retryable: true });
});

test('s3 transport: a bucket that the deployment file does not name is named in the error', async () => {
  const transport = new S3Transport(new S3Client({}), { ...DEPLOYMENT, buckets: {} }, REF.principal);
  await assert.rejects(transport.putSubmission('default', 'job', bytesOf('{}')), {
    code: 'DEPLOYMENT_INVALID',
    path: 'buckets.inbox',
  });
});
