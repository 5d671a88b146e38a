/** What a deployment that keeps secrets grants for them, and to whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionPolicy } from '#adapters/aws/mailbox-session.ts';
import { type Key, keys } from '#core/rows.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';
import { matches } from '../cloud/role-policies.ts';
import { productionProps, resources, type Templates, templates, templatesOf, waybill } from './deployment.ts';
import { at, lines, list } from './rules/rule.ts';

const HERE = 'us-east-1:000000000000';
const SECRET = `arn:aws:secretsmanager:${HERE}:secret:npm/token-AbCdEf`;
const MINE = `arn:aws:secretsmanager:${HERE}:secret:mine-AbCdEf`;
const PARAMETER = `arn:aws:ssm:${HERE}:parameter/build/key`;
const KEY = `arn:aws:kms:${HERE}:key/00000000-0000-0000-0000-000000000000`;
const secrets = { token: SECRET, mine: { arn: MINE, key: KEY }, key: PARAMETER };
const withSecrets = templatesOf(waybill({ ...productionProps(), secrets }));

interface Granted {
  actions: string[];
  arns: string[];
  condition: unknown;
}

/** What the policy of a role allows. */
function grantsOf(of: Templates, role: string): Granted[] {
  const policies = resources(of, 'AWS::IAM::ManagedPolicy').filter(({ properties }) =>
    String(properties.ManagedPolicyName).endsWith(`-${role}`),
  );
  assert.equal(policies.length, 1, role);
  return policies.flatMap(({ properties }) =>
    lines(properties.PolicyDocument).map(({ Action, Resource, Condition }) => ({
      actions: list(Action),
      arns: list(Resource as string | string[]).map((arn) => (typeof arn === 'string' ? arn : JSON.stringify(arn))),
      condition: Condition,
    })),
  );
}

const READING = /^(secretsmanager|ssm):/;

function readers(of: Templates): string[] {
  return resources(of, 'AWS::IAM::ManagedPolicy')
    .filter(({ properties }) =>
      lines(properties.PolicyDocument).some(({ Action }) => list(Action).some((action) => READING.test(action))),
    )
    .map(({ properties }) => String(properties.ManagedPolicyName));
}

test('secrets: release alone reads them, those that are named and nothing else, with the keys that are', () => {
  assert.deepEqual(readers(templates()), [], 'a deployment that keeps none may read none');
  assert.deepEqual(
    readers(withSecrets).map((name) => name.replace(/.*-/, '')),
    ['release'],
  );
  const through = (service: string): object => ({
    StringEquals: { 'kms:ViaService': `${service}.us-east-1.amazonaws.com` },
  });
  const about = grantsOf(withSecrets, 'release').filter(
    ({ actions, arns }) => actions.some((action) => READING.test(action)) || arns.includes(KEY),
  );
  assert.deepEqual(about, [
    { actions: ['secretsmanager:GetSecretValue'], arns: [SECRET, MINE], condition: undefined },
    { actions: ['kms:Decrypt'], arns: [KEY], condition: through('secretsmanager') },
    { actions: ['ssm:GetParameter'], arns: [PARAMETER], condition: undefined },
  ]);
});

/** Every row that there is, by the name of its key. */
function rowsIn(partitions: readonly string[]): string[] {
  const made = Object.entries(keys as Record<string, (...ids: never[]) => Key>).map(
    ([name, keyOf]) => [name, (keyOf as (...ids: string[]) => Key)('1', '1', '1').pk] as const,
  );
  return made.flatMap(([name, pk]) => (partitions.some((one) => matches(one, pk)) ? [name] : [])).sort();
}

/** Conditions know the partition of a row alone, so events of a run bring all that it has with them. */
const OF_A_RUN = 'control event fan item open openRoot run seal shared shown spec tree wait wake'.split(' ');

test('secrets: who reads them writes nothing but answers, rows of attempts and of runs, and signs nothing', () => {
  const granted = grantsOf(withSecrets, 'release');
  const on = (action: string): string[] =>
    granted.flatMap(({ actions, arns }) => (actions.includes(action) ? arns : []));
  assert.deepEqual(on('s3:GetObject'), ['arn:aws:s3:::waybill-staging-000000000000-us-east-1/*/key.json']);
  assert.deepEqual(on('s3:PutObject'), ['arn:aws:s3:::waybill-staging-000000000000-us-east-1/*/sealed.json']);
  assert.deepEqual(
    granted
      .flatMap(({ actions }) => actions)
      .filter((action) => /^(kms:Sign|s3:Delete|sts:|states:|iam:|lambda:|events:)/.test(action)),
    [],
  );
  assert.deepEqual(on('sqs:SendMessage'), ['arn:aws:sqs:us-east-1:000000000000:waybill-release-dead']);
  const rows = granted.filter(({ actions }) => actions.includes('dynamodb:PutItem'));
  assert.deepEqual(
    rows.map(({ condition }) => condition),
    [{ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['attempt/*', 'run/*'] } }],
  );
  const partitions = rows.flatMap(({ condition }) =>
    list(at(condition, 'ForAllValues:StringLike', 'dynamodb:LeadingKeys') as string[]),
  );
  assert.deepEqual(rowsIn(partitions), ['attempt', ...OF_A_RUN]);
  assert.deepEqual(rowsIn(['*']), Object.keys(keys).sort());
});

test('secrets: names are told to who takes runs in, ARNs to who reads them, and nobody hears of any where there are none', () => {
  const told = (of: Templates, name: string): [unknown, unknown][] =>
    resources(of, 'AWS::Lambda::Function').flatMap(({ properties }): [unknown, unknown][] => {
      const value = at(properties.Environment, 'Variables', name);
      return value === undefined ? [] : [[properties.FunctionName, value]];
    });
  const arns = JSON.stringify({ token: SECRET, mine: MINE, key: PARAMETER });
  assert.deepEqual(told(withSecrets, 'WAYBILL_SECRETS'), [['waybill-release', arns]]);
  assert.deepEqual(told(withSecrets, 'WAYBILL_SECRET_NAMES'), [['waybill-submit', 'token,mine,key']]);
  for (const name of ['WAYBILL_SECRETS', 'WAYBILL_SECRET_NAMES']) assert.deepEqual(told(templates(), name), []);
});

const DRAFT = {
  attemptId: '0'.repeat(32),
  principal: 'AIDAEXAMPLE',
  inputs: [],
  job: { pipeline: [{ block: 'script', run: 'true', secrets: { TOKEN: 'token' } }] },
} as unknown as LeaseDraft;

/** Each thing that the session of a worker is to do, as `action object`. */
function wanted(): string[] {
  const names = { bucket: 'waybill-staging-000000000000-us-east-1', artifactsBucket: 'unused', dataKey: 'key' };
  const role = 'arn:aws:iam::000000000000:role/mailbox';
  const { Statement } = JSON.parse(sessionPolicy({ ...names, role }, DRAFT)) as {
    Statement: { Action: string | string[]; Resource: string | string[] }[];
  };
  return Statement.flatMap(({ Action, Resource }) =>
    list(Action).flatMap((action) => list(Resource).map((resource) => `${action} ${resource}`)),
  ).filter((each) => each.startsWith('s3:'));
}

/** Those of them that none of the statements lets pass. */
function refused(granted: readonly { actions: string[]; arns: string[] }[]): string[] {
  return wanted().filter((each) => {
    const [action = '', arn = ''] = each.split(' ');
    return !granted.some(
      ({ actions, arns }) => actions.includes(action) && arns.some((pattern) => matches(pattern, arn)),
    );
  });
}

function endpointOf(of: Templates): { actions: string[]; arns: string[] }[] {
  const gateway = resources(of, 'AWS::EC2::VPCEndpoint').find(
    ({ properties }) => properties.VpcEndpointType === 'Gateway',
  );
  return lines(gateway?.properties.PolicyDocument).map(({ Action, Resource }) => ({
    actions: list(Action),
    arns: list(Resource as string | string[]),
  }));
}

test('secrets: what a worker does with its mailbox, to the taking away of its key, role and network let it do', () => {
  const ways = { mailbox: grantsOf(templates(), 'mailbox'), network: endpointOf(templates()) };
  for (const [way, granted] of Object.entries(ways)) {
    assert.deepEqual(refused(granted), [], way);
    const keeping = granted.filter(({ actions }) => !actions.includes('s3:DeleteObject'));
    assert.deepEqual(
      refused(keeping).map((each) => each.replace(/ .*\//, ' ')),
      ['s3:DeleteObject key.json', 's3:DeleteObject sealed.json'],
      `${way}, without the right to take away`,
    );
  }
});
