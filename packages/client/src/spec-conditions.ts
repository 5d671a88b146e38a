/** `when` as its author writes it: a condition over how items ended, and over values of JSON files that they left. */
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import { relativePathProblem } from './relative-path.ts';
import { closed, find, itemId } from './spec-fields.ts';
import { quote, says } from './spec-issue.ts';

const value = z.union([z.string().max(LIMITS.conditionTextChars), z.number(), z.boolean(), z.null()], {
  error: says('it is no single value', 'Write a text, a number, true, false or null.'),
});

const OPERATORS = ['equals', 'in', 'lessThan', 'atMost', 'moreThan', 'atLeast', 'exists'] as const;

/** Sits under outputs/ of the item that it comes from. */
export const outputPath: z.ZodString = z
  .string()
  .max(LIMITS.outputPathChars)
  .superRefine((path, context) => {
    const problem = relativePathProblem(path);
    if (problem === null) return;
    find(
      context,
      'SPEC_INVALID',
      `${quote(path)} is not a path under outputs/: it ${problem}`,
      'Write a relative path with `/`, without empty parts, `.`, `..`, backslashes or characters that nobody sees.',
    );
  });

const pointer = z
  .string()
  .max(LIMITS.pointerChars)
  .regex(/^(?:\/(?:[^~/]|~[01])*)*$/, {
    error: says('it is not a JSON pointer', 'Write it like `/summary/failures`, or leave it out for the whole file.'),
  });

export interface WrittenCondition {
  all?: WrittenCondition[] | undefined;
  any?: WrittenCondition[] | undefined;
  not?: WrittenCondition | undefined;
  from?: string | undefined;
  state?: 'done' | 'failed' | 'skipped' | 'cancelled' | 'denied' | undefined;
  output?: string | undefined;
  at?: string | undefined;
  equals?: string | number | boolean | null | undefined;
  in?: (string | number | boolean | null)[] | undefined;
  lessThan?: number | undefined;
  atMost?: number | undefined;
  moreThan?: number | undefined;
  atLeast?: number | undefined;
  exists?: boolean | undefined;
}

export const condition: z.ZodType<WrittenCondition> = closed({
  get all() {
    return z.array(condition).min(1).max(LIMITS.testsPerCondition).optional();
  },
  get any() {
    return z.array(condition).min(1).max(LIMITS.testsPerCondition).optional();
  },
  get not() {
    return condition.optional();
  },
  from: itemId.optional().describe('The item that is asked; it becomes a dependency.'),
  state: z
    .enum(['done', 'failed', 'skipped', 'cancelled', 'denied'])
    .optional()
    .describe('How it ended. Asked for, no end of it skips this item.'),
  output: outputPath.optional().describe('A captured JSON file of it.'),
  at: pointer.optional().describe('JSON pointer to one value of the file.'),
  equals: value.optional(),
  in: z.array(value).min(1).max(LIMITS.testsPerCondition).optional(),
  lessThan: z.number().optional(),
  atMost: z.number().optional(),
  moreThan: z.number().optional(),
  atLeast: z.number().optional(),
  exists: z.boolean().optional(),
}).superRefine((written: WrittenCondition, context) => {
  const problem = formProblem(written);
  if (problem !== null) find(context, 'SPEC_INVALID', problem, FORM);
}) as unknown as z.ZodType<WrittenCondition>;

const FORM =
  'Write one of `all`, `any` and `not`; or `from` with `state`; or `from` and `output` with one of ' +
  `${OPERATORS.map((one) => `\`${one}\``).join(', ')}.`;

/** The operator of a test of a value. */
export function operatorOf(written: WrittenCondition): (typeof OPERATORS)[number] | undefined {
  return OPERATORS.find((one) => written[one] !== undefined);
}

function formProblem(written: WrittenCondition): string | null {
  const keys = Object.keys(written).filter((key) => written[key as keyof WrittenCondition] !== undefined);
  const [group] = keys.filter((key) => ['all', 'any', 'not'].includes(key));
  if (group !== undefined) return keys.length === 1 ? null : `beside \`${group}\` there is something else`;
  if (written.from === undefined) return 'it names no item';
  if (written.state !== undefined) return keys.length === 2 ? null : 'beside `state` there is something else';
  if (written.output === undefined) return 'it asks for neither a state nor an output';
  const operators = keys.filter((key) => OPERATORS.some((one) => one === key));
  return operators.length === 1 ? null : `it has ${operators.length === 0 ? 'no operator' : 'two operators'}`;
}
