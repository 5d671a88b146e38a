/** The small schemas that run specs are made of: names, durations, environment, argv. */
import { CAPABILITY_KEY, CHECKPOINT_KEY, ITEM_ID, TALK_KEY } from '@waybill/verify';
import * as z from 'zod';
import { byteLength } from './byte-length.ts';
import { credentialShape } from './credential-shapes.ts';
import { DURATION_PATTERN, durationMs, formatDuration } from './duration.ts';
import type { ErrorCode } from './errors.ts';
import { LIMITS } from './limits.ts';
import { relativePathProblem } from './relative-path.ts';
import { type Finding, quote, says } from './spec-issue.ts';

/** An object whose unknown keys are refused, with the known ones at hand for the message. */
export function closed<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape).join(' ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? says('unknown key', known) : undefined),
  });
}

/** At most `limit` entries; JSON Schema calls them properties. */
export function record<Key extends z.core.$ZodRecordKey, Value extends z.ZodType>(
  key: Key,
  value: Value,
  limit: number,
): z.ZodRecord<Key, Value> {
  return z
    .record(key, value)
    .superRefine((entries, context) => {
      if (Object.keys(entries).length <= limit) return;
      find(context, 'SPEC_LIMIT', `there are more than ${limit} entries`, `Use at most ${limit}.`);
    })
    .meta({ maxProperties: limit });
}

const NAME_FIX =
  'Use lower-case letters, digits, `.`, `_` and `-`, starting with a letter or a digit, without `..`, ' +
  `at most ${LIMITS.nameChars} characters.`;

/** Run names, queues, need keys and label keys: file names and keys everywhere, so nothing in them needs escaping. */
export const name = z.string().regex(/^(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}$/, {
  error: (issue) => says(`${quote(String(issue.input))} is not a name`, NAME_FIX),
});

/** Of a file under inputs/. */
export const inputName = name
  .refine((text) => !TALK_KEY.test(text) && text !== CHECKPOINT_KEY, {
    error: says('files of such names hold what the item asked, was answered and kept', 'Choose another name.'),
  })
  .refine((text) => !`${text}.`.startsWith(CAPABILITY_KEY), {
    error: says('such names are those of capabilities', 'Choose another name.'),
  });

/** Flows compile to such ids. */
export const itemId = z.string().regex(ITEM_ID, {
  error: (issue) => says(`${quote(String(issue.input))} is not an id of an item`, NAME_FIX),
});

/** As a name, and `:` and `/` between parts: `repo:api/src`. */
export const lockName = z.string().regex(/^(?=.{1,128}$)(?!.*\.\.)(?!.*[/:]{2})(?!.*[/:]$)[a-z0-9][a-z0-9._:/-]*$/, {
  error: (issue) =>
    says(
      `${quote(String(issue.input))} is not a lock name`,
      `Use lower-case letters, digits and \`._-\`, with \`:\` and \`/\` between parts, at most ${LIMITS.lockNameChars} characters.`,
    ),
});

export function duration(least: number, most: number): z.ZodString {
  const range = `from ${formatDuration(least)} to ${formatDuration(most)}`;
  return z
    .string()
    .regex(DURATION_PATTERN, {
      error: (issue) =>
        says(
          `${quote(String(issue.input))} is not a duration`,
          `Write a whole number and a unit, ${range}: 500ms, 30s, 15m, 2h.`,
        ),
      abort: true,
    })
    .superRefine((text, context) => {
      const ms = durationMs(text);
      if (ms >= least && ms <= most) return;
      find(context, 'SPEC_LIMIT', `${text} is out of range`, `Use a duration ${range}.`);
    })
    .meta({ description: `A whole number and a unit (ms, s, m, h), ${range}.`, examples: ['30s', '15m', '2h'] });
}

/** Wall clock of an attempt, or of a block. */
export const timeout: z.ZodString = duration(LIMITS.minTimeoutMs, LIMITS.maxTimeoutMs);

/** Text that is handed to a program: bounded, and free of NUL, which no program could be given. */
export function plainText(limitBytes: number): z.ZodString {
  return z.string().superRefine((text, context) => {
    if (text.includes('\0')) find(context, 'SPEC_INVALID', 'it holds a NUL character', 'Remove it.');
    if (byteLength(text) > limitBytes) {
      find(context, 'SPEC_LIMIT', `it is longer than ${limitBytes} bytes`, 'Put it into a file of the source.');
    }
  });
}

/** @param isNot what a path that leads elsewhere is not */
export function relativePath(isNot: string, fix: string): z.ZodString {
  return z
    .string()
    .max(LIMITS.outputPathChars)
    .superRefine((path, context) => {
      const problem = relativePathProblem(path);
      if (problem !== null) find(context, 'SPEC_INVALID', `${quote(path)} is ${isNot}: it ${problem}`, fix);
    });
}

/** Of a text that a spec holds. @param holds what is said of it before the kind of credential */
export function withoutCredential(holds: string): (text: string, context: z.core.$RefinementCtx) => void {
  return (text, context) => {
    const shape = credentialShape(text);
    if (shape === null) return;
    const fix = 'Remove it and revoke it: specs are stored and shown. Name a secret under `secrets` of the block.';
    find(context, 'SPEC_CREDENTIAL', `${holds} ${shape}`, fix);
  };
}

export const argv = z
  .array(plainText(LIMITS.argvEntryBytes).superRefine(withoutCredential('the argument holds')))
  .min(1)
  .max(LIMITS.argvEntries)
  .superRefine((words, context) => {
    if (words[0] !== '') return;
    find(context, 'SPEC_INVALID', 'the program has no name', 'Name the program first, then its arguments.', [0]);
  });

/** Set by the worker for every block; an author's value would be lost, or would break the block. */
const RESERVED_ENV: ReadonlySet<string> = new Set(['PATH', 'HOME', 'TMPDIR']);

export const envName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, {
    error: (issue) =>
      says(
        `${quote(String(issue.input))} is not a name of a variable`,
        `Use letters, digits and \`_\`, at most ${LIMITS.envNameChars} characters.`,
      ),
    abort: true,
  })
  .superRefine((text, context) => {
    if (!text.startsWith('WAYBILL_') && !RESERVED_ENV.has(text)) return;
    find(context, 'SPEC_INVALID', `${text} is set by the worker`, 'Use another name, or set it inside the script.');
  });

const envValue = plainText(LIMITS.envValueBytes).superRefine(withoutCredential('the value looks like'));

export const env = record(envName, envValue, LIMITS.envEntries);

export function find(
  context: z.core.$RefinementCtx,
  code: ErrorCode,
  problem: string,
  fix: string,
  path: PropertyKey[] = [],
): void {
  context.addIssue({ code: 'custom', path, params: { code, problem, fix } satisfies Finding });
}
