/** What an item declares of its outputs, against what its attempts left. Each rule throws Contradiction. */
import { mustHold } from '../contradiction.ts';
import type { EventData, RecordedOutput } from '../record/events.ts';
import { declaredOutputs } from '../record/typed-output.ts';
import type { BookedItem } from './booked-item.ts';

type Declaring = Pick<BookedItem, 'outputs'>;

/** Whatever is declared is there. That it is of its type, only the bytes show. */
export function mustBeDeclared(
  { outputs: declared = [] }: Declaring,
  left: readonly RecordedOutput[],
  at: string,
): void {
  const names = left.map(({ name }) => name);
  for (const { name, kind } of declared)
    mustHold(declaredOutputs(name, kind, names).length > 0, `${at} is done without the output ${name} of its plan`);
}

/** An attempt that is refused for its outputs: its worker says that it has succeeded, and the plan declares what is named. */
export function mustBeInvalidRight(
  { outcome, reason, invalid, claimed, outputs }: EventData['attempt.settled'],
  { outputs: declared = [] }: Declaring,
  at: string,
): void {
  if (invalid === undefined) {
    const isOwn = reason === OUTPUT_INVALID && claimed.reason !== OUTPUT_INVALID;
    mustHold(!isOwn, `${at} is refused for an output and does not say for which`);
    return;
  }
  const { output, problem, rule, line } = invalid;
  mustHold(outcome === 'contract_error' && reason === OUTPUT_INVALID, `${at} ${outcome} for the output ${output}`);
  mustHold(claimed.outcome === 'succeeded', `${at} is refused for an output, and its worker claims no success`);
  const planned = declared.find(({ name }) => name === output);
  mustHold(planned !== undefined, `${at} is refused for the output ${output}, which its plan does not declare`);
  const left = outputs.map(({ name }) => name);
  const isLeft = declaredOutputs(output, planned?.kind ?? 'text', left).length > 0;
  mustHold(isLeft === (problem !== 'missing'), `${at} is refused for the output ${output} as ${problem}`);
  const isTyped = problem === 'missing' || planned?.schema !== undefined;
  mustHold(isTyped, `${at} is refused for the output ${output}, which may hold anything`);
  mustHold((rule !== undefined) === (problem === 'schema'), `${at} is refused as ${problem} by the rule ${rule}`);
  const hasLines = planned?.kind === 'jsonl' && problem !== 'missing';
  mustHold(line === undefined || hasLines, `${at} is refused for a line of the output ${output}, which has none`);
}

const OUTPUT_INVALID = 'output_invalid';
