import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf } from '../test/run-sample.ts';
import { DEPLOYMENT_FORMAT, parseDeployment } from './deployment.ts';

const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const GOOD = {
  format: DEPLOYMENT_FORMAT,
  origin: 'example.com/waybill',
  account: '123456789012',
  region: 'eu-central-1',
  buckets: { inbox: 'waybill-inbox-123456789012-eu-central-1' },
  keys: { attest: [KEY], log: [KEY] },
  retention: 'COMPLIANCE:3650',
};

test('deployment file: what a pull writes is read', () => {
  const parsed = parseDeployment(bytesOf(JSON.stringify(GOOD)));
  assert.deepEqual(parsed, { ok: true, deployment: GOOD });
  const least = {
    format: DEPLOYMENT_FORMAT,
    origin: 'a',
    account: '123456789012',
    region: 'us-gov-west-1',
    buckets: {},
  };
  assert.equal(parseDeployment(bytesOf(JSON.stringify(least))).ok, true);
});

test('deployment file: everything that is wrong is said at once, with path and fix', () => {
  const bad = {
    ...GOOD,
    format: 'waybill-deployment/v2',
    account: '12',
    region: 'Frankfurt',
    buckets: { inbox: 'Not_A_Bucket', ledgr: 'x' },
    keys: { attest: ['alias/attest'] },
    retention: 'COMPLIANCE:0',
  };
  const parsed = parseDeployment(bytesOf(JSON.stringify(bad)));
  assert.ok(!parsed.ok);
  assert.deepEqual(parsed.refusals.map(({ path }) => path).toSorted(), [
    'account',
    'buckets.inbox',
    'buckets.ledgr',
    'format',
    'keys.attest[0]',
    'region',
    'retention',
  ]);
  for (const { code, problem, fix } of parsed.refusals) {
    assert.equal(code, 'DEPLOYMENT_INVALID');
    assert.ok(problem.length > 5 && fix.length > 5, JSON.stringify({ problem, fix }));
  }
});

test('deployment file: what is no JSON object, not UTF-8 or far too large is refused', () => {
  for (const bytes of [
    bytesOf(''),
    bytesOf('[]'),
    bytesOf('{"a":1,"a":2}'),
    new Uint8Array([0xff]),
    new Uint8Array(9e6),
  ]) {
    const parsed = parseDeployment(bytes);
    assert.ok(!parsed.ok && parsed.refusals.every(({ code }) => code === 'DEPLOYMENT_INVALID'));
  }
});
