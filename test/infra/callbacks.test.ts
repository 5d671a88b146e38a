/** What a deployment that tells of the end of runs grants for it, and to whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CALLBACK_PATIENCE_MS } from '#lambdas/shared/callback-message.ts';
import { FUNCTION_TIMEOUTS } from '../../lib/function-timeouts.ts';
import { productionProps, resources, type Templates, templates, templatesOf, waybill } from './deployment.ts';
import { at, lines, list } from './rules/rule.ts';

/** What the clocks of two functions may differ by. */
const CLOCKS_APART_MS = 240_000;

const HERE = 'us-east-1:000000000000';
const SECRET = `arn:aws:secretsmanager:${HERE}:secret:ops-AbCdEf`;
const MINE = `arn:aws:secretsmanager:${HERE}:secret:mine-AbCdEf`;
const KEY = `arn:aws:kms:${HERE}:key/00000000-0000-0000-0000-000000000000`;
const OF_BLOCKS = `arn:aws:secretsmanager:${HERE}:secret:token-AbCdEf`;
const callbacks = {
  ops: { url: 'https://hooks.example.com/waybill', secret: SECRET },
  mine: { url: 'https://hooks.example.com:8443/', secret: { arn: MINE, key: KEY } },
};
const withCallbacks = templatesOf(waybill({ ...productionProps(), callbacks, secrets: { token: OF_BLOCKS } }));

/** Action and resource of each right of a role, with its condition. */
function grantsOf(of: Templates, role: string): [grant: string, condition: unknown][] {
  const policies = resources(of, 'AWS::IAM::ManagedPolicy').filter(({ properties }) =>
    String(properties.ManagedPolicyName).endsWith(`-${role}`),
  );
  assert.equal(policies.length, 1, role);
  return policies.flatMap(({ properties }) =>
    lines(properties.PolicyDocument).flatMap(({ Action, Resource, Condition }) =>
      list(Action).flatMap((action) =>
        list(Resource as string | string[]).map((arn): [string, unknown] => [
          `${action} ${typeof arn === 'string' ? arn : JSON.stringify(arn)}`,
          Condition,
        ]),
      ),
    ),
  );
}

const READING = /^(secretsmanager|ssm):/;

test('callbacks: notify alone reads their keys, and not the secrets of blocks; release not theirs', () => {
  const readBy = (of: Templates, role: string): string[] =>
    grantsOf(of, role).flatMap(([grant]) => (READING.test(grant) ? [grant] : []));
  assert.deepEqual(readBy(withCallbacks, 'notify'), [
    `secretsmanager:GetSecretValue ${SECRET}`,
    `secretsmanager:GetSecretValue ${MINE}`,
  ]);
  assert.deepEqual(readBy(withCallbacks, 'release'), [`secretsmanager:GetSecretValue ${OF_BLOCKS}`]);
  assert.deepEqual(readBy(templates(), 'notify'), []);
  const opened = grantsOf(withCallbacks, 'notify').filter(([grant]) => grant.endsWith(KEY));
  assert.deepEqual(opened, [
    [`kms:Decrypt ${KEY}`, { StringEquals: { 'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com' } }],
  ]);
  for (const { properties } of resources(withCallbacks, 'AWS::IAM::ManagedPolicy')) {
    if (String(properties.ManagedPolicyName).endsWith('-notify')) continue;
    const text = JSON.stringify(properties.PolicyDocument);
    assert.ok(!text.includes(SECRET) && !text.includes(MINE), String(properties.ManagedPolicyName));
  }
});

test('callbacks: who sends signs, starts and stores nothing, and writes in partitions of callbacks and runs alone', () => {
  const grants = grantsOf(withCallbacks, 'notify');
  assert.deepEqual(
    grants.filter(([grant]) => /^(s3|sts|states|iam|events|lambda):|^kms:(Sign|Generate)/.test(grant)),
    [],
  );
  const rows = grants.filter(([grant]) => grant.startsWith('dynamodb:'));
  const partitions = (...keys: string[]): object => ({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys } });
  assert.deepEqual(
    rows.map(([grant, condition]) => [grant.split(' ')[0], condition]),
    [
      ['dynamodb:BatchGetItem', partitions('callbacks', 'run/*')],
      ['dynamodb:PutItem', partitions('callbacks', 'run/*')],
      // Nothing of a run can be taken away.
      ['dynamodb:DeleteItem', partitions('callbacks')],
    ],
  );
});

test('callbacks: who never answers has two calls waiting at most, and nobody takes a function that sends for gone while it lasts', () => {
  const [mapping, ...others] = resources(withCallbacks, 'AWS::Lambda::EventSourceMapping').filter(({ id }) =>
    id.includes('notify'),
  );
  assert.equal(others.length, 0);
  assert.deepEqual(mapping?.properties.ScalingConfig, { MaximumConcurrency: 2 });
  assert.ok(CALLBACK_PATIENCE_MS >= FUNCTION_TIMEOUTS.notify.toMilliseconds() + CLOCKS_APART_MS);
});

test('callbacks: a key that stays out of reach rings, though it is told of once a minute, and one minute of it does not', () => {
  const [alarm, ...others] = resources(withCallbacks, 'AWS::CloudWatch::Alarm').filter(({ properties }) =>
    String(properties.AlarmName).endsWith('trouble-notify'),
  );
  assert.equal(others.length, 0);
  const { Threshold, Period, EvaluationPeriods, ComparisonOperator, Statistic } = alarm?.properties ?? {};
  assert.deepEqual([Statistic, ComparisonOperator, EvaluationPeriods], ['Sum', 'GreaterThanThreshold', 1]);
  assert.ok(Number(Threshold) > 1 && Number(Threshold) < Number(Period) / 60 - 1, `${Threshold} in ${Period} s`);
});

test('callbacks: the function that sends is in no network, so that it reaches the internet and no private address', () => {
  const [notify, ...others] = resources(withCallbacks, 'AWS::Lambda::Function').filter(
    ({ properties }) => properties.FunctionName === 'waybill-notify',
  );
  assert.equal(others.length, 0);
  assert.ok(notify !== undefined && notify.properties.VpcConfig === undefined);
});

test('callbacks: names are told to who takes runs in, addresses and ARNs to who sends, and nobody hears of any where there are none', () => {
  const told = (of: Templates, name: string): [unknown, unknown][] =>
    resources(of, 'AWS::Lambda::Function').flatMap(({ properties }): [unknown, unknown][] => {
      const value = at(properties.Environment, 'Variables', name);
      return value === undefined ? [] : [[properties.FunctionName, value]];
    });
  const { ops, mine } = callbacks;
  const settings = JSON.stringify({ ops, mine: { ...mine, secret: MINE } });
  assert.deepEqual(told(withCallbacks, 'WAYBILL_CALLBACKS'), [['waybill-notify', settings]]);
  assert.deepEqual(told(withCallbacks, 'WAYBILL_CALLBACK_NAMES'), [['waybill-submit', 'ops,mine']]);
  for (const name of ['WAYBILL_CALLBACKS', 'WAYBILL_CALLBACK_NAMES']) assert.deepEqual(told(templates(), name), []);
});
