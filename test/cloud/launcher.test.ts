/** The launcher on Step Functions and ECS, with the very definition that is deployed, on the wiring bed. */
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
import { CreateStateMachineCommand, DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { RetryableError } from '@waybill/client/errors';
import { digestOf } from '@waybill/verify';
import { attemptOfHandle } from '#adapters/aws/execution-name.ts';
import { createMachineLauncher, type MachineLauncher } from '#adapters/aws/launcher.ts';
import { stopNoticeOf } from '#adapters/aws/stop-notice.ts';
import { NOT_PLACED } from '#core/launch-errors.ts';
import { type ExecutionRow, workOf } from '#core/row-changes.ts';
import type { LaunchOrder, StopNotice } from '#ports/launcher.ts';
import { attemptMachine } from '../../lib/attempt-machine.ts';
import { type LauncherBed, launcherSuite } from '../conformance/launcher.suite.ts';
import { until } from '../support/processes.ts';
import { type Ministack, start } from './beds/ministack.ts';
import { createTable } from './table.ts';

const TABLE = 'rows';
const CLUSTER = 'workers';
/** Stands for the worker; what it does is told by its lease URL. */
const STAND_IN = `
import { writeFileSync } from 'node:fs';
const behaviour = process.env.WAYBILL_LEASE_URL.split('/').at(-1);
process.on('SIGTERM', () => { if (behaviour !== 'ignores-term') process.exit(143); });
writeFileSync('started-' + process.env.WAYBILL_ATTEMPT_ID, '');
if (behaviour === 'ends-well') process.exit(0);
if (behaviour === 'ends-badly') process.exit(40);
setInterval(() => {}, 1000);
`;

let bed: Ministack;
let rows: DynamoDBClient;
let machines: SFNClient;
let machine: string;
let machineRole: string;
let queue: string;
/** Who hears of the notices of the case that runs now. */
let listener: (notice: StopNotice) => Promise<void> = async () => {};
const stopped = new AbortController();
let driving: Promise<void>;

const DEFINITION = JSON.stringify(
  attemptMachine({
    partition: 'aws',
    cluster: CLUSTER,
    taskDefinition: 'worker',
    subnets: ['subnet-1'],
    securityGroups: ['sg-1'],
    table: TABLE,
  }),
);

const made = (change: object = {}): MachineLauncher =>
  createMachineLauncher({
    machines,
    rows,
    table: TABLE,
    machine,
    isolation: 'container',
    executable: digestOf('worker'),
    nowMs: () => Date.now(),
    ...change,
  });

before(async () => {
  bed = await start();
  const asRoot = { endpoint: bed.url, region: bed.region, credentials: bed.credentials };
  rows = new DynamoDBClient(asRoot);
  machines = new SFNClient(asRoot);
  await createTable(rows, TABLE);
  ({ Role: machineRole = '', Queue: queue = '' } = await deployed(new CloudFormationClient(asRoot)));
  machine = await newMachine('attempt', DEFINITION);
  const script = join(bed.directory, 'stand-in.mjs');
  writeFileSync(script, STAND_IN);
  bed.setContainers({ wrapper: { command: [process.execPath, script] } });
  driving = drive(new SQSClient(asRoot));
});

after(async () => {
  stopped.abort();
  await driving;
  await bed.stop();
});

async function newMachine(name: string, definition: string): Promise<string> {
  const { stateMachineArn = '' } = await machines.send(
    new CreateStateMachineCommand({ name, definition, roleArn: machineRole }),
  );
  return stateMachineArn;
}

/** What a launch needs beside the machine, and a queue of what the platform tells. */
async function deployed(cloudformation: CloudFormationClient): Promise<Record<string, string>> {
  const policy = (more: object) => ({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...more }] });
  const actions = ['ecs:RunTask', 'ecs:StopTask', 'ecs:ListTasks', 'dynamodb:UpdateItem'];
  const resource = (Type: string, Properties: object) => ({ Type: `AWS::${Type}`, Properties });
  const template = {
    Resources: {
      Role: resource('IAM::Role', {
        AssumeRolePolicyDocument: policy({ Principal: { Service: 'states.amazonaws.com' }, Action: 'sts:AssumeRole' }),
        Policies: [{ PolicyName: 'own', PolicyDocument: policy({ Action: actions, Resource: '*' }) }],
      }),
      Cluster: resource('ECS::Cluster', { ClusterName: CLUSTER }),
      Task: resource('ECS::TaskDefinition', {
        Family: 'worker',
        ContainerDefinitions: [{ Name: 'wrapper', Image: 'wrapper', Essential: true, StopTimeout: 2 }],
      }),
      Queue: resource('SQS::Queue', { QueueName: 'stopped' }),
      Rule: resource('Events::Rule', {
        EventPattern: { source: ['aws.ecs', 'aws.states'] },
        Targets: [{ Id: 'queue', Arn: { 'Fn::GetAtt': ['Queue', 'Arn'] } }],
      }),
    },
    Outputs: { Role: { Value: { 'Fn::GetAtt': ['Role', 'Arn'] } }, Queue: { Value: { Ref: 'Queue' } } },
  };
  const StackName = 'launcher';
  const TemplateBody = JSON.stringify(template);
  await cloudformation.send(new CreateStackCommand({ StackName, TemplateBody, Capabilities: ['CAPABILITY_IAM'] }));
  let outputs: Record<string, string> = {};
  await until(async () => {
    const [stack] = (await cloudformation.send(new DescribeStacksCommand({ StackName }))).Stacks ?? [];
    assert.ok(!/FAILED|ROLLBACK/.test(stack?.StackStatus ?? ''), stack?.StackStatusReason);
    outputs = Object.fromEntries((stack?.Outputs ?? []).map((one) => [one.OutputKey ?? '', one.OutputValue ?? '']));
    return stack?.StackStatus === 'CREATE_COMPLETE';
  });
  return outputs;
}

/** What the deployed functions do for an attempt that is launched: hear of ends, and let executions go on. */
async function drive(queues: SQSClient): Promise<void> {
  const seen = new Map<string, ExecutionRow>();
  while (!stopped.signal.aborted) {
    const { Items = [] } = await rows.send(new ScanCommand({ TableName: TABLE }));
    for (const item of Items) {
      const pk = item.pk?.S ?? '';
      const after: ExecutionRow = { released: item.released?.BOOL === true };
      if (item.token?.S !== undefined) after.token = item.token.S;
      const asked = workOf({ pk, sk: item.sk?.S ?? '', before: seen.get(pk) ?? null, after });
      for (const work of asked) if (work.do === 'complete-token') await made().completeToken(work.token);
      seen.set(pk, after);
    }
    const { Messages = [] } = await queues.send(
      new ReceiveMessageCommand({ QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }),
    );
    for (const { Body } of Messages) {
      const notice = stopNoticeOf(JSON.parse(Body ?? ''));
      if (notice !== null) await listener(notice);
    }
    await sleep(20);
  }
}

/** Settling is not tested here: a worker that has ended is released at once, as settling it would. */
async function open(): Promise<LauncherBed> {
  const launcher = made();
  const handles = new Map<string, string>();
  const told = new Set<string>();
  let hear: (notice: StopNotice) => void = () => {};
  listener = async (notice) => {
    const handle = handles.get(notice.attemptId);
    if (handle === undefined || told.has(notice.attemptId)) return;
    told.add(notice.attemptId);
    await launcher.stop(handle, 0);
    while ((await launcher.alive([handle])).has(handle)) await sleep(10);
    hear(notice);
  };
  const starts = (attemptId: string): number => globSync(`tasks/*/started-${attemptId}`, { cwd: bed.directory }).length;
  return {
    launcher: {
      probe: () => launcher.probe(),
      handleOf: (attemptId) => launcher.handleOf(attemptId),
      stop: (handle, graceMs) => launcher.stop(handle, graceMs),
      alive: (handles) => launcher.alive(handles),
      keep: (handle) => launcher.keep(handle),
      async launch(order) {
        const handle = await launcher.launch(order);
        handles.set(order.attemptId, handle);
        return handle;
      },
      onStopped(added) {
        hear = added;
      },
    },
    leaseUrl: (behaviour) => `https://mailbox.test/${behaviour}`,
    starts,
    async begun(attemptId) {
      while (starts(attemptId) === 0) await sleep(10);
    },
    restart: () => made(),
    broken: () => made({ machine: machine.replace(/attempt$/, 'no-such-machine') }),
    async close() {
      for (const handle of handles.values()) await launcher.stop(handle, 0);
      for (const handle of handles.values()) while ((await launcher.alive([handle])).has(handle)) await sleep(10);
      listener = async () => {};
    },
  };
}

launcherSuite('Step Functions and ECS', open, {
  lastingHandles: { supported: true },
  lastWords: { supported: false, reason: 'its log is in the mailbox and in CloudWatch' },
  secondLaunch: {
    supported: false,
    reason: 'no bed and no AWS starts a second execution under the name of one that has ended; the flow never asks',
  },
  stopWaits: false,
  // The emulator tells no other for a task that was stopped; ECS tells 143 and 137.
  stoppedExit: { asked: 0, forced: 0 },
  patienceMs: 30_000,
});

describe('launcher: Step Functions alone', () => {
  const order = (name: string, behaviour: string): LaunchOrder => ({
    attemptId: digestOf(name).slice(7, 39),
    leaseUrl: `https://mailbox.test/${behaviour}`,
    isolation: 'container',
    expiresAtMs: Date.now() + 600_000,
  });
  const row = async (attemptId: string) => {
    const Key = { pk: { S: `attempt/${attemptId}` }, sk: { S: 'execution' } };
    return (await rows.send(new GetItemCommand({ TableName: TABLE, Key, ConsistentRead: true }))).Item;
  };
  const statusOf = async (executionArn: string): Promise<string | undefined> =>
    (await machines.send(new DescribeExecutionCommand({ executionArn }))).status;

  it('an attempt that is released before it is parked goes on as soon as it is, and its task is stopped', async () => {
    const asked = order('early', 'obeys');
    const handle = await made().launch(asked);
    await made().stop(handle, 0);
    await until(async () => (await statusOf(handle)) === 'SUCCEEDED');
    const found = await row(asked.attemptId);
    assert.ok(found?.token?.S && found.task?.SS?.[0]?.includes(':task/'));
    assert.equal(found.released?.BOOL, true);
    assert.ok(Number(found.expires?.N) > Date.now() / 1000 + 86_400, 'kept for a while, then collected');
  });

  it('a wait that nobody ends is ended by its time, and its task is stopped', async () => {
    const asked = { ...order('forgotten', 'obeys'), expiresAtMs: Date.now() - 119_000 };
    const handle = await made().launch(asked);
    const notices: StopNotice[] = [];
    listener = async (notice) => void notices.push(notice);
    await until(() => notices.some(({ attemptId }) => attemptId === asked.attemptId));
    assert.equal(notices[0]?.cause, 'interrupted');
    await until(async () => (await statusOf(handle)) === 'SUCCEEDED');
  });

  it('a task that cannot be started ends the execution as failed, which is told as a start that failed', async () => {
    const definition = JSON.parse(DEFINITION);
    definition.States.Launch.Parameters.TaskDefinition = 'no-such-task';
    // Two minutes of them.
    delete definition.States.Launch.Retry;
    const broken = await newMachine('broken', JSON.stringify(definition));
    const asked = order('unstartable', 'obeys');
    const handle = await made({ machine: broken }).launch(asked);
    assert.equal(attemptOfHandle(handle), asked.attemptId);
    const ended = new DescribeExecutionCommand({ executionArn: handle });
    await until(async () => (await machines.send(ended)).status === 'FAILED');
    const { error, cause } = await machines.send(ended);
    const event = { detail: { name: `a-${asked.attemptId}`, status: 'FAILED', error, cause } };
    const notice = stopNoticeOf({ 'detail-type': 'Step Functions Execution Status Change', ...event });
    assert.equal(notice?.cause, 'start_failed');
    await assert.rejects(
      made({ machine: broken }).launch(asked),
      (thrown) => thrown instanceof RetryableError && thrown.code === 'LAUNCH_FAILED',
      'the name is spent',
    );
  });

  it('a launch that is answered without a task fails by name, with what ECS said', async () => {
    const definition = JSON.parse(DEFINITION);
    const Reason = "You've reached the limit on the number of vCPUs you can run concurrently";
    const Result = { Tasks: [], Failures: [{ Reason }] };
    definition.States.Launch = { Type: 'Pass', Result, ResultPath: '$.task', Next: 'Park' };
    for (const retry of definition.States.Park.Retry) retry.IntervalSeconds = 0;
    const full = await newMachine('full', JSON.stringify(definition));
    const executionArn = await made({ machine: full }).launch(order('unplaced', 'obeys'));
    await until(async () => (await statusOf(executionArn)) === 'FAILED');
    const { error, cause } = await machines.send(new DescribeExecutionCommand({ executionArn }));
    assert.deepEqual([error, JSON.parse(cause ?? '')], [NOT_PLACED, [{ Reason }]]);
  });

  it('what an execution is given is ids and one URL, and a URL that is too long for an override is refused', async () => {
    const asked = order('given', 'ends-well');
    await made().launch(asked);
    const started = bed.calls.filter(({ headers }) => headers['x-amz-target'] === 'AWSStepFunctions.StartExecution');
    const { input } = JSON.parse(started.at(-1)?.body ?? '') as { input: string };
    const { timeoutSeconds, heartbeatSeconds, ...given } = JSON.parse(input) as Record<string, unknown>;
    assert.deepEqual(given, { attemptId: asked.attemptId, leaseUrl: asked.leaseUrl });
    assert.equal(heartbeatSeconds, Number(timeoutSeconds) - 1, 'Step Functions takes none that is not smaller');
    assert.ok(Number(timeoutSeconds) > 715 && Number(timeoutSeconds) <= 720, 'two minutes more than the attempt has');
    const long = { ...asked, leaseUrl: `https://mailbox.test/${'x'.repeat(7_000)}` };
    await assert.rejects(
      made().launch(long),
      (thrown) => thrown instanceof RetryableError && /7000/.test(thrown.problem),
    );
  });

  it('no task is left behind', async () => {
    const ecs = new ECSClient({ endpoint: bed.url, region: bed.region, credentials: bed.credentials });
    await until(async () => {
      const { taskArns = [] } = await ecs.send(new ListTasksCommand({ cluster: CLUSTER, desiredStatus: 'RUNNING' }));
      return taskArns.length === 0;
    });
    assert.ok(readFileSync(join(bed.directory, 'containers.json'), 'utf8').includes('stand-in'));
  });
});
