import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment } from '@waybill/client/deployment';
import type { LogHeadRow } from '#core/record-rows.ts';
import { keys } from '#core/rows.ts';
import { answeredClients } from '../../packages/cli/test/answered-clients.ts';
import { listeningTold } from '../../test/support/listening-told.ts';
import { judgeLog } from './log-check.ts';
import { report } from './report.ts';

const HOUR_MS = 3_600_000;
const TREE = { size: 5, frontier: [] };
const HEAD: LogHeadRow = { tree: TREE, published: TREE, runSeq: 1, open: 0, lastAtMs: 1_000 };
const KEYS = { keys: [] };
/** Names nothing that could be asked about. */
const DEPLOYMENT: Deployment = {
  format: 'waybill-deployment/v1',
  origin: 'example.com/waybill',
  account: '123456789012',
  region: 'eu-central-1',
  buckets: {},
};
const SOUND = {
  GetCallerIdentity: () => ({ Account: '123456789012', Arn: 'arn:aws:sts::123456789012:assumed-role/doctor/x' }),
  GetServiceQuota: () => ({ Quota: { Value: 1000 } }),
};

function dutiesOf(get: () => Promise<object[]>) {
  return {
    clients: answeredClients(SOUND).clients,
    deployment: DEPLOYMENT,
    store: { get } as never,
    nowMs: () => HOUR_MS,
    heartbeatMs: HOUR_MS,
  };
}

test('doctor: a log must have begun, must not be silent, and should be published', () => {
  assert.equal(judgeLog({ head: HEAD, keys: KEYS }, HOUR_MS, HOUR_MS).verdict, 'ok');
  assert.equal(judgeLog({ head: HEAD, keys: KEYS }, 3 * HOUR_MS, HOUR_MS).verdict, 'fail');
  assert.equal(judgeLog({ head: null, keys: null }, 0, HOUR_MS).verdict, 'warn');
  const ahead = { ...HEAD, tree: { size: 6, frontier: [] } };
  assert.equal(judgeLog({ head: ahead, keys: KEYS }, HOUR_MS, HOUR_MS).verdict, 'warn');
});

test('doctor: the function reports what the command reports, and the log, with the worst of it', async () => {
  const told = listeningTold();
  const rows = async () => [
    { ...keys.logHead(), body: HEAD },
    { ...keys.logKeys(), body: KEYS },
  ];
  const { verdict, findings } = await report(dutiesOf(rows), {}, told);
  assert.equal(verdict, 'warn', 'what is not named could not be looked at');
  const checks = new Set(findings.map(({ check }) => check));
  for (const check of ['identity', 'bucket ledger', 'keys log', 'table', 'triggers', 'network log', 'alarms', 'log']) {
    assert.ok(checks.has(check), check);
  }
  const away = await report(
    dutiesOf(() => Promise.reject(new RangeError('away'))),
    {},
    told,
  );
  assert.equal(away.verdict, 'fail');
  assert.equal(away.findings.filter(({ verdict: each }) => each === 'fail').length, 1);
});
