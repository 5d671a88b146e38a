/** The synthesized stacks in the wiring bed: deployed by the real command line, less what the bed does not know. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { withoutTypes } from './bed-assembly.ts';
import type { Ministack } from './beds/ministack.ts';
import { typeOn } from './command-line.ts';
import type { Deployed } from './deploy.ts';
import { figures } from './deployed-figures.ts';
import { openWorld, type World } from './deployed-world.ts';
import { missingProperties } from './dropped-properties.ts';
import { STRIPPED_TYPES } from './stripped-types.ts';

let world: World;
let bed: Ministack;
let deployed: Deployed;

before(async () => {
  world = await openWorld();
  ({ bed, deployed } = world);
});

after(async () => {
  await world?.close({ keepLogs: !areFigured() });
});

/** @returns the types that a refusal names, sorted */
async function unknownTypes(types: readonly string[]): Promise<string[]> {
  const cloudformation = new CloudFormationClient({
    endpoint: bed.url,
    region: bed.region,
    credentials: bed.credentials,
  });
  const Resources = Object.fromEntries(types.map((Type, index) => [`R${index}`, { Type }]));
  const refusal = await cloudformation
    .send(new CreateStackCommand({ StackName: `types-${types.length}`, TemplateBody: JSON.stringify({ Resources }) }))
    .then(() => '', String);
  const named = /Unrecognized resource types: \[(.*)\]/.exec(refusal)?.[1] ?? '';
  return named.split(', ').filter((type) => type !== '');
}

test('deploy: three stacks stand, and the alias that attempts start on', async () => {
  const cloudformation = new CloudFormationClient({
    endpoint: bed.url,
    region: bed.region,
    credentials: bed.credentials,
  });
  const { Stacks = [] } = await cloudformation.send(new DescribeStacksCommand({}));
  const ours = Stacks.filter(({ StackName }) => StackName?.startsWith('waybill-'));
  assert.deepEqual(
    ours.map(({ StackName, StackStatus }) => [StackName, /^(CREATE|UPDATE)_COMPLETE$/.test(StackStatus ?? '')]).sort(),
    ['ledger', 'runtime', 'state'].map((stack) => [`waybill-${stack}`, true]),
  );
  assert.equal(deployed.attestKeys.length, 1);
});

test('deploy: every type that is stripped is unknown to the bed, and used by a template', async () => {
  const listed = Object.keys(STRIPPED_TYPES).sort();
  assert.deepEqual((await unknownTypes([...listed, 'AWS::SQS::Queue'])).sort(), listed);
  const used = new Set(
    [...deployed.templates.values()].flatMap(({ Resources }) => Object.values(Resources).map(({ Type }) => Type)),
  );
  assert.deepEqual(
    listed.filter((type) => !used.has(type)),
    [],
  );
});

test('deploy: a type that is unknown and not listed is refused', async () => {
  assert.deepEqual(await unknownTypes(['AWS::SQS::Queue', 'AWS::EventSchemas::Registry']), [
    'AWS::EventSchemas::Registry',
  ]);
});

test('deploy: what the bed drops stands in the templates', () => {
  assert.deepEqual(missingProperties(deployed.templates.values()), []);
});

test('deploy: a property that left the templates is missed', () => {
  const without = [...deployed.templates.values()].map((template) => structuredClone(template));
  for (const { Resources } of without) {
    for (const { Type, Properties } of Object.values(Resources))
      if (Type === 'AWS::S3::Bucket') delete Properties?.ObjectLockEnabled;
  }
  assert.match(missingProperties(without).join('\n'), /^Ledger\w* ObjectLockEnabled: undefined$/);
  assert.match(missingProperties([]).join('\n'), /TaskRoleArn: there is no such resource/);
});

test('strip: what refers to a resource that goes is not deployed without it', () => {
  const template = {
    Resources: {
      Gone: { Type: 'A::B::C' },
      After: { Type: 'A::B::D', DependsOn: ['Gone'] },
      Using: { Type: 'A::B::D', Properties: { name: [{ Ref: 'Gone' }] } },
    },
  };
  assert.throws(() => withoutTypes(template, new Set(['A::B::C'])), /Using refers to Gone/);
  const { Using: _, ...rest } = template.Resources;
  assert.deepEqual(withoutTypes({ Resources: rest }, new Set(['A::B::C'])).Resources, { After: { Type: 'A::B::D' } });
});

/** The deployment file, as it is pulled from the stacks that stand. */
async function pulled(): Promise<string> {
  const file = join(bed.directory, 'pulled.json');
  const stacks = ['ledger', 'state', 'runtime'].flatMap((stack) => ['--stack', `waybill-${stack}`]);
  const { exit, err } = await typeOn(bed, ['deployment', 'pull', '--region', bed.region, ...stacks, '-o', file]);
  assert.deepEqual([exit, err], [0, '']);
  return file;
}

test('deploy: the command line makes the deployment file from the stacks, and exports the keys that KMS holds', async () => {
  const file = await pulled();
  const { origin, buckets, stateMachine } = JSON.parse(readFileSync(file, 'utf8'));
  assert.deepEqual([origin, buckets.ledger], [deployed.origin, deployed.names.bucket('ledger')]);
  assert.equal(stateMachine, deployed.names.arn.machineAlias('default'));
  const { exit, out } = await typeOn(bed, ['keys', 'export', '--target', 'aws', '--deployment', file, '-o', '-']);
  const { keys } = JSON.parse(out) as { keys: { use: string; spki: string }[] };
  assert.equal(exit, 0);
  assert.deepEqual(
    keys.filter(({ use }) => use === 'attest').map(({ spki }) => spki),
    deployed.attestKeys,
  );
  const nowhere = await typeOn(bed, ['deployment', 'pull', '--region', bed.region, '--stack', 'nowhere', '-o', '-']);
  assert.deepEqual([nowhere.exit, JSON.parse(nowhere.err).error.code], [4, 'DEPLOYMENT_INVALID']);
});

test('deploy: the doctor finds what the bed dropped, and nothing else', async () => {
  const { exit, lines } = await typeOn(bed, ['doctor', '--deployed', '--deployment', await pulled()]);
  const failed = lines
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ check, detail }) => `${check}: ${detail}`.replace(/vpc-\w+/, 'the VPC'));
  assert.equal(exit, 1);
  assert.deepEqual(
    failed.filter((line) => !line.startsWith('quotas: ')),
    [
      'bucket staging: encrypted with AES256, not aws:kms',
      'bucket artifacts: encrypted with AES256, not aws:kms',
      'table: is not protected from deletion',
      'table: has no key of yours',
      'table: cannot be restored to a point in time',
      // Nothing was ever pushed: the bed starts processes where AWS starts images.
      ...Object.entries({ wrapper: 1, blocks: 3, other: 4 }).map(([name, digit]) => {
        const digest = `sha256:${String(digit).repeat(64)}`;
        const image = `${bed.account}.dkr.ecr.${bed.region}.amazonaws.com/${name}@${digest}`;
        return `images: ${image} is not there: no attempt can start`;
      }),
      'network log: nothing writes down who speaks with whom in the VPC',
    ],
  );
  assert.ok(
    failed.some((line) => line.startsWith('quotas: ')),
    'the bed has no quotas, and no answer is not a good one',
  );
  assert.ok(lines.filter(({ verdict }) => verdict === 'ok').length > 30);
});

test('deploy: who has no credentials, or those of another account, is told so', async () => {
  const file = await pulled();
  const { AWS_ACCESS_KEY_ID: _id, AWS_SECRET_ACCESS_KEY: _secret, ...nobody } = bed.environment;
  const anonymous = { ...nobody, AWS_EC2_METADATA_DISABLED: 'true' };
  const refused = await typeOn(bed, ['--target', 'aws', '--deployment', file, 'runs'], anonymous);
  assert.deepEqual([refused.exit, JSON.parse(refused.err).error.code], [5, 'CREDENTIALS_INVALID']);
  const other = join(bed.directory, 'other.json');
  writeFileSync(other, readFileSync(file, 'utf8').replaceAll('"account": "000000000000"', '"account": "111111111111"'));
  const strange = await typeOn(bed, ['--target', 'aws', '--deployment', other, 'runs']);
  assert.deepEqual([strange.exit, JSON.parse(strange.err).error.code], [5, 'ACCESS_DENIED']);
});

// Last, when nothing else is done in the bed.
const areFigured = figures(() => world);
