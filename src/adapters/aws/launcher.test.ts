import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { WaybillError } from '@waybill/client/errors';
import { digestOf } from '@waybill/verify';
import { createMachineLauncher, type MachineLauncher } from './launcher.ts';

const ATTEMPT = digestOf('an attempt').slice(7, 39);
const MACHINE = 'arn:aws:states:eu-central-1:111122223333:stateMachine:waybill-attempt-default:live';
const NOW_MS = Date.parse('2026-11-21T12:00:00Z');

/** Step Functions as `answer` has it; nothing else is asked. */
function launcherOn(answer: (command: StartExecutionCommand) => object): MachineLauncher {
  return createMachineLauncher({
    machines: { send: async (command: StartExecutionCommand) => answer(command) } as unknown as SFNClient,
    rows: {} as DynamoDBClient,
    table: 'rows',
    machine: MACHINE,
    others: new Map([['gpu', MACHINE.replace('default', 'gpu')]]),
    isolation: 'container',
    executable: digestOf('worker'),
    nowMs: () => NOW_MS,
  });
}

async function inputFor(lastsMs: number): Promise<{ timeoutSeconds: number; heartbeatSeconds: number }> {
  let input = '';
  const launcher = launcherOn((command) => {
    input = command.input.input ?? '';
    return {};
  });
  const leaseUrl = 'https://mailbox.test/lease';
  await launcher.launch({ attemptId: ATTEMPT, leaseUrl, isolation: 'container', expiresAtMs: NOW_MS + lastsMs });
  return JSON.parse(input);
}

describe('launcher: what an execution is given', () => {
  it('a heartbeat that is smaller than its timeout, as Step Functions asks', async () => {
    const { timeoutSeconds, heartbeatSeconds } = await inputFor(1_020_000);
    assert.deepEqual([timeoutSeconds, heartbeatSeconds], [1_140, 1_139]);
    const late = await inputFor(-3_600_000);
    assert.deepEqual([late.timeoutSeconds, late.heartbeatSeconds], [2, 1]);
  });

  it('a heartbeat of half an hour at most: whoever keeps the attempt does so each minute', async () => {
    const { timeoutSeconds, heartbeatSeconds } = await inputFor(7_200_000);
    assert.deepEqual([timeoutSeconds, heartbeatSeconds], [7_320, 1_800]);
  });
});

describe('launcher: which machine an attempt is started on', () => {
  const started = async (environment?: string): Promise<[machine: string, handle: string]> => {
    let machine = '';
    const launcher = launcherOn((command) => {
      machine = command.input.stateMachineArn ?? '';
      return {};
    });
    const order = { attemptId: ATTEMPT, leaseUrl: 'https://mailbox.test/lease', expiresAtMs: NOW_MS } as const;
    const where = environment === undefined ? {} : { environment };
    const handle = await launcher.launch({ ...order, isolation: 'container', ...where });
    assert.equal(launcher.handleOf(ATTEMPT, environment), handle);
    return [machine, handle];
  };

  it('that of its environment, which its handle names too', async () => {
    for (const [asked, name] of [
      [undefined, 'default'],
      ['default', 'default'],
      ['gpu', 'gpu'],
    ]) {
      const [machine, handle] = await started(asked);
      assert.match(machine, new RegExp(`:stateMachine:waybill-attempt-${name}:live$`));
      assert.match(handle, new RegExp(`:execution:waybill-attempt-${name}:a-${ATTEMPT}$`));
    }
  });

  it('none for an environment without a machine, rather than another', async () => {
    await assert.rejects(started('rust'), { code: 'LAUNCH_FAILED', problem: /environment "rust"/ });
  });
});

describe('launcher: what a refusal means', () => {
  const refusedWith = async (name: string, message: string): Promise<string | undefined> => {
    const launcher = launcherOn(() => {
      throw Object.assign(new TypeError(message), { name });
    });
    const leaseUrl = 'https://mailbox.test/lease';
    const order = { attemptId: ATTEMPT, leaseUrl, isolation: 'container', expiresAtMs: NOW_MS } as const;
    return launcher.launch(order).then(
      () => undefined,
      (error: WaybillError) => error.code,
    );
  };

  it('a throttle or a quota is no room for now, anything else a launch that failed', async () => {
    assert.equal(await refusedWith('ThrottlingException', 'Rate exceeded'), 'LAUNCH_DEFERRED');
    assert.equal(await refusedWith('ExecutionLimitExceeded', ''), 'LAUNCH_DEFERRED');
    assert.equal(await refusedWith('AccessDeniedException', 'not authorized'), 'LAUNCH_FAILED');
    assert.equal(await refusedWith('StateMachineDoesNotExist', ''), 'LAUNCH_FAILED');
  });
});
