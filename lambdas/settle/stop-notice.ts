/** How a worker ended, as the platform tells it: the events of stopped tasks and of executions that failed. */
import * as z from 'zod/mini';
import type { StopCause, StopNotice } from '#ports/launcher.ts';

const ATTEMPT = /^[0-9a-f]{32}$/;
const MAX_DETAIL = 2_000;
/** The container of ours; whatever runs in the other one, this one says what became of it. */
const WRAPPER = 'wrapper';

export const taskStopped = z.object({
  'detail-type': z.literal('ECS Task State Change'),
  detail: z.object({
    lastStatus: z.string(),
    startedBy: z.optional(z.string()),
    stopCode: z.optional(z.string()),
    stoppedReason: z.optional(z.string()),
    containers: z.optional(
      z.array(z.object({ name: z.string(), exitCode: z.optional(z.int()), reason: z.optional(z.string()) })),
    ),
  }),
});

export const executionEnded = z.object({
  'detail-type': z.literal('Step Functions Execution Status Change'),
  detail: z.object({
    name: z.string(),
    status: z.string(),
    error: z.optional(z.nullable(z.string())),
    cause: z.optional(z.nullable(z.string())),
  }),
});

const CAUSES: Readonly<Record<string, StopCause>> = {
  TaskFailedToStart: 'start_failed',
  EssentialContainerExited: 'exited',
  SpotInterruption: 'interrupted',
  TerminationNotice: 'interrupted',
  ServiceSchedulerInitiated: 'interrupted',
  UserInitiated: 'interrupted',
};

/** Null for a task of somebody else, or one that goes on. */
export function noticeOfTask({ detail }: z.output<typeof taskStopped>): StopNotice | null {
  const { lastStatus, startedBy = '', stopCode = '', stoppedReason, containers = [] } = detail;
  if (lastStatus !== 'STOPPED' || !ATTEMPT.test(startedBy)) return null;
  const wrapper = containers.find(({ name }) => name === WRAPPER);
  const exit = wrapper?.exitCode ?? null;
  const isOutOfMemory = containers.some(({ reason }) => reason?.startsWith('OutOfMemory'));
  const reasons = containers.flatMap(({ name, reason }) => (reason === undefined ? [] : [`${name}: ${reason}`]));
  return {
    attemptId: startedBy,
    cause: isOutOfMemory ? 'out_of_memory' : causeOf(stopCode, exit),
    exit,
    detail: [stoppedReason ?? stopCode, ...reasons].join('; ').slice(0, MAX_DETAIL),
  };
}

/** Above 128 it was ended by a signal, as shells count. */
function causeOf(stopCode: string, exit: number | null): StopCause {
  const cause = CAUSES[stopCode] ?? 'interrupted';
  return cause === 'exited' && exit !== null && exit > 128 ? 'signalled' : cause;
}

/** Null for an execution of somebody else, or one that ended as it should. */
export function noticeOfExecution({ detail }: z.output<typeof executionEnded>): StopNotice | null {
  const { name, status, error, cause } = detail;
  const attemptId = name.startsWith('a-') ? name.slice('a-'.length) : '';
  if (!ATTEMPT.test(attemptId) || !['FAILED', 'TIMED_OUT', 'ABORTED'].includes(status)) return null;
  return {
    attemptId,
    cause: status === 'FAILED' ? 'start_failed' : 'interrupted',
    exit: null,
    detail: [`execution ${status}`, error ?? '', cause ?? '']
      .filter((each) => each !== '')
      .join('; ')
      .slice(0, MAX_DETAIL),
  };
}
