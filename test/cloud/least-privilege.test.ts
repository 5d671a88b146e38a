/** The judge of grants itself: that it can fail, in each way. What it says of a deployment is in deployed-runs.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordedCall } from './beds/recorder.ts';
import { asAnswered, type GrantedAndUsed } from './granted-and-used.ts';
import { verdictOn } from './least-privilege.ts';
import { askedOf, type Place } from './recorded-actions.ts';
import { matches, policiesOf } from './role-policies.ts';

const PLACE: Place = {
  account: '1',
  region: 'r',
  machine: 'arn:aws:states:r:1:stateMachine:m',
  tableKey: 'arn:state',
  bucketKey: (bucket) => (bucket === 'sealed' ? 'arn:data' : undefined),
};
const TABLE = 'arn:aws:dynamodb:r:1:table/t';
const NOTHING_LISTED = { list: [], prefix: 'w-' };

function call(service: string, said: Partial<RecordedCall> & { operation?: string }): RecordedCall {
  const { operation = '', headers, ...rest } = said;
  return {
    atMs: 0,
    elapsedMs: 1,
    status: 200,
    method: 'POST',
    url: '/',
    body: '',
    requestBytes: 0,
    responseBytes: 0,
    answer: '',
    ...rest,
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=KEY/20260101/r/${service}/aws4_request, Signature=0`,
      'x-amz-target': `X.${operation}`,
      'content-type': 'application/x-amz-json-1.0',
      ...headers,
    },
  };
}

const asked = (...given: Parameters<typeof call>): string[] =>
  askedOf(call(...given), PLACE).map(({ action, resource }) => `${action} ${resource}`);

function used(): GrantedAndUsed {
  return {
    policies: new Map([['w-one', [{ sid: 'Rows', actions: ['dynamodb:Query'], resources: [TABLE] }]]]),
    made: [{ role: 'w-one', asked: { action: 'dynamodb:Query', resource: TABLE } }],
    derived: [],
  };
}

test('grants: what is used and nothing else passes', () => {
  assert.deepEqual(verdictOn(used(), NOTHING_LISTED), { denied: [], idle: [], stale: [] });
});

test('grants: a planted call is found, by its action, its resource and its role', () => {
  for (const planted of [
    { role: 'w-one', asked: { action: 'dynamodb:Scan', resource: TABLE } },
    { role: 'w-one', asked: { action: 'dynamodb:Query', resource: `${TABLE}2` } },
    { role: 'w-two', asked: { action: 'dynamodb:Query', resource: TABLE } },
  ]) {
    const given = used();
    const { denied } = verdictOn({ ...given, made: [...given.made, planted] }, NOTHING_LISTED);
    assert.deepEqual(denied, [`${planted.role}: ${planted.asked.action} on ${planted.asked.resource}`]);
  }
});

test('grants: a planted grant is found until it is listed, and a line without such a grant is stale', () => {
  const given = used();
  given.policies.set('w-two', [{ sid: 'More', actions: ['s3:PutObject'], resources: ['*'] }]);
  assert.deepEqual(verdictOn(given, NOTHING_LISTED).idle, ['w-two More s3:PutObject']);
  const line = { roles: 'two', sid: 'More', actions: ['s3:PutObject'], why: 'planted' };
  assert.deepEqual(verdictOn(given, { list: [line], prefix: 'w-' }), { denied: [], idle: [], stale: [] });
  const used1 = { roles: 'one', sid: 'Rows', actions: ['dynamodb:Query'], why: 'it is used' };
  assert.deepEqual(verdictOn(given, { list: [line, used1], prefix: 'w-' }).stale, ['w-one Rows dynamodb:Query']);
});

test('grants: calls in the words of IAM', () => {
  const item = { TableName: 't' };
  const body = JSON.stringify({ TransactItems: [{ Put: item }, { ConditionCheck: item }] });
  assert.deepEqual(asked('dynamodb', { operation: 'TransactWriteItems', body }), [
    `dynamodb:PutItem ${TABLE}`,
    `dynamodb:ConditionCheckItem ${TABLE}`,
    'kms:Decrypt arn:state',
    'kms:DescribeKey arn:state',
  ]);
  assert.deepEqual(asked('s3', { method: 'GET', url: '/sealed/a%20b?versionId=1' }), [
    's3:GetObjectVersion arn:aws:s3:::sealed/a b',
    'kms:Decrypt arn:data',
  ]);
  assert.deepEqual(asked('s3', { method: 'HEAD', url: '/plain/a', status: 404 }), [
    's3:GetObject arn:aws:s3:::plain/a',
    's3:ListBucket arn:aws:s3:::plain',
  ]);
  assert.deepEqual(
    asked('s3', { method: 'PUT', url: '/sealed/a', headers: { 'x-amz-object-lock-mode': 'COMPLIANCE' } }),
    [
      's3:PutObject arn:aws:s3:::sealed/a',
      's3:PutObjectRetention arn:aws:s3:::sealed/a',
      'kms:GenerateDataKey arn:data',
    ],
  );
  assert.deepEqual(asked('s3', { url: '/plain/?delete=', body: '<Key>a</Key><Key>b</Key><VersionId>1</VersionId>' }), [
    's3:DeleteObject arn:aws:s3:::plain/a',
    's3:DeleteObjectVersion arn:aws:s3:::plain/b',
  ]);
  const started = JSON.stringify({ stateMachineArn: `${PLACE.machine}:live` });
  assert.deepEqual(asked('states', { operation: 'StartExecution', body: started }), [
    `states:StartExecution ${PLACE.machine}`,
  ]);
  const token = 'arn:aws:secretsmanager:r:1:secret:token-AbCdEf';
  assert.deepEqual(
    asked('secretsmanager', { operation: 'GetSecretValue', body: JSON.stringify({ SecretId: token }) }),
    [`secretsmanager:GetSecretValue ${token}`],
  );
  const parameter = 'arn:aws:ssm:r:1:parameter/key';
  assert.deepEqual(asked('ssm', { operation: 'GetParameter', body: JSON.stringify({ Name: parameter }) }), [
    `ssm:GetParameter ${parameter}`,
  ]);
  assert.throws(() => asked('lex', {}), /cannot be said in the words of IAM/);
});

test('grants: a submitter needs no right to list for a log that is not there, and for all else does', () => {
  const actions = (role: string, said: Partial<RecordedCall>): string[] => {
    const of = call('s3', { method: 'GET', status: 404, ...said });
    return askedOf(asAnswered({ role, call: of }, 'plain'), PLACE).map(({ action }) => action);
  };
  const log = { url: '/plain/logs/ada/a/log' };
  assert.deepEqual(actions('submitter', log), ['s3:GetObject']);
  assert.deepEqual(actions('w-settle', log), ['s3:GetObject', 's3:ListBucket']);
  assert.deepEqual(actions('submitter', { url: '/plain/a/lease.json' }), ['s3:GetObject', 's3:ListBucket']);
  assert.deepEqual(actions('submitter', { url: '/plain/?list-type=2&prefix=logs/' }), ['s3:ListBucket']);
});

test('grants: a worker needs no right to list for secrets that are not there yet, and for all else does', () => {
  const actions = (role: string, url: string): string[] => {
    const of = call('s3', { method: 'GET', status: 404, url });
    return askedOf(asAnswered({ role, call: of }, 'plain'), PLACE).map(({ action }) => action);
  };
  assert.deepEqual(actions('w-mailbox', '/plain/a/sealed.json?X-Amz-Signature=0'), ['s3:GetObject']);
  assert.deepEqual(actions('w-mailbox', '/plain/a/lease.json?X-Amz-Signature=0'), ['s3:GetObject', 's3:ListBucket']);
  assert.deepEqual(actions('w-release', '/plain/a/sealed.json?X-Amz-Signature=0'), ['s3:GetObject', 's3:ListBucket']);
});

test('grants: patterns as IAM reads them, and nothing outside of the table of roles', () => {
  assert.ok(matches('arn:aws:s3:::b/*', 'arn:aws:s3:::b/x/y'));
  assert.ok(!matches('arn:aws:s3:::b/*', 'arn:aws:s3:::bb/x'));
  assert.ok(!matches('a.c', 'abc'), 'a dot is a dot');
  assert.ok(!matches('arn:one', '*'), 'what knows no resource needs all of them');
  const inline = { Resources: { R: { Type: 'AWS::IAM::Policy', Properties: {} } } };
  assert.throws(() => policiesOf([inline], String), /outside of the table of roles/);
});
