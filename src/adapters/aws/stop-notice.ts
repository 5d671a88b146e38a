/**
 * How a worker ended, as the platform tells it: events of ECS about stopped tasks and of Step Functions about executions
 * that failed. Both are hints, come at least once and in any order, and may be lost.
 *
 * An ECS task belongs to an attempt through `startedBy`, an execution through its name.
 */
import { attemptOfName } from '#adapters/aws/execution-name.ts';
import { isOfLaunch, launchVerdict } from '#core/launch-errors.ts';
import type { StopCause, StopNotice } from '#ports/launcher.ts';

/** What is looked at of an event; whatever is missing or of another kind counts as unknown. */
interface PlatformEvent {
  'detail-type'?: unknown;
  detail?: {
    lastStatus?: unknown;
    startedBy?: unknown;
    stopCode?: unknown;
    stoppedReason?: unknown;
    containers?: unknown;
    name?: unknown;
    status?: unknown;
    error?: unknown;
    cause?: unknown;
  };
}

interface Container {
  name: string;
  exit: number | null;
  reason: string;
}

/** Of the two containers of a task, the one with our worker: its exit code is the task's. */
const WRAPPER = 'wrapper';
const ATTEMPT = /^[0-9a-f]{32}$/;
const MAX_DETAIL = 2_000;
const KILLED = 137;

/** @returns null for an event of something else, or of something that goes on or ended as it should */
export function stopNoticeOf(event: unknown): StopNotice | null {
  const { 'detail-type': kind, detail } = (event ?? {}) as PlatformEvent;
  if (typeof detail !== 'object' || detail === null) return null;
  if (kind === 'ECS Task State Change') return ofTask(detail);
  if (kind === 'Step Functions Execution Status Change') return ofExecution(detail);
  return null;
}

function ofTask(detail: NonNullable<PlatformEvent['detail']>): StopNotice | null {
  const attemptId = textOf(detail.startedBy);
  if (detail.lastStatus !== 'STOPPED' || !ATTEMPT.test(attemptId)) return null;
  const containers = containersOf(detail.containers);
  const exit = containers.find(({ name }) => name === WRAPPER)?.exit ?? null;
  const said = [textOf(detail.stoppedReason), ...containers.map(({ name, reason }) => reason && `${name}: ${reason}`)];
  const found = causeOf(textOf(detail.stopCode), containers, exit);
  const isStarted = found !== 'start_failed';
  const cause = !isStarted && isNoRoom('', said) ? 'no_room' : found;
  // One container may have run and been killed because the other could not be started: its exit says nothing of the attempt.
  return { attemptId, cause, exit: isStarted ? exit : null, detail: detailOf([...said, adviceFor(cause)]) };
}

/** Stop codes as ECS documents them. */
function causeOf(stopCode: string, containers: readonly Container[], exit: number | null): StopCause {
  if (stopCode === 'TaskFailedToStart') return 'start_failed';
  if (containers.some(({ reason }) => reason.startsWith('OutOfMemory'))) return 'out_of_memory';
  if (stopCode !== 'EssentialContainerExited') return 'interrupted';
  // Nobody but the kernel kills a container in a task that nobody stops.
  if (containers.some((each) => each.exit === KILLED)) return 'out_of_memory';
  return exit !== null && exit > 128 ? 'signalled' : 'exited';
}

function ofExecution({ name, status, error, cause }: NonNullable<PlatformEvent['detail']>): StopNotice | null {
  const attemptId = attemptOfName(textOf(name));
  if (attemptId === null || !['FAILED', 'TIMED_OUT', 'ABORTED'].includes(textOf(status))) return null;
  const said = [textOf(error), textOf(cause)];
  // An execution fails when its task was not started, or could not be stopped.
  const notStarted = isNoRoom(textOf(error), said) ? 'no_room' : 'start_failed';
  const ended = status === 'FAILED' && isOfLaunch(textOf(error)) ? notStarted : 'interrupted';
  return {
    attemptId,
    cause: ended,
    exit: null,
    detail: detailOf([`execution ${textOf(status)}`, ...said, adviceFor(ended)]),
  };
}

function isNoRoom(name: string, said: readonly string[]): boolean {
  return launchVerdict(name, said.join('; ')) === 'not_yet';
}

function adviceFor(cause: StopCause): string {
  if (cause === 'no_room') return 'it is tried again; ask for a higher quota if that happens often';
  return cause === 'out_of_memory' ? 'raise the memory of the task' : '';
}

function containersOf(containers: unknown): Container[] {
  if (!Array.isArray(containers)) return [];
  return containers.map((each: { name?: unknown; exitCode?: unknown; reason?: unknown } | null) => ({
    name: textOf(each?.name),
    exit: typeof each?.exitCode === 'number' ? each.exitCode : null,
    reason: textOf(each?.reason),
  }));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function detailOf(parts: readonly string[]): string {
  return parts
    .filter((part) => part !== '')
    .join('; ')
    .slice(0, MAX_DETAIL);
}
