/** What the deployed tests rely on in the wiring bed, and what its corrections of the emulator put right. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DescribeTasksCommand, ECSClient, RunTaskCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateScheduleCommand,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import {
  CreateStateMachineAliasCommand,
  DescribeExecutionCommand,
  PublishStateMachineVersionCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { until } from '../support/processes.ts';
import { type Ministack, start } from './beds/ministack.ts';

const CLUSTER = 'bed';

interface StreamRecord {
  dynamodb: { Keys: { pk: { S: string } } };
}

let bed: Ministack;
let seen: string;
let outputs: Record<string, string>;
let asRoot: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };
let collected: { detail?: Record<string, unknown>; Records?: { s3: { object: Record<string, unknown> } }[] }[];

before(async () => {
  bed = await start();
  seen = join(bed.directory, 'seen.jsonl');
  collected = [];
  asRoot = { endpoint: bed.url, region: bed.region, credentials: bed.credentials };
  const template = readFileSync(join(import.meta.dirname, 'wiring-bed.template.json'), 'utf8').replace('{seen}', seen);
  outputs = await stackOf('bed', template);
});

async function stackOf(StackName: string, TemplateBody: string): Promise<Record<string, string>> {
  const cloudformation = new CloudFormationClient(asRoot);
  await cloudformation.send(new CreateStackCommand({ StackName, TemplateBody, Capabilities: ['CAPABILITY_IAM'] }));
  let found: Record<string, string> = {};
  await until(async () => {
    const [stack] = (await cloudformation.send(new DescribeStacksCommand({ StackName }))).Stacks ?? [];
    assert.ok(!/FAILED|ROLLBACK/.test(stack?.StackStatus ?? ''), stack?.StackStatusReason);
    found = Object.fromEntries((stack?.Outputs ?? []).map((one) => [one.OutputKey ?? '', one.OutputValue ?? '']));
    return stack?.StackStatus === 'CREATE_COMPLETE';
  });
  return found;
}

after(async () => {
  await bed.stop();
});

/** Waits for what a rule or a bucket brought into the queue. */
async function message(matches: (one: (typeof collected)[number]) => boolean): Promise<(typeof collected)[number]> {
  const queue = new SQSClient(asRoot);
  await until(async () => {
    const { Messages } = await queue.send(
      new ReceiveMessageCommand({ QueueUrl: outputs.Collected, MaxNumberOfMessages: 10 }),
    );
    collected.push(...(Messages ?? []).map(({ Body }) => JSON.parse(Body ?? '')));
    return collected.some(matches);
  });
  return collected.find(matches) ?? {};
}

async function stopOf(task: string): Promise<Record<string, unknown>> {
  return (await message(({ detail }) => detail?.taskArn === task)).detail ?? {};
}

async function runTask(attempt: string): Promise<string> {
  const given = { cluster: CLUSTER, taskDefinition: 'bed', clientToken: attempt, startedBy: attempt };
  const { tasks } = await new ECSClient(asRoot).send(new RunTaskCommand(given));
  return tasks?.[0]?.taskArn ?? '';
}

async function status(task: string): Promise<string | undefined> {
  const { tasks } = await new ECSClient(asRoot).send(new DescribeTasksCommand({ cluster: CLUSTER, tasks: [task] }));
  return tasks?.[0]?.lastStatus;
}

function written(task: string, file: string): string {
  const path = join(bed.directory, 'tasks', task.split('/').at(-1) ?? '', file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

interface Session {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

async function session(policy?: object, RoleArn: string | undefined = outputs.Writer): Promise<Session> {
  const assume = { RoleArn, RoleSessionName: 'writer' };
  const narrowed = policy === undefined ? {} : { Policy: JSON.stringify(policy) };
  const { Credentials: given } = await new STSClient(asRoot).send(new AssumeRoleCommand({ ...assume, ...narrowed }));
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = given ?? {};
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

/** @returns `written`, or the name of the refusal */
async function putAs(credentials: Session, Key: string, more: { IfNoneMatch?: string } = {}): Promise<string> {
  const client = new S3Client({ ...asRoot, credentials, forcePathStyle: true });
  return client.send(new PutObjectCommand({ Bucket: 'bed', Key, Body: '{}', ...more })).then(
    () => 'written',
    (error: Error) => error.name,
  );
}

test('wiring bed: functions run on our Node, each with a key of its own', async () => {
  const { Payload } = await new LambdaClient(asRoot).send(new InvokeCommand({ FunctionName: 'bed' }));
  const answer = JSON.parse(Buffer.from(Payload ?? []).toString());
  assert.equal(answer.node, process.version);
  assert.match(answer.keyId, /^ASIA/);
});

test('wiring bed: a stream brings what its filter lets through, and a batch with a failed record again', async () => {
  const table = new DynamoDBClient(asRoot);
  for (const pk of ['other/1', 'stream/1']) {
    await table.send(new PutItemCommand({ TableName: 'bed', Item: { pk: { S: pk }, sk: { S: 'row' } } }));
  }
  await until(() => existsSync(seen) && readFileSync(seen, 'utf8').trim().split('\n').length === 2);
  const batches = readFileSync(seen, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const keys = batches.map(({ Records }) => Records.map((one: StreamRecord) => one.dynamodb.Keys.pk.S));
  assert.deepEqual(keys, [['stream/1'], ['stream/1']]);
});

test('wiring bed: an object is announced with its version, policies of bucket and role refuse', async () => {
  const written = await new S3Client({ ...asRoot, forcePathStyle: true }).send(
    new PutObjectCommand({ Bucket: 'bed', Key: 'inbox/a b.json', Body: '{}', IfNoneMatch: '*' }),
  );
  const { Records = [] } = await message((one) => one.Records !== undefined);
  const { key, versionId } = Records[0]?.s3.object ?? {};
  assert.deepEqual([key, versionId], ['inbox/a+b.json', written.VersionId]);

  const policy = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: 'arn:aws:s3:::bed/own/*' }],
  };
  assert.equal(await putAs(await session(), 'own/1'), 'written', 'the role may, and the demand for TLS is met');
  assert.equal(await putAs(await session(), 'closed/1'), 'AccessDenied', 'the policy of the bucket');
  assert.equal(await putAs(await session(policy), 'own/2'), 'written');
  assert.equal(await putAs(await session(policy), 'other/2'), 'AccessDenied', 'the policy of the session');
});

test('wiring bed: conditions hold for the header of a write, and for the role of a session', async () => {
  const writer = await session();
  assert.equal(await putAs(writer, 'once/1', { IfNoneMatch: '*' }), 'written');
  assert.equal(await putAs(writer, 'once/2'), 'AccessDenied');
  assert.equal(await putAs(writer, 'writers/1'), 'written');
  assert.equal(await putAs(writer, 'others/1'), 'AccessDenied');
  const { UserId } = await new STSClient({ ...asRoot, credentials: writer }).send(new GetCallerIdentityCommand({}));
  assert.equal(await putAs(writer, `home/${UserId}/1`), 'written', 'the id of who asks is filled in');
  assert.equal(await putAs(writer, 'home/AROAANOTHER:writer/1'), 'AccessDenied');
});

test('wiring bed: what is signed with another secret is refused', async () => {
  const credentials = { ...(await session()), secretAccessKey: 'another' };
  assert.equal(await putAs(credentials, 'own/3'), 'SignatureDoesNotMatch');
});

test('wiring bed: both kinds of keys sign what others verify', async () => {
  const kms = new KMSClient(asRoot);
  const message = Buffer.from('waybill');
  const digest = createHash('sha256').update(message).digest();
  const kinds = [
    { KeyId: outputs.Attest, Message: digest, MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' },
    { KeyId: outputs.Log, Message: message, MessageType: 'RAW', SigningAlgorithm: 'ED25519_SHA_512' },
  ] as const;
  for (const { KeyId = '', ...ask } of kinds) {
    const { Signature = new Uint8Array() } = await kms.send(new SignCommand({ KeyId, ...ask }));
    const { PublicKey = new Uint8Array() } = await kms.send(new GetPublicKeyCommand({ KeyId }));
    const key = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
    assert.ok(verify(ask.MessageType === 'RAW' ? null : 'sha256', message, key, Signature), ask.SigningAlgorithm);
  }
});

test('wiring bed: a FIFO queue holds a group back while one of its messages is read, and takes a message once', async () => {
  const queue = new SQSClient(asRoot);
  const QueueUrl = outputs.Ordered;
  for (const MessageDeduplicationId of ['1', '1', '2']) {
    await queue.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: MessageDeduplicationId,
        MessageGroupId: 'g',
        MessageDeduplicationId,
      }),
    );
  }
  const bodies = async (): Promise<(string | undefined)[]> =>
    ((await queue.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))).Messages ?? []).map(
      ({ Body }) => Body,
    );
  assert.deepEqual(await bodies(), ['1', '2']);
  assert.deepEqual(await bodies(), []);
});

test('wiring bed: an attempt is launched once, parked with its token, and stopped', async () => {
  bed.setContainers({
    blocks: { command: ['sh', '-c', 'echo $$ > {volume}/blocks.started; exec sleep 600'] },
    wrapper: { command: ['sh', '-c', 'echo $ATTEMPT $FIXED $AWS_CONTAINER_CREDENTIALS_FULL_URI; exec sleep 600'] },
  });
  const machine = new SFNClient(asRoot);
  const input = JSON.stringify({ attempt: 'one', timeoutSeconds: 600 });
  const { executionArn } = await machine.send(
    new StartExecutionCommand({ stateMachineArn: outputs.Machine, name: 'one', input }),
  );
  const table = new DynamoDBClient(asRoot);
  const Key = { pk: { S: 'attempt/one' }, sk: { S: 'execution' } };
  let row: Record<string, { S?: string }> = {};
  await until(async () => {
    row = ((await table.send(new GetItemCommand({ TableName: 'bed', Key }))).Item as typeof row) ?? {};
    return row.token !== undefined;
  });
  const task = row.task?.S ?? '';
  assert.equal(await runTask('one'), task, 'the client token is known');
  await until(async () => (await status(task)) === 'RUNNING' && written(task, 'wrapper.log') !== '');
  assert.equal(written(task, 'wrapper.log'), 'one yes\n', 'what was set, and no way to credentials');
  const answer = new SendTaskSuccessCommand({ taskToken: row.token?.S, output: '{"sealed":true}' });
  const ofAnother = { Effect: 'Allow', Action: 'states:*', Resource: `${outputs.Machine}-another` };
  const narrowed = await session({ Version: '2012-10-17', Statement: [ofAnother] });
  await assert.rejects(new SFNClient({ ...asRoot, credentials: narrowed }).send(answer), /AccessDenied/);
  await new SFNClient({ ...asRoot, credentials: await session() }).send(answer);
  await until(async () => (await machine.send(new DescribeExecutionCommand({ executionArn }))).status === 'SUCCEEDED');
  const detail = await stopOf(task);
  assert.deepEqual(
    [detail.stopCode, detail.startedBy, detail.stoppedReason],
    ['UserInitiated', 'one', 'the attempt is over'],
  );
  const blocks = Number(written(task, 'blocks.started'));
  assert.throws(() => process.kill(blocks, 0), /ESRCH/, 'both containers are gone');
});

test('wiring bed: the time of a wait comes from the input', async () => {
  bed.setContainers({ blocks: { command: ['sleep', '600'] }, wrapper: { command: ['sleep', '600'] } });
  const machine = new SFNClient(asRoot);
  const input = JSON.stringify({ attempt: 'two', timeoutSeconds: 1 });
  const { executionArn } = await machine.send(
    new StartExecutionCommand({ stateMachineArn: outputs.Machine, name: 'two', input }),
  );
  await until(async () => (await machine.send(new DescribeExecutionCommand({ executionArn }))).status === 'SUCCEEDED');
  const { output } = await machine.send(new DescribeExecutionCommand({ executionArn }));
  assert.equal(JSON.parse(output ?? '').error.Error, 'States.Timeout');
});

test('wiring bed: who starts an execution on an alias is asked for permission on the machine, with the alias as a condition', async () => {
  bed.setContainers({ blocks: { command: ['sleep', '600'] }, wrapper: { command: ['sleep', '600'] } });
  const machine = new SFNClient(asRoot);
  const stateMachineArn = outputs.Machine ?? '';
  const { stateMachineVersionArn } = await machine.send(new PublishStateMachineVersionCommand({ stateMachineArn }));
  const routingConfiguration = [{ stateMachineVersionArn, weight: 100 }];
  for (const name of ['live', 'old']) {
    await machine.send(new CreateStateMachineAliasCommand({ name, routingConfiguration }));
  }
  const condition = { 'ForAnyValue:StringEquals': { 'states:StateMachineQualifier': ['live'] } };
  const roles = {
    OnAlias: starter({ Resource: `${stateMachineArn}:live` }),
    OnMachine: starter({ Resource: stateMachineArn, Condition: condition }),
  };
  const arnOf = (role: string) => ({ Value: { 'Fn::GetAtt': [role, 'Arn'] } });
  const Outputs = { OnAlias: arnOf('OnAlias'), OnMachine: arnOf('OnMachine') };
  const arns = await stackOf('starters', JSON.stringify({ Resources: roles, Outputs }));
  const startAs = async (role: string, alias: string): Promise<string> => {
    const credentials = await session(undefined, arns[role]);
    const input = JSON.stringify({ attempt: `${role}-${alias}`, timeoutSeconds: 1 });
    const start = new StartExecutionCommand({ stateMachineArn: `${stateMachineArn}:${alias}`, input });
    return new SFNClient({ ...asRoot, credentials }).send(start).then(
      () => 'started',
      (error: Error) => error.name,
    );
  };
  assert.equal(await startAs('OnMachine', 'live'), 'started');
  assert.match(await startAs('OnMachine', 'old'), /^AccessDenied/);
  assert.match(await startAs('OnAlias', 'live'), /^AccessDenied/);
});

test('wiring bed: who makes or removes a schedule is asked for permission on it in its group', async () => {
  const Action = ['scheduler:CreateSchedule', 'scheduler:DeleteSchedule'];
  const Role = allowing({ Action, Resource: 'arn:aws:scheduler:*:*:schedule/mine/*' });
  const Outputs = { Role: { Value: { 'Fn::GetAtt': ['Role', 'Arn'] } } };
  const { Role: RoleArn = '' } = await stackOf('schedulers', JSON.stringify({ Resources: { Role }, Outputs }));
  const credentials = await session(undefined, RoleArn);
  const [owner, role] = [new SchedulerClient(asRoot), new SchedulerClient({ ...asRoot, credentials })];
  const answer = (call: Promise<object>): Promise<string> =>
    call.then(
      () => 'done',
      (error: Error) => error.name,
    );
  for (const GroupName of ['mine', 'other']) {
    const expected = GroupName === 'mine' ? /^done$/ : /^AccessDenied/;
    await owner.send(new CreateScheduleGroupCommand({ Name: GroupName }));
    const Target = { Arn: 'arn:aws:lambda:eu-west-1:000000000000:function:none', RoleArn };
    const FlexibleTimeWindow = { Mode: 'OFF' } as const;
    const schedule = { GroupName, Name: 'one', ScheduleExpression: 'cron(0 0 1 1 ? 2199)', FlexibleTimeWindow, Target };
    assert.match(await answer(role.send(new CreateScheduleCommand(schedule))), expected);
    await answer(owner.send(new CreateScheduleCommand(schedule)));
    assert.match(await answer(role.send(new DeleteScheduleCommand({ GroupName, Name: 'one' }))), expected);
  }
});

function starter(allowed: object): object {
  return allowing({ Action: 'states:StartExecution', ...allowed });
}

function allowing(allowed: object): object {
  const trust = { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' };
  const may = { Effect: 'Allow', ...allowed };
  const document = (statement: object) => ({ Version: '2012-10-17', Statement: [statement] });
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: document(trust),
      Policies: [{ PolicyName: 'own', PolicyDocument: document(may) }],
    },
  };
}

test('wiring bed: the end of the essential container ends the task, with its exit code', async () => {
  bed.setContainers({ blocks: { command: ['sleep', '600'] }, wrapper: { command: ['sh', '-c', 'exit 7'] } });
  const task = await runTask('three');
  const detail = await stopOf(task);
  assert.equal(detail.stopCode, 'EssentialContainerExited');
  const containers = detail.containers as { name: string; exitCode: number }[];
  assert.equal(containers.find(({ name }) => name === 'wrapper')?.exitCode, 7);
  assert.throws(() => process.kill(Number(written(task, 'blocks.pid')), 0), /ESRCH/, 'the other container is gone');
});

test('wiring bed: a container without an image fails the start of its task', async () => {
  bed.setContainers({ blocks: { command: ['sleep', '600'] } });
  const task = await runTask('four');
  const detail = await stopOf(task);
  assert.equal(detail.stopCode, 'TaskFailedToStart');
  assert.throws(() => process.kill(Number(written(task, 'blocks.pid')), 0), /ESRCH/);
});

test('wiring bed: StopTask ends a container that does not listen', async () => {
  bed.setContainers({
    blocks: { command: ['sleep', '600'] },
    wrapper: { command: ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 1; done'] },
  });
  const task = await runTask('five');
  await until(() => written(task, 'wrapper.log') === 'up\n');
  await new ECSClient(asRoot).send(new StopTaskCommand({ cluster: CLUSTER, task }));
  assert.throws(() => process.kill(Number(written(task, 'wrapper.pid')), 0), /ESRCH/);
});

/** Pids of processes that work in a directory. */
function atWorkIn(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
    } catch {
      return false;
    }
  });
}

test('wiring bed: it ends by itself when the test that started it is killed', async () => {
  const begin = `const { start } = await import(${JSON.stringify(join(import.meta.dirname, 'beds', 'ministack.ts'))});
    console.log((await start()).directory);`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', begin], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(starter.stdout.setEncoding('utf8'), 'data')) as [string];
  const directory = line.trim();
  assert.equal(atWorkIn(directory).length, 1);
  starter.kill('SIGKILL');
  await until(() => atWorkIn(directory).length === 0);
  rmSync(directory, { recursive: true });
});
