/** Runs of which nobody is told what they wait for, until the clock makes somebody look. */
import assert from 'node:assert/strict';
import { globSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { LambdaClient, ListEventSourceMappingsCommand, UpdateEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import type { RunStatus } from '@waybill/client';
import { createTableRunStore } from '#adapters/aws/run-store.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { FunctionName } from '../../lib/deployment-names.ts';
import { until } from '../support/processes.ts';
import { callsByRole } from './callers.ts';
import type { World } from './deployed-world.ts';
import { operationOf } from './recorded-actions.ts';
import { accepted, asRoot, assertVerified, isEmpty, item, living, type Scenarios, specOf } from './scenario.ts';

/** What the reconciler asks services for when it does what events should have made others do. */
const WORK_OF_OTHERS = ['AssumeRole', 'StartExecution', 'SendTaskHeartbeat', 'SendTaskSuccess', 'Sign', 'UpdateItem'];

/** Keeps all events from these functions until `act` is over. Then they get them, late. */
async function withheldFrom(world: World, functions: readonly FunctionName[], act: () => Promise<void>): Promise<void> {
  const client = new LambdaClient(asRoot(world));
  const switched = async (Enabled: boolean): Promise<void> => {
    for (const name of functions) {
      const FunctionName = world.deployed.names.functionName(name);
      const { EventSourceMappings = [] } = await client.send(new ListEventSourceMappingsCommand({ FunctionName }));
      assert.ok(EventSourceMappings.length > 0, `${name} is told of something`);
      for (const { UUID } of EventSourceMappings) {
        await client.send(new UpdateEventSourceMappingCommand({ UUID, Enabled }));
      }
    }
  };
  await switched(false);
  try {
    await act();
  } finally {
    await switched(true);
  }
}

function invoked(world: World, functions: readonly FunctionName[], sinceMs: number): string[] {
  const names = functions.map((name) => world.deployed.names.functionName(name));
  return world
    .invocations()
    .filter((one) => names.includes(one.function) && one.elapsedMs !== undefined && one.startedMs >= sinceMs)
    .map((one) => one.function);
}

/** Operations that the reconciler has called from the n-th recorded call on. */
function reconciled({ bed, deployed: { names } }: World, from: number): Set<string> {
  const made = callsByRole(names, { calls: bed.calls, root: bed.credentials.accessKeyId });
  const late = new Set(bed.calls.slice(from));
  const own = made.filter(({ role, call }) => role === names.role('reconcile') && late.has(call));
  return new Set(own.map(({ call }) => new URLSearchParams(call.body).get('Action') ?? operationOf(call)));
}

/** The clock looks again and again, as it does each minute. */
async function reconciledUntil(world: World, holds: () => boolean | Promise<boolean>): Promise<void> {
  await until(async () => {
    await world.reconcile();
    return holds();
  });
}

const LONG_MS = 240_000;
const CATCH_UP_MS = 60_000;

const SCRIPT = [
  'touch begun-untold',
  'until test -e ended; do sleep 0.1; done',
  // Too much to travel in the result.
  'head -c 65536 /dev/zero > "$WAYBILL_OUTPUTS/made"',
].join('; ');

async function lostEvents(world: World): Promise<void> {
  const told = ['dispatch', 'settle'] as const;
  const { names } = world.deployed;
  let sealed: RunStatus | undefined;
  let lateMs = 0;
  await withheldFrom(world, told, async () => {
    const sinceMs = Date.now();
    const from = world.bed.calls.length;
    await accepted(world, specOf('untold', [{ id: 'a', script: SCRIPT }]), 'untold');
    let begun: string | undefined;
    await reconciledUntil(world, () => {
      [begun] = globSync('tasks/*/workspace/begun-untold', { cwd: world.bed.directory });
      return begun !== undefined;
    });

    const attemptId = await attemptOf(world, from);
    const rows = new DynamoDBClient(asRoot(world));
    const Key = { pk: { S: `attempt/${attemptId}` }, sk: { S: 'execution' } };
    await until(async () => {
      const { Item } = await rows.send(new GetItemCommand({ TableName: names.table, Key }));
      return Item?.token !== undefined;
    });
    await dispatchedLongAgo(rows, names.table, attemptId);
    await reconciledUntil(world, () => reconciled(world, from).has('SendTaskHeartbeat'));

    writeFileSync(join(world.bed.directory, dirname(begun ?? ''), 'ended'), '');
    await until(() => living(world, 'wrapper', 'begun-untold').length === 0);
    await world.reconcile();
    const status = await world.sealed('untold');
    sealed = status;
    assert.deepEqual(
      [status.state, item(status, 'a').attempts.map(({ id, outcome }) => [id, outcome])],
      ['done', [[attemptId, 'succeeded']]],
    );
    await assertVerified(world, status);
    const execution = `${names.arn.machine('default').replace(':stateMachine:', ':execution:')}:a-${attemptId}`;
    const machines = new SFNClient(asRoot(world));
    const describe = new DescribeExecutionCommand({ executionArn: execution });
    await until(async () => (await machines.send(describe)).status === 'SUCCEEDED');
    assert.deepEqual(invoked(world, told, sinceMs), [], 'nobody else did it');
    const done = reconciled(world, from);
    assert.deepEqual(
      WORK_OF_OTHERS.filter((operation) => !done.has(operation)),
      [],
    );
    // What is told from now on may come before the last of the switches is back.
    lateMs = Date.now();
  });
  // The emulator goes through all that the stream has brought meanwhile, a batch at each turn.
  await until(() => told.every((name) => invoked(world, [name], lateMs).length > 0), CATCH_UP_MS);
  await until(() => isEmpty(world, 'settle'));
  assert.deepEqual(await world.status('untold'), sealed, 'what comes when all is over changes nothing');
}

/** The reconciler leaves an attempt to its events for some minutes, which this has then been for. */
async function dispatchedLongAgo(rows: DynamoDBClient, table: string, attemptId: string): Promise<void> {
  const store = createTableRunStore({ client: rows, table });
  const [row] = await store.get([keys.attempt(attemptId)]);
  assert.ok(row);
  const { leaseUntilMs } = row.body as unknown as AttemptRow;
  const body = { ...row.body, leaseUntilMs: leaseUntilMs - LONG_MS };
  await store.transact([{ do: 'put', ...keys.attempt(attemptId), expect: row.version, body }]);
}

/** Of the one execution that the reconciler has started. */
async function attemptOf({ bed }: World, from: number): Promise<string> {
  const started = bed.calls.slice(from).filter((call) => operationOf(call) === 'StartExecution');
  assert.equal(started.length, 1);
  return /"a-([0-9a-f]{32})"/.exec(started[0]?.body ?? '')?.[1] ?? '';
}

export const LOST: Scenarios = {
  'an attempt of which no event tells is dispatched, kept, settled and taken away by the clock alone': lostEvents,
};
