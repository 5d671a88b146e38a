import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { WaybillError } from '@waybill/client/errors';
import { digestOf } from '@waybill/verify';
import type { Job } from '#core/mailbox-protocol.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';
import { lapseOf, type SessionCredentials, sessionPolicy, signLease } from './mailbox-session.ts';
import { attemptOf, logKey, principalOf, stagedKey } from './staging-names.ts';

const ATTEMPT = digestOf('an attempt').slice(7, 39);
/** A role's id, and the longest name of a session. */
const LONGEST = `AROA${'A'.repeat(17)}:${'x'.repeat(64)}`;
const BUCKETS = {
  role: 'arn:aws-cn:iam::1:role/mailbox',
  bucket: 'staging',
  artifactsBucket: 'artifacts',
  dataKey: 'arn:aws:kms:us-east-1:1:key/k',
};

const jobOf = (secrets: Record<string, string>): Job =>
  ({ pipeline: [{ block: 'script', run: 'true', secrets }] }) as unknown as Job;

describe('mailbox: S3: names and policies', () => {
  it('an event of a result names its attempt, any other object none', () => {
    assert.equal(attemptOf('result', stagedKey(ATTEMPT, 'result')), ATTEMPT);
    for (const key of [
      logKey(ATTEMPT, 'AIDA'),
      `x/${ATTEMPT}/result.json`,
      'result.json',
      `${ATTEMPT}/result.json/x`,
    ]) {
      assert.equal(attemptOf('result', key), null, key);
    }
  });

  it('a session policy names each input while it fits into what STS takes, and then all artifacts', () => {
    const of = (count: number, secrets = {}): string => {
      const inputs = Array.from({ length: count }, (_, n) => ({
        key: `k${n}`,
        sha256: digestOf(`${n}`),
        sizeBytes: 1,
      }));
      return sessionPolicy(BUCKETS, { attemptId: ATTEMPT, principal: LONGEST, inputs, job: jobOf(secrets) });
    };
    for (const count of [0, 1, 10, 11, 12, 13, 14, 100]) assert.ok(of(count).length <= 2_048, String(count));
    // Only where a block names secrets is there more that its worker may write, read and take away.
    assert.ok(!/sealed|key\.json|Delete/.test(of(1)) && of(100, { A: 'a' }).length <= 2_048);
    const { Statement } = JSON.parse(of(1, { A: 'a' })) as { Statement: { Action: string; Resource: string[] }[] };
    const removed = Statement.find(({ Action }) => Action === 's3:DeleteObject')?.Resource;
    assert.deepEqual(
      removed,
      ['key.json', 'sealed.json'].map((name) => `arn:aws-cn:s3:::staging/${ATTEMPT}/${name}`),
    );
    assert.ok(of(4).includes(digestOf('3').slice(7)) && !of(4).includes('sha256/*'));
    assert.ok(of(5).includes('sha256/*'));
    assert.ok(of(100).includes('arn:aws-cn:s3:::artifacts/sha256/*'));
  });

  it('a policy that STS cannot pack is asked for once more, with all artifacts; another refusal is not', async () => {
    const policies: string[] = [];
    const answering = (names: string[]) => ({
      ...BUCKETS,
      sts: {
        send: async ({ input }: AssumeRoleCommand) => {
          policies.push(input.Policy ?? '');
          const name = names[policies.length - 1];
          if (name !== undefined) throw Object.assign(new TypeError('refused'), { name });
          return { Credentials: { AccessKeyId: 'AKIA', SecretAccessKey: 'secret', SessionToken: 'token' } };
        },
      } as unknown as STSClient,
      signerFor: (credentials: SessionCredentials) => new S3Client({ region: 'us-east-1', credentials }),
    });
    const inputs = Array.from({ length: 3 }, (_, n) => ({ key: `k${n}`, sha256: digestOf(`${n}`), sizeBytes: 1 }));
    const draft = { attemptId: ATTEMPT, principal: 'AIDA', inputs, job: jobOf({}) } as unknown as LeaseDraft;
    const { inputs: signed } = await signLease(answering(['PackedPolicyTooLargeException']), draft);
    assert.equal(signed.length, 3);
    assert.deepEqual(
      policies.map((policy) => policy.includes('sha256/*')),
      [false, true],
    );
    const codes: string[] = [];
    for (const name of ['AccessDenied', 'Throttling']) {
      policies.length = 0;
      await signLease(answering([name]), draft).catch((error: WaybillError) => codes.push(error.code));
      assert.equal(policies.length, 1, name);
    }
    assert.deepEqual(codes, ['STORE_BUSY', 'LAUNCH_DEFERRED']);
  });

  it('the URL of a log says whose it is, as long as it is one', async () => {
    const s3 = new S3Client({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 's' } });
    for (const principal of ['AIDA', LONGEST, 'AROA:ada+lovelace@example.com', 'AROA:a=b,c', '']) {
      for (const Bucket of ['staging', 'with.dots']) {
        const put = new PutObjectCommand({ Bucket, Key: logKey(ATTEMPT, principal) });
        assert.equal(principalOf(await getSignedUrl(s3, put)), principal, principal);
      }
    }
    assert.equal(principalOf(`https://b.s3.amazonaws.com/${ATTEMPT}/log?x=/logs/AIDA/${ATTEMPT}/log`), '');
  });

  it('a URL says when it lapses, and one that does not has lapsed', () => {
    const url = 'https://b.s3.amazonaws.com/k?X-Amz-Date=20261121T050607Z&X-Amz-Expires=3600';
    assert.equal(lapseOf(url), Date.parse('2026-11-21T06:06:07Z'));
    assert.equal(lapseOf('https://b.s3.amazonaws.com/k'), 0);
  });
});
