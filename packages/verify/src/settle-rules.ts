/** What the end of an attempt may say, whatever happened before it. Each rule throws Contradiction. */
import { mustHold } from './contradiction.ts';
import type { EventData } from './events.ts';

type Settled = EventData['attempt.settled'];

/** The platform's judgement against what it saw and what the worker claimed. */
export function mustBeJudgedRight(data: Settled, isDispatched: boolean, at: string): void {
  const { outcome, reason, next, exit, result, claimed } = data;
  const succeeded = outcome === 'succeeded';
  mustHold(succeeded === (next === 'done'), `${at} ${outcome} and yet leads to ${next}`);
  mustHold(succeeded === (reason === 'ok'), `${at} ${outcome} for reason ${reason}`);
  mustHold(isDispatched || result === null, `${at} has a result and was never dispatched`);
  mustHold(isDispatched || exit === null, `${at} has an exit code and was never dispatched`);
  mustHold(result === null || exit === null, `${at} has an exit code of its own beside a result`);
  mustBeClaimedWhole(data, at);
  if (!succeeded) return;
  mustHold(result !== null, `${at} succeeded without a result`);
  const isClaimed = claimed.outcome === 'succeeded' && claimed.reason === 'ok';
  mustHold(isClaimed, `${at} succeeded and its worker claims otherwise`);
  mustHold((claimed.exit ?? 0) === 0, `${at} succeeded with the claimed exit code ${claimed.exit}`);
}

/** A result that could not be read leaves no claims; without a result nobody can have claimed anything. */
function mustBeClaimedWhole({ result, claimed }: Settled, at: string): void {
  const { blocks, ...others } = claimed;
  const isSilent = Object.keys(others).length === 0 && blocks.length === 0;
  mustHold(result !== null || isSilent, `${at} has claims without a result`);
  const said = [claimed.outcome, claimed.reason, claimed.exit].filter((word) => word !== undefined).length;
  mustHold(said === 0 || said === 3, `${at} claims only a part of outcome, reason and exit`);
}
