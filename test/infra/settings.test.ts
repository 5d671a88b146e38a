/** What properties of a deployment become in its templates. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Match, Annotations as Told } from 'aws-cdk-lib/assertions';
import type { PinnedKeys, WaybillProps, WorkerEnvironment } from '../../lib/waybill-props.ts';
import { workerExecutable } from '../../lib/worker-executable.ts';
import { exampleProps, productionProps, resources, type Template, templatesOf, waybill } from './deployment.ts';
import { at, lines, list } from './rules/rule.ts';

function sized(size: Partial<WorkerEnvironment>): Record<'default', WorkerEnvironment> {
  const { image = '' } = productionProps().environments.default ?? {};
  return { default: { image, ...size } };
}

test('props: a disk and the memory of a size reach the task', () => {
  const environments = sized({ cpu: 4096, ephemeralStorageGiB: 100 });
  const [task] = resources(templatesOf(waybill({ ...productionProps(), environments })), 'AWS::ECS::TaskDefinition');
  assert.deepEqual(
    [task?.properties.Cpu, task?.properties.Memory, task?.properties.EphemeralStorage],
    ['4096', '8192', { SizeInGiB: 100 }],
  );
});

test('props: evidence is told to the sequencer and to nobody else', () => {
  const of = waybill({ ...productionProps(), evidence: { heartbeatMs: 60_000 } });
  const told = resources(templatesOf(of), 'AWS::Lambda::Function').filter(({ properties }) =>
    JSON.stringify(properties.Environment).includes('WAYBILL_EVIDENCE'),
  );
  assert.deepEqual(
    told.map(({ properties }) => properties.FunctionName),
    ['waybill-seal'],
  );
});

test('budget: whoever else is told, it has another name, since it is replaced before the old one goes', () => {
  const nameOf = (alarmEmail: string): unknown =>
    at(
      resources(templatesOf(waybill({ ...productionProps(), alarmEmail })), 'AWS::Budgets::Budget')[0]?.properties,
      'Budget',
      'BudgetName',
    );
  assert.notEqual(nameOf('a@example.com'), nameOf('b@example.com'));
  assert.equal(nameOf('a@example.com'), nameOf('a@example.com'));
});

test('legal hold: those who are named may place one, and nobody else', () => {
  const counsel = 'arn:aws:iam::000000000000:role/counsel';
  const heldBy = (props: WaybillProps): unknown =>
    Object.values(templatesOf(waybill(props)).ledger.Resources)
      .flatMap(({ Properties }) => lines(Properties?.PolicyDocument))
      .find(({ Sid }) => Sid === 'HoldsByLegal')?.Condition;
  assert.equal(heldBy(productionProps()), undefined);
  const named = heldBy({ ...productionProps(), legalHoldPrincipals: [counsel] });
  assert.deepEqual(list(at(named, 'ArnNotEquals', 'aws:PrincipalArn') as string[]), [counsel]);
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

test('environments: functions that take in and dispatch are told of each but the default one, by its machine and what runs there', () => {
  const props = productionProps();
  const gpu = { image: `000000000000.dkr.ecr.us-east-1.amazonaws.com/gpu@sha256:${'5'.repeat(64)}` };
  const of = (environments: WaybillProps['environments']): Map<unknown, unknown> =>
    new Map(
      resources(templatesOf(waybill({ ...props, environments })), 'AWS::Lambda::Function').map(({ properties }) => [
        properties.FunctionName,
        at(properties.Environment, 'Variables', 'WAYBILL_ENVIRONMENTS'),
      ]),
    );
  const told = of({ ...props.environments, gpu });
  for (const name of ['submit', 'dispatch', 'reconcile']) {
    assert.deepEqual(JSON.parse(String(told.get(`waybill-${name}`))), {
      gpu: {
        machine: 'arn:aws:states:us-east-1:000000000000:stateMachine:waybill-attempt-gpu:live',
        executable: workerExecutable(props.workerDigest, gpu.image),
      },
    });
  }
  assert.equal(told.get('waybill-seal'), undefined);
  assert.deepEqual(
    [...of(props.environments).values()].filter((value) => value !== undefined),
    [],
  );
});

test('pinned keys: workers are told each attest key but one that was revoked', () => {
  const { pinnedKeys, ...props } = productionProps();
  const { keys, ...file } = pinnedKeys as PinnedKeys;
  const spki = keys.find(({ use }) => use === 'attest')?.spki;
  const told = (change: object): unknown => {
    const older = keys.map((key) => ({ ...key, ...(key.use === 'attest' && { to: 9, ...change }) }));
    const templates = templatesOf(waybill({ ...props, pinnedKeys: { ...file, keys: [...older, ...keys] } }));
    const [task] = resources(templates, 'AWS::ECS::TaskDefinition');
    const variables = at(task?.properties, 'ContainerDefinitions', 0, 'Environment') as {
      Name: string;
      Value: string;
    }[];
    const value = variables.find(({ Name }) => Name === 'WAYBILL_KEYS')?.Value ?? '';
    return JSON.parse(Buffer.from(value, 'base64').toString());
  };
  assert.deepEqual(told({}), [spki, spki]);
  assert.deepEqual(told({ revoked: 'key_compromise' }), [spki]);
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
  for (const name of ['slot', 'submit']) assert.ok(list(denied(state, 'OwnNameOnly')).includes(role(name)));
});
