/** Who signs without being a signer is told, whoever they are and whether or not it was refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_SIGNING_KEYS } from '../../lib/check-props.ts';
import { productionProps, resources, type Templates, templates, templatesOf, waybill } from './deployment.ts';
import { isMatched } from './event-pattern.ts';

const KEY = 'arn:aws:kms:us-east-1:000000000000:key/1234abcd';
const ROLE = 'arn:aws:iam::000000000000:role/';

/** References to a signing key as the ARN of one. */
function resolved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolved);
  if (typeof value !== 'object' || value === null) return value;
  if ('Fn::Select' in value) return '1234abcd';
  if ('Fn::ImportValue' in value) return KEY;
  if ('Fn::Join' in value) {
    const [glue, parts] = value['Fn::Join'] as [string, unknown[]];
    return parts.map(resolved).join(glue);
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
}

function patternsOf(of: Templates): unknown[] {
  return resources(of, 'AWS::Events::Rule')
    .filter(({ properties }) => String(properties.Name).includes('signed-by-a-stranger'))
    .map(({ properties }) => resolved(properties.EventPattern));
}

const [pattern] = patternsOf(templates());

const session = (role: string): object => ({
  type: 'AssumedRole',
  sessionContext: { sessionIssuer: { arn: `${ROLE}${role}` } },
});
const USER = { type: 'IAMUser', arn: 'arn:aws:iam::000000000000:user/somebody' };
const SIGNED = { requestParameters: { keyId: KEY }, resources: [{ ARN: KEY }] };

function isTold(userIdentity: object, what: object): boolean {
  return isMatched(pattern, {
    source: 'aws.kms',
    'detail-type': 'AWS API Call via CloudTrail',
    detail: { eventSource: 'kms.amazonaws.com', eventName: 'Sign', userIdentity, ...what },
  });
}

test('signed by a stranger: a role that is no signer, a user and the root are told, a signer is not', () => {
  assert.equal(isTold(session('somebody'), SIGNED), true);
  assert.equal(isTold(USER, SIGNED), true);
  assert.equal(isTold({ type: 'Root', arn: 'arn:aws:iam::000000000000:root' }, SIGNED), true);
  assert.equal(isTold(session('waybill-us-east-1-seal'), SIGNED), false);
});

test('signed by a stranger: what was refused is told by what was asked for or by the refusal', () => {
  for (const keyId of [KEY, '1234abcd', 'alias/waybill/attest-1', 'arn:aws:kms:us-east-1:0:alias/waybill/log-1'])
    assert.equal(isTold(USER, { errorCode: 'AccessDenied', requestParameters: { keyId } }), true, keyId);
  const errorMessage = `User: ${USER.arn} is not authorized to perform: kms:Sign on resource: ${KEY} with an explicit deny`;
  assert.equal(isTold(USER, { errorCode: 'AccessDenied', requestParameters: null, errorMessage }), true);
  assert.equal(isTold(session('waybill-us-east-1-seal'), { errorCode: 'AccessDenied', errorMessage }), false);
});

test('signed by a stranger: keys of others are nobody’s business', () => {
  const other = KEY.replace('1234abcd', 'ffff0000');
  assert.equal(isTold(USER, { requestParameters: { keyId: other }, resources: [{ ARN: other }] }), false);
  assert.equal(isTold(USER, { requestParameters: { keyId: 'alias/other/attest-1' } }), false);
});

test('signed by a stranger: patterns stay as short as EventBridge wants them with as many keys as there can be', () => {
  const signingKeys = { attest: MOST_SIGNING_KEYS, log: MOST_SIGNING_KEYS };
  const most = templatesOf(waybill({ ...productionProps(), signingKeys }));
  const found = resources(most, 'AWS::Events::Rule').map(({ properties }) =>
    JSON.stringify(resolved(properties.EventPattern ?? {})),
  );
  assert.equal(patternsOf(most).length, 1);
  // A key that is deployed has an id of 36 characters.
  const length = (text: string): number => text.replaceAll('1234abcd', '0'.repeat(36)).length;
  assert.deepEqual(found.filter((text) => length(text) > 2048).map(length), []);
});
