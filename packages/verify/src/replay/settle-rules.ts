/** What the end of an attempt may say, whatever happened before it. Each rule throws Contradiction. */
import { mustHold } from '../contradiction.ts';
import { CHECKPOINT_OUTCOMES } from '../record/checkpoint.ts';
import type { EventData, RecordedOutput } from '../record/events.ts';
import type { BookedItem } from './booked-item.ts';
import { mustBeDeclared, mustBeInvalidRight } from './typed-rules.ts';

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
  mustBeOfItsBlocks(claimed, at);
  mustBeDeferredRight(data, at);
  mustBeLeftRight(data, at);
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

/** Only what ended before its time leaves something to go on from, and its worker said that it did. */
function mustBeLeftRight({ outcome, checkpoint, result, claimed }: Settled, at: string): void {
  if (checkpoint === undefined) return;
  const isLeft = CHECKPOINT_OUTCOMES.has(outcome) && claimed.outcome === outcome;
  mustHold(result !== null && isLeft, `${at} leaves a checkpoint and is ${outcome}`);
}

/** An attempt that was stopped is tried again only where somebody sent its item back, which counts for nothing; and then it is. */
export function mustBeSentBackRight({ outcome, reason, next, spent }: Settled, isAsked: boolean, at: string): void {
  const isBack = outcome === 'cancelled' && next === 'retry';
  mustHold(!isBack || isAsked, `${at} is stopped to be tried again and nobody asked for it`);
  mustHold(!isBack || (reason === 'requeued' && !spent), `${at} is sent back, and counts or says ${reason}`);
  const isOver = next === 'done' || next === 'cancelled' || reason === 'deadline_exceeded';
  mustHold(!isAsked || isBack || isOver, `${at} was to be sent back and leads to ${next}`);
}

/** What an attempt left: nothing without a result, no name twice, names that say the kind, and what its plan declares. */
export function mustBeOutputs(data: Settled, planned: Pick<BookedItem, 'outputs'>, at: string): void {
  const { outputs, result, next } = data;
  mustHold(result !== null || outputs.length === 0, `${at} has outputs without a result`);
  mustBeNamed(outputs, at);
  if (next === 'done') mustBeDeclared(planned, outputs, at);
  mustBeInvalidRight(data, planned, at);
}

function mustBeNamed(outputs: readonly RecordedOutput[], at: string): void {
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

/** Only a block that ran has reached anything; and what it reached has a name. */
function mustBeOfItsBlocks({ blocks, egress }: Settled['claimed'], at: string): void {
  for (const { block, host, port, refused } of egress?.seen ?? []) {
    mustHold(
      blocks.some(({ index }) => index === block),
      `${at} reached something from a block that did not run`,
    );
    const isNamed = host !== undefined && port !== undefined;
    mustHold(isNamed || refused !== undefined, `${at} reached something without a name`);
  }
}

/** An item that takes over what an earlier attempt has made: it has not begun, and its plan says that it may. */
export function mustBeReusable(
  id: string,
  state: string,
  { recipe, forEach, outputs: declared }: Pick<BookedItem, 'recipe' | 'forEach' | 'outputs'>,
  outputs: readonly RecordedOutput[],
): void {
  mustHold(state === 'pending', `item ${id} uses a result again while ${state}`);
  mustHold(forEach === undefined, `item ${id} uses a result again and runs nothing itself`);
  mustHold(recipe !== undefined, `item ${id} uses a result again and is not pure`);
  mustBeNamed(outputs, `item ${id}`);
  mustBeDeclared({ ...(declared && { outputs: declared }) }, outputs, `item ${id}`);
}
