/** The attempt machine as a graph: whoever may have a task, stops it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import validate from 'asl-validator';
import { launchErrors, NOT_PLACED } from '#core/launch-errors.ts';
import { attemptMachine } from '../../lib/attempt-machine.ts';

interface State {
  Type: string;
  Resource?: string;
  Next?: string;
  Default?: string;
  Choices?: { Variable: string; IsPresent?: boolean; Next: string }[];
  Catch?: { ErrorEquals: string[]; Next: string }[];
  Retry?: { ErrorEquals: string[]; MaxAttempts: number }[];
  TimeoutSeconds?: number;
  TimeoutSecondsPath?: string;
  HeartbeatSecondsPath?: string;
  Parameters?: Record<string, unknown>;
}

interface Machine {
  StartAt: string;
  States: Record<string, State>;
}

const made = (partition = 'aws'): Machine =>
  JSON.parse(
    JSON.stringify(
      attemptMachine({
        partition,
        cluster: 'arn:aws:ecs:eu-central-1:111122223333:cluster/waybill',
        taskDefinition: 'arn:aws:ecs:eu-central-1:111122223333:task-definition/waybill:3',
        subnets: ['subnet-1'],
        securityGroups: ['sg-1'],
        table: 'waybill',
      }),
    ),
  ) as Machine;

/** What a machine must not be, in words; empty when it is none of it. */
function faultsOf(machine: Machine): string[] {
  const states = Object.entries(machine.States);
  const faults = states.flatMap(([name, state]) => {
    if (state.Type !== 'Task') return [];
    const found: string[] = [];
    if (state.TimeoutSeconds === undefined && state.TimeoutSecondsPath === undefined) found.push(`${name}: no timeout`);
    const waits = state.Resource?.endsWith('.waitForTaskToken') === true;
    if (waits && state.HeartbeatSecondsPath === undefined) found.push(`${name}: waits without a heartbeat`);
    if (/ecs:(stopTask|listTasks)$/.test(state.Resource ?? '') && !state.Retry) found.push(`${name}: tried once only`);
    return found;
  });
  for (const path of pathsFrom(machine, machine.StartAt, [])) {
    const resources = path.map((name) => machine.States[name]?.Resource ?? '');
    const told = path.join(' -> ');
    const isLaunched = path[1] === 'Park';
    const isStopped = resources.some((resource) => resource.endsWith('ecs:stopTask'));
    if (isLaunched && !isStopped && !looksForTask(machine, path)) faults.push(`no stop: ${told}`);
    if (isLaunched) continue;
    // The launch failed: whether there is a task has to be looked up, and the execution must not end as if all were well.
    if (!resources.some((resource) => resource.endsWith('ecs:listTasks'))) faults.push(`no look for a task: ${told}`);
    if (machine.States[path.at(-1) ?? '']?.Type !== 'Fail') faults.push(`a failed launch ends well: ${told}`);
  }
  return faults;
}

/** A way that ends as a failure, by the default of a choice that found no task in the answer to the launch. */
function looksForTask(machine: Machine, path: readonly string[]): boolean {
  const [choice, end] = path.slice(-2).map((name) => machine.States[name]);
  const [found, ...others] = choice?.Choices ?? [];
  const isTask = found?.Variable === '$.task.Tasks[0]' && found.IsPresent === true && found.Next === 'Stop';
  return isTask && others.length === 0 && choice?.Default === path.at(-1) && end?.Type === 'Fail';
}

/** Every way through, by results, choices and caught errors. */
function pathsFrom(machine: Machine, name: string, before: string[]): string[][] {
  const state = machine.States[name];
  assert.ok(state !== undefined && !before.includes(name), `${name} is a state, and no way comes by it twice`);
  const path = [...before, name];
  const next = [
    state.Next,
    state.Default,
    ...(state.Choices ?? []).map((choice) => choice.Next),
    ...(state.Catch ?? []).map((caught) => caught.Next),
  ].filter((each) => each !== undefined);
  return next.length === 0 ? [path] : next.flatMap((each) => pathsFrom(machine, each, path));
}

const stateOf = (machine: Machine, name: string): State => {
  const state = machine.States[name];
  assert.ok(state !== undefined);
  return state;
};

describe('attempt machine', () => {
  it('is a definition that Amazon States Language allows', () => {
    const { isValid, errorsText } = validate(made());
    assert.ok(isValid, errorsText());
    const broken = made();
    stateOf(broken, 'Launch').Next = 'Nowhere';
    assert.equal(validate(broken).isValid, false);
  });

  it('every wait has an end, and every way stops the task that it may have started', () => {
    assert.deepEqual(faultsOf(made()), []);
  });

  const damages: Record<string, (machine: Machine) => void> = {
    'Launch: no timeout': (machine) => delete stateOf(machine, 'Launch').TimeoutSeconds,
    'Park: no timeout': (machine) => delete stateOf(machine, 'Park').TimeoutSecondsPath,
    'Park: waits without a heartbeat': (machine) => delete stateOf(machine, 'Park').HeartbeatSecondsPath,
    'Stop: tried once only': (machine) => delete stateOf(machine, 'Stop').Retry,
    'no stop: Launch -> Park': (machine) => {
      const park = stateOf(machine, 'Park');
      delete park.Next;
      machine.States.Park = { ...park, Catch: [] };
    },
    'no stop: Launch -> Park -> NotPlaced': (machine) => {
      for (const caught of stateOf(machine, 'Park').Catch ?? []) caught.Next = 'NotPlaced';
    },
    'no look for a task: Launch -> NotLaunched': (machine) => {
      for (const caught of stateOf(machine, 'Launch').Catch ?? []) caught.Next = 'NotLaunched';
    },
    'a failed launch ends well: Launch -> Find -> WasStarted -> NotLaunched': (machine) => {
      machine.States.NotLaunched = { Type: 'Succeed' };
    },
  };
  for (const [fault, damage] of Object.entries(damages)) {
    it(`the check finds what is wrong: ${fault}`, () => {
      const machine = made();
      damage(machine);
      assert.ok(faultsOf(machine).includes(fault), faultsOf(machine).join('; '));
    });
  }

  it('any error of a wait, and of a launch that is tried no more, goes where the task is stopped', () => {
    for (const name of ['Launch', 'Park'])
      assert.deepEqual(
        stateOf(made(), name).Catch?.map(({ ErrorEquals }) => ErrorEquals),
        [['States.ALL']],
        name,
      );
  });

  it('a launch is tried again under one client token, but not for what stays as it is', () => {
    const { Parameters, Retry = [] } = stateOf(made(), 'Launch');
    assert.equal(Parameters?.['ClientToken.$'], '$.attemptId');
    const attempts = (error: string): number | undefined =>
      Retry.find(({ ErrorEquals }) => ErrorEquals.includes(error) || ErrorEquals.includes('States.ALL'))?.MaxAttempts;
    for (const error of launchErrors('terminal')) assert.equal(attempts(error), 0, error);
    for (const error of [...launchErrors('retryable'), ...launchErrors('not_yet'), 'States.Timeout', 'ECS.Unheard'])
      assert.ok((attempts(error) ?? 0) > 0, error);
    assert.ok(launchErrors('terminal').length > 3 && launchErrors('not_yet').length > 3);
  });

  it('a park that DynamoDB puts off is tried again, and one whose time is over is not', () => {
    const { Retry = [] } = stateOf(made(), 'Park');
    const attempts = (error: string): number | undefined =>
      Retry.find(({ ErrorEquals }) => ErrorEquals.includes(error) || ErrorEquals.includes('States.ALL'))?.MaxAttempts;
    for (const error of ['ProvisionedThroughputExceeded', 'Throttling', 'InternalServerError'])
      assert.equal(attempts(`DynamoDb.${error}Exception`), 3, error);
    for (const error of ['States.Timeout', 'States.HeartbeatTimeout', 'States.TaskFailed'])
      assert.equal(attempts(error), undefined, error);
  });

  it('a launch that was answered without a task ends under a name of its own, with what ECS said', () => {
    const { NotPlaced, Park } = made().States as Record<string, State & { Error?: string; CausePath?: string }>;
    assert.deepEqual([NotPlaced?.Error, NotPlaced?.CausePath], [NOT_PLACED, 'States.JsonToString($.task.Failures)']);
    // A path to the first of no tasks would be States.Runtime, which nothing catches.
    assert.ok(!JSON.stringify(Park?.Parameters).includes('Tasks[0]'));
  });

  it('a way that works has three states, since each is paid for', () => {
    const { States, StartAt } = made();
    const way: string[] = [];
    for (let name: string | undefined = StartAt; name !== undefined; name = States[name]?.Next) way.push(name);
    assert.deepEqual(way, ['Launch', 'Park', 'Stop']);
  });

  it('integrations are named in the partition that the machine is deployed to', () => {
    const resources = Object.values(made('aws-us-gov').States).flatMap(({ Resource }) => Resource ?? []);
    assert.ok(resources.length > 4);
    for (const resource of resources) assert.match(resource, /^arn:aws-us-gov:states:::/);
  });
});
