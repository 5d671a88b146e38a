import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Match, Annotations as Told } from 'aws-cdk-lib/assertions';
import { checkProps, WaybillPropsError } from '../../lib/check-props.ts';
import type { WaybillProps } from '../../lib/waybill-props.ts';
import { exampleProps, productionProps, resources, type Template, templatesOf, waybill } from './deployment.ts';
import { lines, list } from './rules/rule.ts';

function problemsOf(change: Partial<Record<keyof WaybillProps, unknown>>): readonly string[] {
  try {
    checkProps({ ...productionProps(), ...change } as WaybillProps);
    return [];
  } catch (error) {
    assert.ok(error instanceof WaybillPropsError);
    return error.problems;
  }
}

test('props: those of the example are right, for a test and for production', () => {
  checkProps(exampleProps());
  assert.deepEqual(problemsOf({}), []);
});

const refused: readonly [title: string, change: Partial<Record<keyof WaybillProps, unknown>>, property: string][] = [
  ['an account that is not typed out', { env: { account: 'ours', region: 'us-east-1' } }, 'env.account'],
  ['no region', { env: { account: '000000000000', region: '' } }, 'env.region'],
  ['one zone', { availabilityZones: ['us-east-1a'] }, 'availabilityZones'],
  ['a name in capitals', { name: 'Waybill' }, 'name'],
  ['an origin with a scheme', { origin: 'https://example.com', pinnedKeys: undefined }, 'origin'],
  ['GOVERNANCE in production', { retention: { mode: 'GOVERNANCE', days: 400 } }, 'retention.mode'],
  ['half a day', { retention: { mode: 'COMPLIANCE', days: 0.5 } }, 'retention.days'],
  ['COMPLIANCE in a test', { mode: 'test', retention: { mode: 'COMPLIANCE', days: 1 } }, 'retention'],
  ['ten years in a test', { mode: 'test', retention: { mode: 'GOVERNANCE', days: 3650 } }, 'retention'],
  ['a wrapper by tag', { wrapperImage: 'example.com/wrapper:latest' }, 'wrapperImage'],
  ['an environment by tag', { environments: { default: { image: 'node:24' } } }, 'environments.default.image'],
  ['no default environment', { environments: {} }, 'environments'],
  ['a digest without its kind', { workerDigest: '2'.repeat(64) }, 'workerDigest'],
  ['a queue of none', { queues: { default: { concurrency: 0 } } }, 'queues.default.concurrency'],
  ['keys of another log', { pinnedKeys: { format: 'waybill-keys/v1', origin: 'else', keys: [] } }, 'pinnedKeys.origin'],
  [
    'no attest key',
    { pinnedKeys: { format: 'waybill-keys/v1', origin: 'example.com/waybill', keys: [] } },
    'pinnedKeys.keys',
  ],
  ['a boundary that is no policy', { permissionsBoundary: 'boundary' }, 'permissionsBoundary'],
  ['an auditor without an ARN', { auditorPrincipals: ['auditor'] }, 'auditorPrincipals'],
  ['no address', { alarmEmail: '' }, 'alarmEmail'],
  ['a budget of nothing', { monthlyBudgetUsd: 0 }, 'monthlyBudgetUsd'],
  ['no signing key', { signingKeys: { attest: 0, log: 1 } }, 'signingKeys.attest'],
  ['logs for ever', { logDays: 0 }, 'logDays'],
];

for (const [title, change, property] of refused) {
  test(`props: ${title} is refused, and ${property} is named`, () => {
    const problems = problemsOf(change);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.ok(problems[0]?.startsWith(property), problems[0]);
  });
}

test('props: retention has no default, not even in a test', () => {
  const { retention: _, ...without } = exampleProps();
  assert.throws(() => checkProps(without as WaybillProps), TypeError);
});

test('runtime: without pinned keys it is an error, and the ledger that they come from is none', () => {
  const { pinnedKeys: _, ...without } = productionProps();
  const deployment = waybill(without);
  Told.fromStack(deployment.runtime).hasError('*', Match.stringLikeRegexp('waybill keys export'));
  assert.deepEqual(Told.fromStack(deployment.ledger).findError('*', Match.anyValue()), []);
});

test('test mode: tables and keys go with their stack, the ledger stays, and nothing is protected from the test', () => {
  const deployment = waybill(exampleProps());
  const templates = templatesOf(deployment);
  const lives = new Set(resources(templates, 'AWS::KMS::Key').map(({ resource }) => resource.DeletionPolicy));
  assert.deepEqual([...lives], ['Delete']);
  const [ledger] = resources(templates, 'AWS::S3::Bucket').filter(
    ({ properties }) => properties.ObjectLockEnabled === true,
  );
  assert.equal(ledger?.resource.DeletionPolicy, 'RetainExceptOnCreate');
  assert.equal(deployment.ledger.terminationProtection, false);
  assert.equal(waybill(productionProps()).ledger.terminationProtection, true);
});

test('rotation: one more key leaves the others as they were', () => {
  const keys = (attest: number): string[] => {
    const templates = templatesOf(waybill({ ...productionProps(), signingKeys: { attest, log: 1 } }));
    return resources(templates, 'AWS::KMS::Key')
      .filter(({ stack }) => stack === 'ledger')
      .map(({ id, properties }) => `${id} ${JSON.stringify(properties)}`);
  };
  const [one, two] = [keys(1), keys(2)];
  assert.equal(two.length, one.length + 1);
  assert.deepEqual(
    one.filter((key) => !two.includes(key)),
    [],
  );
});

test('auditors: they read the ledger and the public halves of its keys, and nothing else names them', () => {
  const auditor = 'arn:aws:iam::999999999999:role/auditor';
  const templates = templatesOf(waybill({ ...productionProps(), auditorPrincipals: [auditor] }));
  const naming = resources(templates).filter(({ properties }) => JSON.stringify(properties).includes(auditor));
  assert.deepEqual([...new Set(naming.map(({ stack, type }) => `${stack} ${type}`))].sort(), [
    'ledger AWS::KMS::Key',
    'ledger AWS::S3::BucketPolicy',
  ]);
  for (const { properties } of naming) {
    const said = lines(properties.PolicyDocument ?? properties.KeyPolicy).filter((line) =>
      JSON.stringify(line.Principal).includes(auditor),
    );
    for (const { Action } of said) {
      for (const action of list(Action))
        assert.match(action, /^(kms:GetPublicKey|kms:DescribeKey|s3:Get\w+|s3:List\w+)$/);
    }
  }
});

test('buckets: their policies name the roles whose table lets them write there, and no others', () => {
  const { ledger, state } = templatesOf(waybill(productionProps()));
  const denied = (template: Template, sid: string): unknown =>
    Object.values(template.Resources)
      .flatMap(({ Properties }) => lines(Properties?.PolicyDocument))
      .find(({ Sid }) => Sid === sid)?.Condition?.ArnNotEquals?.['aws:PrincipalArn'];
  const role = (name: string): string => `arn:aws:iam::000000000000:role/waybill-us-east-1-${name}`;
  assert.deepEqual(list(denied(ledger, 'SequencerOnly')), [role('seal')]);
  assert.deepEqual(list(denied(state, 'StagedByWorkers')), [role('mailbox')]);
  assert.ok(!list(denied(state, 'StoredByEngine')).includes(role('mailbox')));
  assert.ok(list(denied(state, 'OwnNameOnly')).includes(role('slot')));
});
