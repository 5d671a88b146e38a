import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { vpcOfOurs } from '../../examples/own-app/facts.ts';
import { type Resource, ROOT, type Template } from './deployment.ts';
import { at, list } from './rules/rule.ts';

const APP = join('examples', 'own-app', 'app.ts');
const MAX_LINES = 20;

interface Report {
  pluginReports: { violations?: { ruleName: string }[] }[];
}

test('own app: twenty lines synthesize a deployment with a boundary on every role, in a network of the customer', async (context) => {
  const lines = readFileSync(join(ROOT, APP), 'utf8').trimEnd().split('\n');
  assert.ok(lines.length <= MAX_LINES, `${lines.length} lines`);
  const folder = mkdtempSync(join(tmpdir(), 'waybill-own-app-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  await promisify(execFile)(process.execPath, [APP], {
    cwd: ROOT,
    env: { ...process.env, CDK_OUTDIR: folder, CDK_VALIDATION: 'false' },
  });
  const templates = globSync('*.template.json', { cwd: folder }).map(
    (path) => JSON.parse(readFileSync(join(folder, path), 'utf8')) as Partial<Template>,
  );
  const resources = templates.flatMap(({ Resources = {} }) => Object.values(Resources));
  const of = (type: string): Resource[] => resources.filter(({ Type }) => Type === type);

  const roles = of('AWS::IAM::Role');
  assert.ok(roles.length > 8);
  for (const { Properties } of roles) {
    assert.equal(Properties.PermissionsBoundary, 'arn:aws:iam::111122223333:policy/boundary');
  }
  assert.deepEqual([...of('AWS::EC2::VPC'), ...of('AWS::EC2::Subnet'), ...of('AWS::EC2::VPCEndpoint')], []);
  assert.deepEqual(
    of('AWS::EC2::SecurityGroup').map(({ Properties }) => Properties.VpcId),
    [vpcOfOurs.vpcId],
  );
  const outward = [
    ...of('AWS::EC2::SecurityGroup').flatMap(({ Properties }) => list(Properties.SecurityGroupEgress as object[])),
    ...of('AWS::EC2::SecurityGroupEgress').map(({ Properties }) => Properties),
  ].map((rule) => at(rule, 'CidrIp') ?? at(rule, 'DestinationSecurityGroupId') ?? at(rule, 'DestinationPrefixListId'));
  assert.deepEqual(outward.toSorted(), ['pl-6ea54007', 'sg-0123456789abcdef0']);
  const machine = JSON.stringify(of('AWS::StepFunctions::StateMachine'));
  for (const subnet of vpcOfOurs.isolatedSubnetIds) assert.ok(machine.includes(subnet), subnet);
  const mailbox = JSON.stringify(
    of('AWS::IAM::ManagedPolicy').filter(({ Properties }) => String(Properties.ManagedPolicyName).endsWith('-mailbox')),
  );
  assert.ok(mailbox.includes(`"aws:SourceVpc":"${vpcOfOurs.vpcId}"`));
});

/** Runs an app with the packs and CloudFormation's own rules on, and rejects with what they find. */
async function held(context: TestContext, source: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-own-app-'));
  // In the repository, so that it finds the packages that the example finds.
  const app = join(ROOT, 'build', `${basename(folder)}.ts`);
  context.after(() => {
    rmSync(folder, { recursive: true, force: true });
    rmSync(app, { force: true });
  });
  assert.ok(source.includes('const app = new App();'));
  const packs = `import { holdToPacks } from ${JSON.stringify(join(ROOT, 'lib', 'packs.ts'))};`;
  const text = source.replace('const app = new App();', 'const app = new App();\nholdToPacks(app);');
  writeFileSync(app, `${packs}\n${text}\napp.synth();\n`);
  const settings = JSON.stringify({ '@aws-cdk/core:validateAgainstDefaultRules': true });
  await promisify(execFile)(process.execPath, [app], {
    cwd: ROOT,
    env: { ...process.env, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: settings },
  });
  return readFileSync(join(folder, 'validation-report.json'), 'utf8');
}

test('own app: the packs and CloudFormation’s own rules find nothing in it either', async (context) => {
  const source = readFileSync(join(ROOT, APP), 'utf8')
    .replace("'./facts.ts'", JSON.stringify(join(ROOT, 'examples', 'own-app', 'facts.ts')))
    .replace('../../lib/', `${join(ROOT, 'lib')}/`);
  const { pluginReports } = JSON.parse(await held(context, source)) as Report;
  const found = pluginReports.flatMap(({ violations = [] }) => violations.map(({ ruleName }) => ruleName));
  assert.deepEqual(found, []);
});

test('own app: what the packs find is an error of the app', async (context) => {
  const source = [
    "import { App, Stack } from 'aws-cdk-lib';",
    "import { CfnQueue } from 'aws-cdk-lib/aws-sqs';",
    'const app = new App();',
    "new CfnQueue(new Stack(app, 'Planted'), 'Queue');",
  ];
  await assert.rejects(held(context, source.join('\n')), /AwsSolutions-SQS/);
});
