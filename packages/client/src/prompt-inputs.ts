/** What the prompts of an item take from its inputs is what the item is given. */
import type { Refusal } from './errors.ts';
import { DEFAULTS } from './limits.ts';
import { PROMPT_FIX, readPrompt } from './prompt-template.ts';
import type { ItemSpec } from './spec.ts';
import { formatPath, quote } from './spec-issue.ts';

export function promptProblems(item: ItemSpec, index: number): Refusal[] {
  return (item.pipeline ?? []).flatMap((block, n): Refusal[] => {
    if (block.block !== 'agent' || block.adapter === 'command' || block.prompt === undefined) return [];
    const path = formatPath(['spec', 'items', index, 'pipeline', n, 'prompt']);
    const read = readPrompt(block.prompt);
    if (!read.ok) return [{ code: 'SPEC_INVALID', path, problem: read.problem, fix: PROMPT_FIX }];
    const given = inputsOf(item);
    return read.parts.flatMap((part): Refusal[] => {
      if (part.kind === 'literal' || part.mayMiss || given.has(part.key)) return [];
      const problem = `the item has no input ${quote(part.key)}`;
      const fix = `Add it to its \`needs\` or \`reads\`, or write \`${part.kind}?\` when it may be missing.`;
      return [{ code: 'SPEC_UNKNOWN_REFERENCE', path, problem, fix }];
    });
  });
}

/** Those that are always there under these names. */
function inputsOf({ needs = {}, reads = {}, forEach }: ItemSpec): Set<string> {
  const single = Object.entries(needs).flatMap(([key, { each }]) => (each === undefined ? [key] : []));
  return new Set([
    ...single,
    ...Object.keys(reads),
    ...(forEach === undefined ? [] : [forEach.as ?? DEFAULTS.branchKey]),
  ]);
}
