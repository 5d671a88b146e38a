/** `when` as its author writes it: a condition over how items ended, and over values of JSON files that they left. */
import { canonicalize } from '@waybill/verify';
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import { closed, find, itemId, relativePath } from './spec-fields.ts';
import { says } from './spec-issue.ts';

const value = z.union([z.string().max(LIMITS.conditionTextChars), z.number(), z.boolean(), z.null()], {
  error: says('it is no single value', 'Write a text, a number, true, false or null.'),
});

const OPERATORS = ['equals', 'in', 'lessThan', 'atMost', 'moreThan', 'atLeast', 'exists'] as const;

/** Sits under outputs/ of the item that it comes from. */
export const outputPath: z.ZodString = relativePath(
  'not a path under outputs/',
  'Write a relative path with `/`, without empty parts, `.`, `..`, backslashes or characters that nobody sees.',
);

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
  atLeastOf?: { n: number; of: WrittenCondition[] } | undefined;
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
  get atLeastOf() {
    return closed({
      n: z.int().min(1).max(LIMITS.testsPerCondition),
      get of() {
        return z.array(condition).min(1).max(LIMITS.testsPerCondition);
      },
    })
      .superRefine(({ n, of }, context) => {
        const written = of.map((one) => canonicalize(one));
        const again = written.findIndex((one, place) => written.indexOf(one) < place);
        if (n <= of.length && again >= 0)
          find(context, 'SPEC_INVALID', 'it is asked twice and would count twice', 'Keep one of them.', ['of', again]);
        if (of.length === 0 || n <= of.length) return;
        const problem = `it asks for ${n} of ${of.length}`;
        find(context, 'SPEC_INVALID', problem, 'Ask for fewer, or add conditions.', ['n']);
      })
      .optional()
      .describe('So many of these hold.');
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

/** What it is made of, each with its place in it; none of a test. */
export function membersOf(written: WrittenCondition): [path: PropertyKey[], member: WrittenCondition][] {
  const { all, any, not, atLeastOf } = written;
  if (not !== undefined) return [[['not'], not]];
  const groups = [['all', all] as const, ['any', any] as const, ['atLeastOf', 'of', atLeastOf?.of] as const];
  return groups.flatMap((group) => {
    const [members, at] = [group.at(-1) as WrittenCondition[] | undefined, group.slice(0, -1) as string[]];
    return (members ?? []).map((one, n): [PropertyKey[], WrittenCondition] => [[...at, n], one]);
  });
}

const FORM =
  'Write one of `all`, `any`, `not` and `atLeastOf`; or `from` with `state`; or `from` and `output` with one of ' +
  `${OPERATORS.map((one) => `\`${one}\``).join(', ')}.`;

/** The operator of a test of a value. */
export function operatorOf(written: WrittenCondition): (typeof OPERATORS)[number] | undefined {
  return OPERATORS.find((one) => written[one] !== undefined);
}

function formProblem(written: WrittenCondition): string | null {
  const keys = Object.keys(written).filter((key) => written[key as keyof WrittenCondition] !== undefined);
  const [group] = keys.filter((key) => ['all', 'any', 'not', 'atLeastOf'].includes(key));
  if (group !== undefined) return keys.length === 1 ? null : `beside \`${group}\` there is something else`;
  if (written.from === undefined) return 'it names no item';
  if (written.state !== undefined) return keys.length === 2 ? null : 'beside `state` there is something else';
  if (written.output === undefined) return 'it asks for neither a state nor an output';
  const operators = keys.filter((key) => OPERATORS.some((one) => one === key));
  return operators.length === 1 ? null : `it has ${operators.length === 0 ? 'no operator' : 'two operators'}`;
}
