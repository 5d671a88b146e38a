/** What the end of an attempt may say, whatever happened before it. Each rule throws Contradiction. */
import { mustHold } from '../contradiction.ts';
import type { EventData, RecordedOutput } from '../record/events.ts';

type Settled = EventData['attempt.settled'];

/** The platform's judgement against what it saw and what the worker claimed. */
export function mustBeJudgedRight(data: Settled, isDispatched: boolean, at: string): void {
  const { outcome, reason, next, exit, result, claimed } = data;
  const succeeded = outcome === 'succeeded';
  mustHold(succeeded === (next === 'done'), `${at} ${outcome} and yet leads to ${next}`);
  mustHold(succeeded === (reason === 'ok'), `${at} ${outcome} for reason ${reason}`);
  mustHold((next === 'retry') === (data.retryAt !== undefined), `${at} leads to ${next}, which its retryAt denies`);
  mustHold(isDispatched || result === null, `${at} has a result and was never dispatched`);
  mustHold(isDispatched || exit === null, `${at} has an exit code and was never dispatched`);
  mustHold(result === null || exit === null, `${at} has an exit code of its own beside a result`);
  mustBeClaimedWhole(data, at);
  mustBeDeferredRight(data, at);
  if (!succeeded) return;
  mustHold(result !== null, `${at} succeeded without a result`);
  const isClaimed = claimed.outcome === 'succeeded' && claimed.reason === 'ok';
  mustHold(isClaimed, `${at} succeeded and its worker claims otherwise`);
  mustHold((claimed.exit ?? 0) === 0, `${at} succeeded with the claimed exit code ${claimed.exit}`);
}

/** Without a worker that says so, an attempt is deferred only because none could be launched: then nothing counts, and it is tried again. */
function mustBeDeferredRight({ outcome, reason, next, spent, exit, result }: Settled, at: string): void {
  if (result !== null || (outcome !== 'deferred' && reason !== 'launch_deferred')) return;
  mustHold(outcome === 'deferred' && reason === 'launch_deferred', `${at} ${outcome} for reason ${reason}`);
  mustHold(next === 'retry', `${at} was never launched and yet leads to ${next}`);
  mustHold(!spent && exit === null, `${at} was never launched and yet counts or has an exit code`);
}

/** What an attempt left: nothing without a result, no name twice, and names that say the kind. */
export function mustBeOutputs({ outputs, result }: Settled, at: string): void {
  mustHold(result !== null || outputs.length === 0, `${at} has outputs without a result`);
  mustHold(new Set(outputs.map(({ name }) => name)).size === outputs.length, `${at} has two outputs of one name`);
  for (const { kind, name } of outputs) mustHold(isNamedFor(kind, name), `${at} has an output ${kind} named ${name}`);
}

function isNamedFor(kind: RecordedOutput['kind'], name: string): boolean {
  if (kind !== 'output') return name === kind;
  const [top, ...below] = name.split('/');
  return top === 'outputs' && below.length > 0 && !below.some((part) => ['', '.', '..'].includes(part));
}

/** A result that could not be read leaves no claims; without a result nobody can have claimed anything. */
function mustBeClaimedWhole({ result, claimed }: Settled, at: string): void {
  const { blocks, ...others } = claimed;
  const isSilent = Object.keys(others).length === 0 && blocks.length === 0;
  mustHold(result !== null || isSilent, `${at} has claims without a result`);
  const said = [claimed.outcome, claimed.reason, claimed.exit].filter((word) => word !== undefined).length;
  mustHold(said === 0 || said === 3, `${at} claims only a part of outcome, reason and exit`);
}
