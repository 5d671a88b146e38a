import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { vpcOfOurs } from '../../examples/own-app/facts.ts';
import { type Resource, ROOT, type Template } from './deployment.ts';
import { at, list } from './rules/rule.ts';

const EXAMPLE = join(ROOT, 'examples', 'own-app');
const MAX_LINES = 20;

interface Report {
  pluginReports: { violations?: { ruleName: string }[] }[];
}

/** A folder outside of the repository, with the example in it and the packages where `npm install` puts them. */
function folderOfACustomer(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-own-app-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(EXAMPLE, folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules', 'waybill'));
  for (const name of ['.bin', 'aws-cdk-lib', 'constructs']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  return folder;
}

test('own app: twenty lines synthesize a deployment with a boundary on every role, in a network of the customer', async (context) => {
  const folder = folderOfACustomer(context);
  const lines = readFileSync(join(folder, 'app.ts'), 'utf8').trimEnd().split('\n');
  assert.ok(lines.length <= MAX_LINES, `${lines.length} lines`);
  const bin = join(folder, 'node_modules', '.bin');
  const { stderr } = await promisify(execFile)(join(bin, 'cdk'), ['synth', '--quiet', '--strict'], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: [bin, process.env.PATH].join(delimiter),
      CDK_DISABLE_VERSION_CHECK: '1',
      HTTPS_PROXY: 'http://127.0.0.1:9',
    },
  });
  assert.doesNotMatch(stderr, /WARNING|ERROR/);
  const assembly = join(folder, 'cdk.out');
  const templates = globSync('*.template.json', { cwd: assembly }).map(
    (path) => JSON.parse(readFileSync(join(assembly, path), 'utf8')) as Partial<Template>,
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

/** Runs the app of a folder with the packs and CloudFormation's own rules on, and rejects with what they find. */
async function held(folder: string, source: string): Promise<string> {
  assert.ok(source.includes('const app = new App();'));
  const packs = `import { holdToPacks } from ${JSON.stringify(join(ROOT, 'lib', 'packs.ts'))};`;
  const text = source.replace('const app = new App();', 'const app = new App();\nholdToPacks(app);');
  writeFileSync(join(folder, 'held.ts'), `${packs}\n${text}\napp.synth();\n`);
  const settings = JSON.stringify({ '@aws-cdk/core:validateAgainstDefaultRules': true });
  const out = join(folder, 'held.out');
  await promisify(execFile)(process.execPath, ['held.ts'], {
    cwd: folder,
    env: { ...process.env, CDK_OUTDIR: out, CDK_CONTEXT_JSON: settings },
  });
  return readFileSync(join(out, 'validation-report.json'), 'utf8');
}

test('own app: the packs and CloudFormation’s own rules find nothing in it either', async (context) => {
  const folder = folderOfACustomer(context);
  const source = readFileSync(join(folder, 'app.ts'), 'utf8');
  const { pluginReports } = JSON.parse(await held(folder, source)) as Report;
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
  await assert.rejects(held(folderOfACustomer(context), source.join('\n')), /AwsSolutions-SQS/);
});
