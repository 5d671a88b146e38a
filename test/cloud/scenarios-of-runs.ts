/** Runs that come to their end as they should. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { DescribeExecutionCommand, ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import type { RunStatus, SlotStatus } from '@waybill/client';
import { addSchedule, steerSchedule } from '@waybill/client/operator';
import { workerExecutable } from '../../lib/worker-executable.ts';
import { until } from '../support/processes.ts';
import { DEFAULT_IMAGE, OTHER_IMAGE } from './deploy.ts';
import type { World } from './deployed-world.ts';
import {
  accepted,
  asRoot,
  assertVerified,
  executablesOf,
  item,
  living,
  type Scenarios,
  specOf,
  states,
} from './scenario.ts';

/** A schedule of each minute may have to wait for the next one, and functions for their start. */
const PATIENT = { timeoutMs: 180_000 };

async function oneObject(world: World): Promise<void> {
  const run = await accepted(
    world,
    specOf('first', [{ id: 'greet', script: 'echo good day > greeting.txt', what: 'patch' }]),
    'first',
  );
  const status = await world.sealed('first');
  assert.deepEqual([status.state, states(status)], ['done', { greet: 'done' }]);
  const [attempt] = item(status, 'greet').attempts;
  assert.equal(attempt?.outcome, 'succeeded');

  const rows = await new DynamoDBClient(asRoot(world)).send(
    new QueryCommand({
      TableName: world.deployed.names.table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: `run/${run}` } },
    }),
  );
  assert.ok((rows.Count ?? 0) > 0, 'rows of the run');
  const machines = new SFNClient(asRoot(world));
  const { executions = [] } = await machines.send(
    new ListExecutionsCommand({ stateMachineArn: world.deployed.names.arn.machine('default') }),
  );
  assert.deepEqual(
    executions.map(({ name }) => name),
    [`a-${attempt?.id}`],
  );

  const patch = attempt?.outputs.find(({ kind }) => kind === 'patch');
  assert.ok(patch, JSON.stringify(attempt?.outputs));
  const parts: Uint8Array[] = [];
  for await (const part of await world.transport.openArtifact(patch.sha256)) parts.push(part);
  assert.match(Buffer.concat(parts).toString(), /^-hello\n\+good day$/m);
  // The attempt is over: nothing is left of what it showed, and asking is no error.
  assert.equal(await world.transport.openLiveLog(attempt?.id ?? '', 0), null);
  await assertVerified(world, status);
  const { executionArn } = executions[0] ?? {};
  let ended: string | undefined;
  await until(async () => {
    ended = (await machines.send(new DescribeExecutionCommand({ executionArn }))).status;
    return ended !== 'RUNNING';
  });
  assert.equal(ended, 'SUCCEEDED', 'the execution always stops its task and ends');
  assert.deepEqual([living(world, 'wrapper'), living(world, 'blocks')], [[], []]);
}

async function fortyRuns(world: World): Promise<void> {
  const ids = Array.from({ length: 40 }, (_, n) => `many-${n}`);
  await Promise.all(
    ids.map((id) => accepted(world, specOf(id, [{ id: 'a', script: `echo ${id} > "$WAYBILL_OUTPUTS/name"` }]), id)),
  );
  // One after the other: forty who ask for their status would keep the emulator from anything else.
  const all: RunStatus[] = [];
  for (const id of ids) all.push(await world.sealed(id));
  assert.deepEqual(
    all.map(({ state }) => state),
    ids.map(() => 'done'),
  );
  assert.deepEqual(
    all.map((status) => item(status, 'a').attempts.length),
    ids.map(() => 1),
  );
  await assertVerified(world, all.at(-1) as RunStatus);
}

async function otherEnvironment(world: World): Promise<void> {
  const script = 'echo made > "$WAYBILL_OUTPUTS/name"';
  const spec = specOf('elsewhere', [
    { id: 'plain', script },
    { id: 'named', script, environment: 'other' },
  ]);
  const run = await accepted(world, spec, 'elsewhere');
  const status = await world.sealed('elsewhere');
  assert.deepEqual(states(status), { plain: 'done', named: 'done' });
  const { executions = [] } = await new SFNClient(asRoot(world)).send(
    new ListExecutionsCommand({ stateMachineArn: world.deployed.names.arn.machine('other') }),
  );
  assert.deepEqual(
    executions.map(({ name }) => name),
    [`a-${item(status, 'named').attempts[0]?.id}`],
  );
  await assertVerified(world, status);
  const digests = [DEFAULT_IMAGE, OTHER_IMAGE].map((image) => workerExecutable(world.programs.worker, image));
  assert.deepEqual(new Set(executablesOf(join(world.directory, `${run}.jsonl`))), new Set(digests));

  const unknown = await world.submit(specOf('nowhere', [{ id: 'a', script, environment: 'another' }]), 'nowhere');
  assert.equal(unknown.status, 'invalid');
  assert.deepEqual(
    unknown.reasons.map(({ code, fix }) => [code, fix]),
    [['ENVIRONMENT_UNKNOWN', 'Use one of default, other.']],
  );
}

async function failedItem(world: World): Promise<void> {
  await accepted(
    world,
    specOf('failing', [
      { id: 'bad', script: 'exit 3' },
      { id: 'after', script: 'true', dependsOn: ['bad'] },
      { id: 'apart', script: `echo '{"ok":true}' > "$WAYBILL_OUTPUTS/v.json"` },
      { id: 'asked', script: 'true', when: { from: 'apart', output: 'v.json', at: '/ok', equals: true } },
    ]),
    'failing',
  );
  const status = await world.sealed('failing');
  assert.deepEqual(
    [status.state, states(status)],
    ['failed', { bad: 'failed', after: 'skipped', apart: 'done', asked: 'done' }],
  );
  assert.equal(item(status, 'bad').attempts[0]?.exit, 3);
  await assertVerified(world, status);
}

async function slotOfSchedule(world: World): Promise<void> {
  const { transport, directory } = world;
  const ask = async (verb: 'pause' | 'resume' | 'trigger' | 'rm'): Promise<string | undefined> => {
    const { status, run } = await steerSchedule(transport, { schedule: 'each-minute', do: verb }, PATIENT);
    assert.equal(status, 'accepted', verb);
    return run;
  };
  const { spec } = specOf('', [{ id: 'a', script: 'true' }]) as { spec: object };
  const schedule = (timing: object): object => {
    const metadata = { name: 'each-minute' };
    return { apiVersion: 'waybill/v1', kind: 'Schedule', metadata, spec: { timeZone: 'UTC', ...timing, run: spec } };
  };
  const file = join(directory, 'each-minute.json');
  writeFileSync(file, JSON.stringify(schedule({ cron: '0 0 1 1 *' })));
  const { exit, said } = await world.waybill('schedule', 'add', file);
  assert.equal(exit, 0, said);
  const everyMinute = Buffer.from(JSON.stringify(schedule({ cron: '* * * * *' })));
  const { status: replaced } = await addSchedule(transport, everyMinute, { baseDir: directory, ...PATIENT });
  assert.equal(replaced, 'accepted');
  await ask('pause');
  const triggered = [await ask('trigger')];
  await ask('resume');
  triggered.push(await ask('trigger'));
  let [slot, byHand]: [SlotStatus | undefined, SlotStatus[]] = [undefined, []];
  const deadline = performance.now() + PATIENT.timeoutMs;
  while ((slot === undefined || byHand.length < triggered.length) && performance.now() < deadline) {
    await delay(1_000);
    const shown = (await transport.readSchedules())?.schedules[0]?.slots ?? [];
    const answered = shown.filter(({ status }) => status !== undefined);
    slot = answered.find(({ how }) => how === 'slot');
    byHand = answered.filter(({ how }) => how === 'trigger');
  }
  assert.deepEqual(
    byHand.map(({ run, status }) => [run, status]),
    triggered.map((run) => [run, 'accepted']),
  );
  await ask('rm');
  assert.deepEqual((await transport.readSchedules())?.schedules, []);
  const { submissionId = '', status, at = '' } = slot ?? {};
  assert.deepEqual([submissionId.slice(0, 17), status, at.slice(16)], ['slot-each-minute-', 'accepted', ':00.000Z']);
  const run = await world.sealed(submissionId);
  assert.deepEqual([run.name, run.state], ['each-minute', 'done']);
  await assertVerified(world, run);
  for (const { submissionId: id } of byHand) assert.equal((await world.sealed(id)).state, 'done', id);
}

async function fanIn(world: World): Promise<void> {
  const makers = Array.from({ length: 100 }, (_, n) => ({
    id: `make-${n}`,
    script: `echo ${n} > "$WAYBILL_OUTPUTS/part"`,
  }));
  const needs = Object.fromEntries(makers.map(({ id }, n) => [`in-${n}`, { from: id, select: { output: 'part' } }]));
  const script = 'test "$(cat "$WAYBILL_INPUTS"/in-* | awk \'{ sum += $1 } END { print NR, sum }\')" = "100 4950"';
  await accepted(world, specOf('fan-in', [...makers, { id: 'sum', script, needs }]), 'fan-in');
  const status = await world.sealed('fan-in');
  assert.equal(status.state, 'done', JSON.stringify(item(status, 'sum')));
  const machines = new SFNClient(asRoot(world));
  const executions = world.deployed.names.arn.machine('default').replace(':stateMachine:', ':execution:');
  const executionArn = `${executions}:a-${item(status, 'sum').attempts[0]?.id}`;
  const { input = '' } = await machines.send(new DescribeExecutionCommand({ executionArn }));
  assert.ok(input.length > 0 && input.length < 8_192, `${input.length} characters`);
  await assertVerified(world, status);
}

export const RUNS: Scenarios = {
  'one object in the inbox becomes a patch, a sealed run and a bundle that verifies': oneObject,
  'forty runs at once are all done, each with its own execution': fortyRuns,
  'an item runs in the environment that it names, and its manifest says so': otherEnvironment,
  'what depends on a failed item is skipped, the rest is done': failedItem,
};

/** What leaves time for others: a slot comes with the next minute. */
export const BESIDE: Scenarios = {
  'a schedule is added, replaced, paused, triggered and resumed, and its next slot becomes a run of its owner':
    slotOfSchedule,
  'a hundred inputs reach one item, whose execution is given names only': fanIn,
};
