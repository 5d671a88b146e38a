/**
 * Launcher on Step Functions: an attempt is one execution of the attempt machine (lib/attempt-machine.ts), which starts
 * one ECS task, parks, and stops the task at its end, however that comes. The handle is the ARN of the execution.
 *
 * While it is parked, the token that lets it go on stands in the `execution` row beside the attempt, which only machine
 * and launcher write. `stop` says there that nobody needs the execution any more, and completes the token if it stands
 * there; if it is parked later, the table's stream shows both, and whoever sees that calls `completeToken`. An execution
 * is never stopped from outside: then its own Stop would not run.
 *
 * How a worker ended is told by events of the platform (stop-notice.ts) and never through `onStopped`: no process of ours
 * lives as long as a task.
 */
import { type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeExecutionCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { DEFAULTS } from '@waybill/client/limits';
import type { Digest } from '@waybill/verify';
import { awsFailure, nameOf, textOf } from '#adapters/aws/aws-failure.ts';
import { inputOf, notLaunched } from '#adapters/aws/execution-input.ts';
import { attemptOfHandle, executionArn, executionName } from '#adapters/aws/execution-name.ts';
import { launchVerdict } from '#core/launch-errors.ts';
import type { Isolation } from '#core/mailbox-protocol.ts';
import type { Launcher, LaunchHandle, LaunchOrder } from '#ports/launcher.ts';

export interface MachineSettings {
  machines: SFNClient;
  rows: DynamoDBClient;
  table: string;
  /** ARN of the machine's alias, of the environment `default`. */
  machine: string;
  /** The same of the other environments, by name. */
  others?: ReadonlyMap<string, string>;
  isolation: Isolation;
  /** Of the worker in the image that the machine starts. */
  executable: Digest;
  nowMs(): number;
}

export interface MachineLauncher extends Launcher {
  /** Lets the execution go on that waits with this token; resolves also when none does any more. */
  completeToken(token: string): Promise<void>;
}

/** The execution row is of no use after its execution; longer than any attempt. */
const KEPT_SECONDS = 30 * 86_400;
/** A token that nobody waits with: completed, timed out, or not of this deployment. */
const SPENT = new Set(['TaskDoesNotExist', 'TaskTimedOut', 'InvalidToken']);
const GONE = new Set(['ExecutionDoesNotExist', 'InvalidArn']);

export function createMachineLauncher(settings: MachineSettings): MachineLauncher {
  return new ExecutionLauncher(settings);
}

class ExecutionLauncher implements MachineLauncher {
  readonly #settings: MachineSettings;

  constructor(settings: MachineSettings) {
    this.#settings = settings;
  }

  async probe(): ReturnType<Launcher['probe']> {
    const { isolation, executable, machine } = this.#settings;
    return { isolation, executable, detail: `as deployed: ${machine}` };
  }

  handleOf(attemptId: string, environment?: string): LaunchHandle {
    return executionArn(this.#machineOf(attemptId, environment), executionName(attemptId));
  }

  async launch(order: LaunchOrder): Promise<LaunchHandle> {
    const { machines, nowMs } = this.#settings;
    const name = executionName(order.attemptId);
    const machine = this.#machineOf(order.attemptId, order.environment);
    const handle = this.handleOf(order.attemptId, order.environment);
    const input = inputOf(order, nowMs());
    try {
      await machines.send(new StartExecutionCommand({ stateMachineArn: machine, name, input }));
      return handle;
    } catch (error) {
      // Its name is taken, or nobody knows whether the request arrived: there is one if it runs.
      if (await this.#isRunning(handle).catch(() => false)) return handle;
      const code = launchVerdict(nameOf(error), textOf(error)) === 'not_yet' ? 'LAUNCH_DEFERRED' : 'LAUNCH_FAILED';
      throw notLaunched(order.attemptId, `${nameOf(error)}: ${textOf(error)}`, code, error);
    }
  }

  /** The grace is the stop timeout of the task definition. Resolves when the execution has been told, not when it has ended. */
  async stop(handle: LaunchHandle): Promise<void> {
    const attemptId = attemptOfHandle(handle);
    if (attemptId === null) return;
    const token = await this.#release(attemptId);
    if (token !== undefined) await this.completeToken(token);
  }

  async alive(handles: LaunchHandle[]): Promise<Set<LaunchHandle>> {
    const running = await Promise.all(handles.map((handle) => this.#isRunning(handle)));
    return new Set(handles.filter((_, n) => running[n]));
  }

  async keep(handle: LaunchHandle): Promise<void> {
    const { rows, table } = this.#settings;
    const attemptId = attemptOfHandle(handle);
    if (attemptId === null) return;
    const { Item } = await rows
      .send(new GetItemCommand({ TableName: table, Key: rowKey(attemptId) }))
      .catch((error: unknown) => {
        throw awsFailure(table, error);
      });
    const taskToken = Item?.token?.S;
    if (taskToken !== undefined) await this.#unlessSpent(new SendTaskHeartbeatCommand({ taskToken }));
  }

  async completeToken(taskToken: string): Promise<void> {
    await this.#unlessSpent(new SendTaskSuccessCommand({ taskToken, output: '{}' }));
  }

  onStopped(): void {
    // Told by events of the platform.
  }

  #machineOf(attemptId: string, environment: string = DEFAULTS.environment): string {
    const { machine, others } = this.#settings;
    const found = environment === DEFAULTS.environment ? machine : others?.get(environment);
    if (found === undefined) {
      throw notLaunched(attemptId, `no machine is for the environment "${environment}"`, 'LAUNCH_FAILED');
    }
    return found;
  }

  async #isRunning(handle: LaunchHandle): Promise<boolean> {
    if (attemptOfHandle(handle) === null) return false;
    try {
      const { status } = await this.#settings.machines.send(new DescribeExecutionCommand({ executionArn: handle }));
      return status === 'RUNNING';
    } catch (error) {
      if (GONE.has(nameOf(error))) return false;
      throw awsFailure(handle, error);
    }
  }

  async #unlessSpent(command: SendTaskHeartbeatCommand | SendTaskSuccessCommand): Promise<void> {
    const { machines, machine } = this.#settings;
    try {
      // One overload a command, and none for either.
      await machines.send(command as SendTaskSuccessCommand);
    } catch (error) {
      if (!SPENT.has(nameOf(error))) throw awsFailure(machine, error);
    }
  }

  /** Marks the row of the execution. @returns its token, if it is parked */
  async #release(attemptId: string): Promise<string | undefined> {
    const { rows, table, nowMs } = this.#settings;
    const expires = String(Math.ceil(nowMs() / 1000) + KEPT_SECONDS);
    try {
      const { Attributes } = await rows.send(
        new UpdateItemCommand({
          TableName: table,
          Key: rowKey(attemptId),
          UpdateExpression: 'SET #released = :yes, #expires = :expires',
          ExpressionAttributeNames: { '#released': 'released', '#expires': 'expires' },
          ExpressionAttributeValues: { ':yes': { BOOL: true }, ':expires': { N: expires } },
          ReturnValues: 'ALL_NEW',
        }),
      );
      return Attributes?.token?.S;
    } catch (error) {
      throw awsFailure(`${table}: attempt/${attemptId} execution`, error);
    }
  }
}

function rowKey(attemptId: string): Record<'pk' | 'sk', { S: string }> {
  return { pk: { S: `attempt/${attemptId}` }, sk: { S: 'execution' } };
}
