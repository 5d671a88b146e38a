/** Runs that something happens to. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { ECSClient, ListTasksCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { paginateListExecutions, SFNClient } from '@aws-sdk/client-sfn';
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { cancelRun } from '@waybill/client/operator';
import { toldOf } from '#lambdas/shared/platform-events.ts';
import { until } from '../support/processes.ts';
import type { World } from './deployed-world.ts';
import { accepted, asRoot, assertVerified, isEmpty, item, living, type Scenarios, specOf, states } from './scenario.ts';

/** Both functions that take events in are told again of what is long done with; every message of theirs is worked off. */
async function eventsAgain(world: World): Promise<void> {
  const { names } = world.deployed;
  const before = await world.status('first');
  assert.ok(before?.bundle);
  const machines = new SFNClient(asRoot(world));
  const started = async (): Promise<number> => {
    const pages = paginateListExecutions({ client: machines }, { stateMachineArn: names.arn.machine('default') });
    return (await Array.fromAsync(pages)).flatMap(({ executions = [] }) => executions).length;
  };
  const executions = await started();
  const key = `inbox/default/${world.transport.principal}/first.json`;
  // The object was taken away when its receipt was written, with its only version.
  const startedBy = item(before, 'greet').attempts[0]?.id;
  const stopped = { lastStatus: 'STOPPED', startedBy, stopCode: 'SpotInterruption', containers: [] };
  const ended = { name: `a-${startedBy}`, status: 'ABORTED' };
  await workedOff(world, 'submit', [toldOf(key, randomBytes(16).toString('hex'))]);
  await workedOff(world, 'settle', [
    { 'detail-type': 'ECS Task State Change', detail: stopped },
    { 'detail-type': 'Step Functions Execution Status Change', detail: ended },
  ]);
  assert.equal(await started(), executions);
  assert.deepEqual(await world.status('first'), before);
  const runs = await world.transport.listRuns(100);
  assert.equal(runs.filter(({ submissionId }) => submissionId === 'first').length, 1);
}

/** Brings events to a function's queue, and waits until it has taken them and everything else from there without a failure. */
async function workedOff(world: World, queue: 'submit' | 'settle', events: readonly object[]): Promise<void> {
  const client = new SQSClient(asRoot(world));
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: world.deployed.names.queue(queue) }));
  const taken = (): number =>
    world
      .invocations()
      .filter((one) => one.function === world.deployed.names.functionName(queue) && one.failed === false)
      .reduce((sum, { records = 0 }) => sum + records, 0);
  const before = taken();
  for (const event of events) {
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(event) }));
  }
  await until(async () => (await isEmpty(world, queue)) && taken() >= before + events.length);
}

async function takenAway(world: World): Promise<void> {
  await accepted(world, specOf('taken', [{ id: 'a', script: '[ "$WAYBILL_ATTEMPT" -gt 1 ] || sleep 600' }]), 'taken');
  await world.reached('taken', 'running', () => living(world, 'blocks').length === 1);
  const cluster = world.deployed.names.cluster;
  const ecs = new ECSClient(asRoot(world));
  const { taskArns = [] } = await ecs.send(new ListTasksCommand({ cluster }));
  assert.equal(taskArns.length, 1);
  await ecs.send(new StopTaskCommand({ cluster, task: taskArns[0], reason: 'the host is retired' }));
  const status = await world.sealed('taken');
  assert.deepEqual(
    [status.state, item(status, 'a').attempts.map(({ outcome, reason }) => [outcome, reason])],
    [
      'done',
      [
        ['lost', 'interrupted'],
        ['succeeded', 'ok'],
      ],
    ],
  );
  await assertVerified(world, status);
}

async function killedWorker(world: World): Promise<void> {
  await accepted(world, specOf('killed', [{ id: 'a', script: 'sleep 600' }]), 'killed');
  await world.reached(
    'killed',
    'running',
    () => living(world, 'wrapper').length === 1 && living(world, 'blocks').length === 1,
  );
  for (const pid of living(world, 'wrapper')) process.kill(-pid, 'SIGKILL');
  const status = await world.sealed('killed');
  const [attempt] = item(status, 'a').attempts;
  assert.deepEqual([status.state, attempt?.outcome, attempt?.reason], ['failed', 'failed', 'out_of_memory']);
  await assertVerified(world, status);
}

async function neverStarts(world: World): Promise<void> {
  world.bed.setContainers({});
  try {
    await accepted(world, specOf('unstarted', [{ id: 'a', script: 'true' }]), 'unstarted');
    await world.reached('unstarted', 'lost once', (status) =>
      item(status, 'a').attempts.some(({ outcome }) => outcome === 'lost'),
    );
  } finally {
    world.bed.setContainers(world.programs.containers);
  }
  const status = await world.sealed('unstarted');
  assert.equal(status.state, 'done');
  assert.equal(item(status, 'a').attempts.at(-1)?.outcome, 'succeeded');
  await assertVerified(world, status);
}

async function cancelled(world: World): Promise<void> {
  const script = 'touch begun-cancelled; sleep 600';
  const run = await accepted(world, specOf('cancelled', [{ id: 'a', script }]), 'cancelled');
  const own = (): number[] => living(world, 'wrapper', 'begun-cancelled');
  await world.reached('cancelled', 'running', () => own().length === 1);
  const receipt = await cancelRun(world.transport, { run });
  assert.equal(receipt.status, 'accepted');
  const status = await world.sealed('cancelled');
  assert.deepEqual([status.state, states(status)], ['cancelled', { a: 'cancelled' }]);
  await assertVerified(world, status);
  await world.reached('cancelled', 'stopped', () => own().length === 0);
}

export const TROUBLE: Scenarios = {
  'events that come again change nothing': eventsAgain,
  'a task that is taken away is a lost attempt, and the next one succeeds': takenAway,
  'a worker that is killed is a failed attempt that says why it may have been': killedWorker,
  'a task that never starts is a lost attempt too': neverStarts,
};

export const CANCELLED: Scenarios = {
  'a run that is cancelled in flight ends, and nothing of it goes on': cancelled,
};
