import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deploymentFrom } from './stack-outputs.ts';

const PLACE = { account: '123456789012', region: 'eu-central-1', stacks: ['Ledger', 'State'] };
const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd';

test('deployment pull: outputs become the fields of the file, lists apart at their commas', () => {
  const outputs = new Map([
    ['WaybillOrigin', 'example.com/waybill'],
    ['WaybillLedgerBucket', 'the-ledger'],
    ['WaybillAttestKeys', `${KEY},${KEY}5`],
    ['SomethingElse', 'x'],
  ]);
  assert.deepEqual(deploymentFrom(outputs, PLACE), {
    format: 'waybill-deployment/v1',
    origin: 'example.com/waybill',
    account: PLACE.account,
    region: PLACE.region,
    buckets: { ledger: 'the-ledger' },
    keys: { attest: [KEY, `${KEY}5`] },
  });
});

test('deployment pull: stacks that are not of a deployment, and outputs that cannot be, are refused', () => {
  assert.throws(() => deploymentFrom(new Map(), PLACE), { code: 'DEPLOYMENT_INVALID', path: 'Ledger, State' });
  const odd = new Map([
    ['WaybillOrigin', 'example.com/waybill'],
    ['WaybillLogKeys', 'alias/log'],
  ]);
  assert.throws(() => deploymentFrom(odd, PLACE), { code: 'DEPLOYMENT_INVALID', path: 'keys.log[0]' });
});
