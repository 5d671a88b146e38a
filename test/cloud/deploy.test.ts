/** The synthesized stacks in the wiring bed: deployed by the real command line, less what the bed does not know. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { withoutTypes } from './bed-assembly.ts';
import { type Ministack, start } from './beds/ministack.ts';
import { type Deployed, deploy } from './deploy.ts';
import { missingProperties } from './dropped-properties.ts';
import { STRIPPED_TYPES } from './stripped-types.ts';

let bed: Ministack;
let deployed: Deployed;
let passed = false;

before(async () => {
  bed = await start();
  deployed = await deploy(bed, `sha256:${'2'.repeat(64)}`);
  passed = true;
});

after(async () => {
  await bed.stop({ keepLogs: !passed });
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
