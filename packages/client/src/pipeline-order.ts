import type { Refusal } from './errors.ts';
import type { ItemSpec } from './spec.ts';
import { formatPath } from './spec-issue.ts';

/**
 * Captures come last, once each: what a later block changed would be in no patch. That of a patch may stand before scripts that only
 * judge it, which is what their lens says: what they or the change itself write while it is judged is then no part of it. A patch is a
 * difference to a commit, so it needs a source.
 */
export function pipelineProblems(
  pipeline: NonNullable<ItemSpec['pipeline']>,
  index: number,
  hasSource: boolean,
): Refusal[] {
  const problems: Refusal[] = [];
  const captured = new Set<string>();
  const lastOfAll = pipeline.findLastIndex(({ block }) => block !== 'capture');
  const lastWork = pipeline.findLastIndex((one) => one.block !== 'capture' && !isJudging(one));
  for (const [n, block] of pipeline.entries()) {
    if (block.block !== 'capture') continue;
    const path = formatPath(['spec', 'items', index, 'pipeline', n]);
    const say = (problem: string, fix: string): void => {
      problems.push({ code: 'SPEC_INVALID', path, problem, fix });
    };
    if (n < lastWork) say('the capture stands before a block that may still change files', 'Move it to the end.');
    else if (n < lastOfAll && block.what === 'outputs')
      say('the capture stands before a script that may still leave outputs', 'Move it to the end.');
    if (captured.has(block.what)) say(`the ${block.what} is captured twice`, 'Keep one capture of each kind.');
    if (block.what === 'patch' && !hasSource) {
      say('a patch needs a source to differ from', 'Add `spec.source.git`, or capture outputs.');
    }
    captured.add(block.what);
  }
  return problems;
}

function isJudging(block: NonNullable<ItemSpec['pipeline']>[number]): boolean {
  return block.block === 'script' && block.lens !== undefined;
}
