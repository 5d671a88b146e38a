import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { vpcOfOurs } from '../../examples/own-app/facts.ts';
import { type Resource, ROOT, type Template } from './deployment.ts';

const APP = join('examples', 'own-app', 'app.ts');
const MAX_LINES = 20;

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
  const machine = JSON.stringify(of('AWS::StepFunctions::StateMachine'));
  for (const subnet of vpcOfOurs.isolatedSubnetIds) assert.ok(machine.includes(subnet), subnet);
  const mailbox = JSON.stringify(
    of('AWS::IAM::ManagedPolicy').filter(({ Properties }) => String(Properties.ManagedPolicyName).endsWith('-mailbox')),
  );
  assert.ok(mailbox.includes(`"aws:SourceVpc":"${vpcOfOurs.vpcId}"`));
});
