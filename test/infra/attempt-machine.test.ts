/** The attempt machine as a graph: whoever may have a task, stops it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import validate from 'asl-validator';
import { attemptMachine } from '../../lib/attempt-machine.ts';

interface State {
  Type: string;
  Resource?: string;
  Next?: string;
  Default?: string;
  Choices?: { Next: string }[];
  Catch?: { ErrorEquals: string[]; Next: string }[];
  Retry?: { ErrorEquals: string[]; MaxAttempts: number }[];
  TimeoutSeconds?: number;
  TimeoutSecondsPath?: string;
  HeartbeatSeconds?: number;
  Parameters?: Record<string, unknown>;
}

interface Machine {
  StartAt: string;
  States: Record<string, State>;
}

const made = (): Machine =>
  JSON.parse(
    JSON.stringify(
      attemptMachine({
        cluster: 'arn:aws:ecs:eu-central-1:111122223333:cluster/waybill',
        taskDefinition: 'arn:aws:ecs:eu-central-1:111122223333:task-definition/waybill:3',
        subnets: ['subnet-1'],
        securityGroups: ['sg-1'],
        table: 'waybill',
        heartbeatSeconds: 1_800,
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
    if (waits && state.HeartbeatSeconds === undefined) found.push(`${name}: waits without a heartbeat`);
    if (/ecs:(stopTask|listTasks)$/.test(state.Resource ?? '') && !state.Retry) found.push(`${name}: tried once only`);
    return found;
  });
  for (const path of pathsFrom(machine, machine.StartAt, [])) {
    const resources = path.map((name) => machine.States[name]?.Resource ?? '');
    const told = path.join(' -> ');
    const isLaunched = path[1] === 'Park';
    if (isLaunched && !resources.some((resource) => resource.endsWith('ecs:stopTask'))) faults.push(`no stop: ${told}`);
    if (isLaunched) continue;
    // The launch failed: whether there is a task has to be looked up, and the execution must not end as if all were well.
    if (!resources.some((resource) => resource.endsWith('ecs:listTasks'))) faults.push(`no look for a task: ${told}`);
    if (machine.States[path.at(-1) ?? '']?.Type !== 'Fail') faults.push(`a failed launch ends well: ${told}`);
  }
  return faults;
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
    'Park: waits without a heartbeat': (machine) => delete stateOf(machine, 'Park').HeartbeatSeconds,
    'Stop: tried once only': (machine) => delete stateOf(machine, 'Stop').Retry,
    'no stop: Launch -> Park': (machine) => {
      const park = stateOf(machine, 'Park');
      delete park.Next;
      for (const caught of park.Catch ?? []) caught.Next = 'Stop';
      machine.States.Park = { ...park, Catch: [] };
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
    assert.equal(attempts('ECS.AccessDeniedException'), 0);
    for (const error of ['ECS.ThrottlingException', 'ECS.InvalidParameterException', 'States.Timeout'])
      assert.ok((attempts(error) ?? 0) > 0, error);
  });
});
