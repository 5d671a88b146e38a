import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '@waybill/verify';
import { lapseOf, sessionPolicy } from './mailbox-session.ts';
import { attemptOfResult, stagedKey } from './staging-names.ts';

const ATTEMPT = digestOf('an attempt').slice(7, 39);

describe('mailbox: S3: names and policies', () => {
  it('an event of a result names its attempt, any other object none', () => {
    assert.equal(attemptOfResult(stagedKey(ATTEMPT, 'result')), ATTEMPT);
    for (const key of [
      stagedKey(ATTEMPT, 'log'),
      `x/${ATTEMPT}/result.json`,
      'result.json',
      `${ATTEMPT}/result.json/x`,
    ]) {
      assert.equal(attemptOfResult(key), null, key);
    }
  });

  it('a session policy names each input while it fits into what STS takes, and then all artifacts', () => {
    const of = (count: number): string => {
      const inputs = Array.from({ length: count }, (_, n) => ({
        key: `k${n}`,
        sha256: digestOf(`${n}`),
        sizeBytes: 1,
      }));
      const buckets = {
        role: 'arn:aws-cn:iam::1:role/mailbox',
        bucket: 'staging',
        artifactsBucket: 'artifacts',
        dataKey: 'arn:aws:kms:us-east-1:1:key/k',
      };
      return sessionPolicy(buckets, { attemptId: ATTEMPT, inputs });
    };
    for (const count of [0, 1, 10, 11, 12, 13, 14, 100]) assert.ok(of(count).length <= 2_048, String(count));
    assert.ok(of(10).includes(digestOf('9').slice(7)) && !of(10).includes('sha256/*'));
    assert.ok(of(100).includes('arn:aws-cn:s3:::artifacts/sha256/*'));
  });

  it('a URL says when it lapses, and one that does not has lapsed', () => {
    const url = 'https://b.s3.amazonaws.com/k?X-Amz-Date=20261121T050607Z&X-Amz-Expires=3600';
    assert.equal(lapseOf(url), Date.parse('2026-11-21T06:06:07Z'));
    assert.equal(lapseOf('https://b.s3.amazonaws.com/k'), 0);
  });
});
