import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { digestOf } from '@waybill/verify';
import { createS3Artifacts } from '#adapters/aws/artifacts.ts';
import { createS3Mailbox } from '#adapters/aws/mailbox.ts';
import { type MailboxSessionOptions, type SessionCredentials, signLease } from '#adapters/aws/mailbox-session.ts';
import { createS3Channel } from '#adapters/aws/secret-channel.ts';
import { logKey, stagedKey } from '#adapters/aws/staging-names.ts';
import { parseLease } from '#core/lease-document.ts';
import type { Lease } from '#core/mailbox-protocol.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { Mailbox } from '#ports/mailbox.ts';
import { bodyOf, put } from '#worker/mailbox-client.ts';
import { draftOf, type MailboxBed, mailboxSuite, PRINCIPAL } from '../conformance/mailbox.suite.ts';
import { BED_KEY } from './beds/minio.ts';
import { encryptedBucket, s3Bed } from './s3-bed.ts';

const bed = s3Bed();
const ATTEMPT = digestOf('an attempt').slice(7, 39);
const OTHER = digestOf('another attempt').slice(7, 39);

interface S3MailboxBed extends MailboxBed {
  staging: string;
  artifactsBucket: string;
  mailbox: Mailbox;
  artifacts: Artifacts;
  /** The credentials of the last session under which URLs were signed. */
  signer(): S3Client;
}

async function open(): Promise<S3MailboxBed> {
  const [staging, artifactsBucket] = [await encryptedBucket(bed), await bed.bucket()];
  let nowMs = Date.now();
  let signer: S3Client | null = null;
  const session: MailboxSessionOptions = {
    sts: bed.sts,
    role: 'arn:aws:iam::000000000000:role/mailbox',
    signerFor: (credentials: SessionCredentials) => {
      signer = bed.clientOf(credentials);
      return signer;
    },
    bucket: staging,
    artifactsBucket,
    dataKey: BED_KEY,
  };
  const create = (): Mailbox =>
    createS3Mailbox({
      s3: bed.s3,
      bucket: staging,
      clock: { nowMs: () => nowMs },
      sign: (draft) => signLease(session, draft),
    });
  return {
    staging,
    artifactsBucket,
    mailbox: create(),
    channel: createS3Channel({ s3: bed.s3, bucket: staging }),
    artifacts: createS3Artifacts({ s3: bed.s3, bucket: artifactsBucket, dataKey: BED_KEY }),
    setNow: (to) => {
      nowMs = to;
    },
    restart: async () => create(),
    signer: () => signer ?? bed.s3,
    close: async () => {},
  };
}

mailboxSuite('S3', open, {
  // S3 tells a queue of every result.
  hints: false,
  guards: 'each reading',
  arrival: 'the clock of the store',
});

const leaseAt = async (url: string): Promise<Lease> => parseLease(await (await fetch(url)).bytes());
const status = async (url: string, init: RequestInit = {}): Promise<number> => {
  const answer = await fetch(url, init);
  await answer.arrayBuffer();
  return answer.status;
};
const ONCE = { 'if-none-match': '*' };

describe('mailbox: S3', () => {
  it('takes what the worker of this repository sends, once', async () => {
    const { mailbox } = await open();
    const { put: to } = await leaseAt(await mailbox.post(draftOf(ATTEMPT)));
    await put(to.outputs, bodyOf(Buffer.from('first')), true);
    await put(to.outputs, bodyOf(Buffer.from('second')), true);
    await put(to.log, bodyOf(Buffer.from('log')), false);
    const outputs = await Array.fromAsync(await mailbox.openOutputs(ATTEMPT));
    assert.equal(Buffer.concat(outputs).toString(), 'first');
  });

  it('encrypts what is staged without the worker knowing a key', async () => {
    const { mailbox, staging } = await open();
    const { put: to } = await leaseAt(await mailbox.post(draftOf(ATTEMPT)));
    await put(to.result, bodyOf(Buffer.from('result')), true);
    for (const name of ['lease', 'result'] as const) {
      const head = await bed.s3.send(new HeadObjectCommand({ Bucket: staging, Key: stagedKey(ATTEMPT, name) }));
      assert.equal(head.ServerSideEncryption, 'aws:kms', name);
    }
  });

  it('signs each URL for one object, one method and one condition', async () => {
    const { mailbox } = await open();
    const lease = await leaseAt(await mailbox.post(draftOf(ATTEMPT)));
    await mailbox.post(draftOf(OTHER));
    const { put: to, next } = lease;
    const refused = [400, 403, 405];
    for (const url of Object.values(to)) assert.ok(refused.includes(await status(url)), 'a PUT opened for GET');
    assert.ok(refused.includes(await status(next, { method: 'PUT', body: '{}' })), 'the lease written');
    assert.ok(refused.includes(await status(to.result, { method: 'DELETE' })), 'a result deleted');
    assert.ok(refused.includes(await status(to.result, { method: 'PUT', body: 'x' })), 'no condition');
    const edited = [
      to.result.replace('result.json', 'outputs'),
      to.heartbeat.replace(ATTEMPT, OTHER),
      to.outputs.replace('if-none-match', 'x-none-match'),
      to.outputs.replace('%3Bif-none-match', ''),
      to.heartbeat.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=604800'),
    ];
    for (const url of edited) {
      assert.ok(refused.includes(await status(url, { method: 'PUT', body: 'x', headers: ONCE })), url);
    }
    // The negative control: unedited, the same requests pass.
    assert.equal(await status(to.result, { method: 'PUT', body: 'x', headers: ONCE }), 200);
  });

  it('gives its sessions the keys of one attempt: even their credentials open nothing else', async () => {
    const { mailbox, artifacts, artifactsBucket, staging, signer } = await open();
    const [mine, secret] = await Promise.all(['input', 'secret'].map((text) => artifacts.put(Buffer.from(text))));
    assert.ok(mine && secret);
    await mailbox.post(draftOf(OTHER));
    await mailbox.post(draftOf(ATTEMPT, { inputs: [{ key: 'k', ...mine }] }));
    const get = (Bucket: string, Key: string) => signer().send(new GetObjectCommand({ Bucket, Key }));
    const write = (Key: string) => signer().send(new PutObjectCommand({ Bucket: staging, Key, Body: 'x' }));
    const key = (digest: string): string => `sha256/${digest.slice(7)}`;
    await get(staging, stagedKey(ATTEMPT, 'lease'));
    await get(artifactsBucket, key(mine.sha256));
    await write(logKey(ATTEMPT, PRINCIPAL));
    for (const call of [
      () => get(artifactsBucket, key(secret.sha256)),
      () => get(staging, stagedKey(OTHER, 'lease')),
      () => get(staging, stagedKey(ATTEMPT, 'result')),
      () => write(stagedKey(OTHER, 'result')),
      () => write(stagedKey(ATTEMPT, 'lease')),
      () => write(logKey(ATTEMPT, 'AIDASOMEBODYELSE1')),
      () => write(logKey(OTHER, PRINCIPAL)),
    ]) {
      await assert.rejects(call, { name: 'AccessDenied' });
    }
    // Without the session policy, the same URL of a foreign object is good: the policy is what refused it.
    const foreign = await getSignedUrl(
      bed.s3,
      new GetObjectCommand({ Bucket: staging, Key: stagedKey(OTHER, 'lease') }),
    );
    assert.equal(await status(foreign), 200);
  });

  it('renews URLs before they lapse, keeps a cancel through it, and an old URL stays good until it lapses', async () => {
    const { mailbox, setNow } = await open();
    const url = await mailbox.post(draftOf(ATTEMPT));
    const before = await leaseAt(url);
    setNow(Date.now() + 29 * 60_000);
    await mailbox.renew(ATTEMPT);
    assert.deepEqual(await leaseAt(url), before, 'half an hour is left');
    // A session of the bed is signed to the second; the next one differs in its credentials.
    setNow(Date.now() + 31 * 60_000);
    await Promise.all([mailbox.renew(ATTEMPT), mailbox.cancel(ATTEMPT)]);
    const after = await leaseAt(url);
    assert.equal(after.cancel, true);
    for (const [name, put] of Object.entries(after.put)) {
      assert.notEqual(put, before.put[name as keyof Lease['put']]);
    }
    assert.deepEqual(await leaseAt(after.next), after);
    assert.equal(await status(after.put.log, { method: 'PUT', body: 'x' }), 200);
  });

  it('keeps a cancel that comes between two posts, and many changes at once', async () => {
    const { mailbox } = await open();
    const url = await mailbox.post(draftOf(ATTEMPT));
    const later = ['2026-11-21T06:00:00.000Z', '2026-11-21T07:00:00.000Z', '2026-11-21T08:00:00.000Z'];
    await Promise.all([
      ...later.map((expiresAt) => mailbox.post(draftOf(ATTEMPT, { expiresAt }))),
      mailbox.cancel(ATTEMPT),
    ]);
    const lease = await leaseAt(url);
    assert.equal(lease.cancel, true);
    assert.ok(later.includes(lease.expiresAt));
  });

  it('shows an empty result, and nothing for names that are no attempts', async () => {
    const { mailbox } = await open();
    const { put: to } = await leaseAt(await mailbox.post(draftOf(ATTEMPT)));
    await put(to.result, bodyOf(new Uint8Array(0)), true);
    assert.equal((await mailbox.staged(ATTEMPT)).result?.byteLength, 0);
    for (const name of ['', '..', `${ATTEMPT}/..`, 'X'.repeat(32)]) {
      assert.equal((await mailbox.staged(name)).result, null);
      assert.equal(await mailbox.openLog(name, PRINCIPAL), null);
      for (const call of [mailbox.close(name, PRINCIPAL), mailbox.cancel(name), mailbox.renew(name)]) await call;
    }
  });
});
