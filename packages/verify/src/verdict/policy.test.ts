import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { sha256Hex } from '#crypto';
import { toBase64 } from '../crypto/base64.ts';
import { loadPolicy, type PolicyFile } from './policy.ts';

function policy(more: object = {}): PolicyFile {
  const spki = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey.export({
    type: 'spki',
    format: 'der',
  });
  return {
    format: 'waybill-policy/v1',
    keys: {
      format: 'waybill-keys/v1',
      origin: 'log.example',
      keys: [{ use: 'attest', alg: 'ecdsa-p256-sha256', keyid: sha256Hex(spki), spki: toBase64(spki), from: 0 }],
    },
    ...more,
  };
}

test('loadPolicy: keys alone are a policy, and every part of a whole one is loaded', () => {
  assert.deepEqual(loadPolicy(policy()).demands, {});
  const whole = loadPolicy(
    policy({
      require: { integrity: 'witnessed', time: 'tsa-attested', completeness: 'run', maxAgeMs: 0 },
      witnesses: 'quorum none\n',
      anchor: { bucket: 'ledger-of-acme', minRetentionDays: 365 },
    }),
  );
  assert.equal(whole.witnesses?.quorum, null);
  assert.equal(whole.anchor?.bucket, 'ledger-of-acme');
});

test('loadPolicy: anything that does not belong in a policy is refused, so that no slip weakens a demand', () => {
  const broken: [object, string][] = [
    [{ format: 'waybill-policy/v2' }, 'SHAPE'],
    [{ requires: { integrity: 'witnessed' } }, 'SHAPE'],
    [{ require: { integrity: 'none' } }, 'SHAPE'],
    [{ require: { integrity: 'notarised' } }, 'SHAPE'],
    [{ require: { time: 'trusted' } }, 'SHAPE'],
    [{ require: { completeness: 'all' } }, 'SHAPE'],
    [{ require: { maxAgeMs: -1 } }, 'SHAPE'],
    [{ require: { maxAgeMs: '1d' } }, 'SHAPE'],
    [{ require: { maxAge: 1 } }, 'SHAPE'],
    [{ keys: {} }, 'SHAPE'],
    [{ witnesses: 'witness' }, 'POLICY'],
    [{ witnesses: '' }, 'POLICY'],
    [{ witnesses: ['quorum none\n'] }, 'SHAPE'],
    [{ tsa: { roots: [] } }, 'SHAPE'],
    [{ tsa: { roots: ['MAA'] } }, 'BASE64'],
    [{ tsa: { roots: ['MAA='] } }, 'TIMESTAMP'],
    [{ tsa: { roots: ['MAA='], policies: [] } }, 'SHAPE'],
    [{ tsa: { roots: ['MAA='], policies: ['1.02'] } }, 'SHAPE'],
    [{ anchor: {} }, 'SHAPE'],
    [{ anchor: { bucket: 'a/b' } }, 'SHAPE'],
    [{ anchor: { bucket: 'ledger', minRetentionDays: 0 } }, 'SHAPE'],
    [{ anchor: { bucket: 'ledger', region: 'eu' } }, 'SHAPE'],
  ];
  for (const [more, code] of broken) {
    assert.throws(() => loadPolicy(policy(more)), { name: 'EvidenceError', code }, JSON.stringify(more));
  }
  for (const value of [null, [], 'x', 1, undefined]) assert.throws(() => loadPolicy(value), { code: 'SHAPE' });
});
