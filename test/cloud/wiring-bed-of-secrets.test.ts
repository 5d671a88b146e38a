/** What the bed keeps for blocks is read as in an account: by an ARN, for which whoever asks needs permission. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { readFromAccount } from '#adapters/aws/secret-vault.ts';
import { until } from '../support/processes.ts';
import { type Ministack, start } from './beds/ministack.ts';
import { KEPT, keepSecrets } from './kept-secrets.ts';

/** A session of a role that may do this and nothing else. */
async function allowed(bed: Ministack, Statement: readonly object[]) {
  const asRoot = { endpoint: bed.url, region: bed.region, credentials: bed.credentials };
  const Version = '2012-10-17';
  const trust = { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' };
  const Properties = {
    RoleName: 'reader',
    AssumeRolePolicyDocument: { Version, Statement: [trust] },
    Policies: [{ PolicyName: 'reads', PolicyDocument: { Version, Statement } }],
  };
  const TemplateBody = JSON.stringify({ Resources: { Reader: { Type: 'AWS::IAM::Role', Properties } } });
  const formation = new CloudFormationClient(asRoot);
  const Capabilities = ['CAPABILITY_NAMED_IAM'] as const;
  await formation.send(new CreateStackCommand({ StackName: 'r', TemplateBody, Capabilities: [...Capabilities] }));
  await until(async () => {
    const { Stacks } = await formation.send(new DescribeStacksCommand({ StackName: 'r' }));
    return Stacks?.[0]?.StackStatus === 'CREATE_COMPLETE';
  });
  const assume = { RoleArn: `arn:aws:iam::${bed.account}:role/reader`, RoleSessionName: 'reader' };
  const { Credentials } = await new STSClient(asRoot).send(new AssumeRoleCommand(assume));
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = Credentials ?? {};
  const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  return { ...asRoot, credentials };
}

test('wiring bed: who reads a secret or a parameter by its ARN is asked for permission on that one', async () => {
  const bed = await start();
  try {
    const arns = await keepSecrets(bed);
    const root = new SSMClient({ endpoint: bed.url, region: bed.region, credentials: bed.credentials });
    await root.send(new PutParameterCommand({ Name: '/bed/other', Value: 'not for them', Type: 'SecureString' }));
    const { Parameter } = await root.send(new GetParameterCommand({ Name: '/bed/other' }));
    const reader = await allowed(bed, [
      { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: [arns.token, arns.deleted] },
      { Effect: 'Allow', Action: 'ssm:GetParameter', Resource: arns.key },
    ]);
    const read = readFromAccount({
      secrets: new SecretsManagerClient(reader),
      parameters: new SSMClient(reader),
      arns: new Map([...Object.entries(arns), ['other', Parameter?.ARN ?? '']]),
    });
    assert.equal(Buffer.from(await read('token')).toString(), KEPT.token);
    assert.equal(Buffer.from(await read('key')).toString(), KEPT.key);
    const refused = { closed: /may not be read/, other: /may not be read/, deleted: /is not there/ };
    for (const [name, problem] of Object.entries(refused))
      await assert.rejects(read(name), { code: 'SECRET_UNAVAILABLE', problem });
  } finally {
    await bed.stop();
  }
});
