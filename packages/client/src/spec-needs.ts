/** What an item takes from others: one output, one of several, one of each; or an item of its own for each of many. */
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import { relativePathProblem } from './relative-path.ts';
import { outputPath } from './spec-conditions.ts';
import { closed, find, itemId, name } from './spec-fields.ts';
import { quote, says } from './spec-issue.ts';

export const selectSchema = z
  .union([z.literal('patch'), closed({ output: outputPath })], {
    error: says('it is neither `patch` nor an output', 'Write `patch`, or `{ output: <path under outputs/> }`.'),
  })
  .describe('The captured patch, or one captured output.');

export const need = closed({
  from: itemId.optional().describe('The item that makes it; it becomes a dependency.'),
  oneOf: z
    .array(itemId)
    .min(2)
    .max(LIMITS.sourcesPerNeed)
    .optional()
    .describe('Instead of `from`: the first of these that is done, in this order. All of them are waited for.'),
  each: itemId
    .optional()
    .describe('Instead of `from`: an item with `forEach`. Its items give one input each: `<key>.001`, `<key>.002`.'),
  select: selectSchema,
  onError: z.literal('stop').optional().describe('A failure of one skips the item.'),
}).superRefine(({ from, oneOf, each, onError }, context) => {
  const isOne = [from, oneOf, each].filter((source) => source !== undefined).length === 1;
  if (isOne && (oneOf !== undefined || onError === undefined)) return;
  const fix = 'Write `from: <item>`, `oneOf: [<item>, <item>]`, or `each: <item with forEach>`.';
  find(context, 'SPEC_INVALID', 'it is neither an item nor a list', fix);
});

/** A folder with its `/`, or how names in it begin. */
export const outputStart: z.ZodString = z
  .string()
  .max(LIMITS.outputPathChars)
  .superRefine((path, context) => {
    const problem = relativePathProblem(path.replace(/\/$/, ''));
    if (problem === null) return;
    const fix = 'Write how their paths under outputs/ begin, such as `shards/`.';
    find(context, 'SPEC_INVALID', `${quote(path)} is no beginning of a path under outputs/: it ${problem}`, fix);
  });

export const forEach = closed({
  from: itemId.describe('The item whose outputs it is done for; it becomes a dependency.'),
  outputs: outputStart.describe('How their paths under outputs/ begin: `shards/`.'),
  as: name.optional().describe('The file under inputs/ that each is given its output as; `item`.'),
  max: z
    .int()
    .min(1)
    .max(LIMITS.branchesPerItem)
    .optional()
    .describe('When there are more outputs, the item fails and nothing is done; 100.'),
});
