/** From what zod finds to what a person is told: where, what is wrong, and what to do about it. */
import type { z } from 'zod';
import type { ErrorCode, Refusal } from './errors.ts';
import { LIMITS } from './limits.ts';
import { nearest } from './nearest-word.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** What a schema's own error carries: a message has no other room for two things. */
export function says(problem: string, fix: string): string {
  return `${problem}\n${fix}`;
}

/** The parameters of a custom issue. */
export interface Finding {
  code: ErrorCode;
  problem: string;
  fix: string;
}

/** `spec.items[3].needs.patch`; a key that is no plain word is quoted. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(String(part))) text += `${text === '' ? '' : '.'}${String(part)}`;
    else text += `[${quote(String(part))}]`;
  }
  return text === '' ? 'document' : text;
}

/** As `bounded`, of what a schema finds. */
export function refusalsOf(issues: readonly Issue[]): Refusal[] {
  return bounded(issues.filter((issue) => !isBeside(issue, issues)).flatMap((issue) => translate(issue, [])));
}

/** A text has a length too, which says nothing where a list belongs; and of two bounds the wider says nothing. */
function isBeside(issue: Issue, issues: readonly Issue[]): boolean {
  const place = issue.path.join();
  return (
    issue.code.startsWith('too_') &&
    issues.some((one) => (one.code === 'invalid_type' || isTighter(one, issue)) && one.path.join() === place)
  );
}

function isTighter(one: Issue, other: Issue): boolean {
  if (one.code === 'too_big' && other.code === 'too_big') return one.maximum < other.maximum;
  return one.code === 'too_small' && other.code === 'too_small' && one.minimum > other.minimum;
}

/** Each once, as what one place says may be found of many items; and the first `LIMITS.refusals`: the last one then says how many were left out. */
export function bounded(refusals: readonly Refusal[]): Refusal[] {
  const all = [...new Map(refusals.map((refusal) => [JSON.stringify(refusal), refusal])).values()];
  if (all.length <= LIMITS.refusals) return all;
  const kept = all.slice(0, LIMITS.refusals - 1);
  const left = all.length - kept.length;
  const fix = 'Mend the ones above first.';
  return [...kept, { code: 'SPEC_INVALID', path: 'document', problem: `there are ${left} more problems`, fix }];
}

/** Text that came from outside: quoted, short, and safe for a terminal. */
export function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return printable(JSON.stringify(short.toWellFormed()));
}

/** Control characters and those that turn the direction of writing are written as escapes. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

function translate(issue: Issue, prefix: Path): Refusal[] {
  const path = [...prefix, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey([...path, key], key, issue.message.split('\n')[1]?.split(' ') ?? []));
    case 'invalid_union':
      return translateUnion(issue, path);
    case 'invalid_key':
      return issue.issues.slice(0, 1).flatMap((inner) => translate(inner as Issue, path));
    case 'custom':
      return issue.params === undefined
        ? [refusal('SPEC_INVALID', path, ...said(issue.message))]
        : [{ ...(issue.params as unknown as Finding), path: formatPath(path) }];
    case 'too_big':
      return [refusal('SPEC_LIMIT', path, ...tooBig(issue))];
    case 'too_small':
      return [refusal(issue.origin === 'number' ? 'SPEC_LIMIT' : 'SPEC_INVALID', path, ...tooSmall(issue))];
    case 'invalid_type':
      return [refusal('SPEC_INVALID', path, ...wrongType(issue))];
    case 'invalid_value':
      return [oneOf(path, issue.values.map(String), issue.input)];
    default:
      return [refusal('SPEC_INVALID', path, ...said(issue.message))];
  }
}

/** The author meant one branch: the one whose type fits, that knows most of the keys, that has least to complain about. */
function translateUnion(issue: z.core.$ZodIssueInvalidUnion, path: Path): Refusal[] {
  if (issue.discriminator !== undefined) {
    const options = (issue as { options?: unknown[] }).options ?? [];
    const value = (issue.input as Record<string, unknown> | undefined)?.[issue.discriminator];
    return [oneOf(path, options.map(String), value)];
  }
  const fitting = issue.errors.filter((branch) => !branch.some(isOfOtherType));
  const weight = (branch: readonly Issue[]): number =>
    branch.length +
    branch.reduce((sum, one) => sum + (one.code === 'unrecognized_keys' ? 100 * one.keys.length : 0), 0);
  const [meant] = fitting.toSorted((a, b) => weight(a) - weight(b));
  if (meant !== undefined) return meant.flatMap((inner) => translate(inner, path));
  return [refusal('SPEC_INVALID', path, ...said(issue.message))];
}

function isOfOtherType(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_value') return typeof issue.input !== typeof issue.values[0];
  return issue.code === 'invalid_type';
}

function unknownKey(path: Path, key: string, known: readonly string[]): Refusal {
  const near = nearest(key, known);
  const fix = near === null ? `Remove it. Known here: ${known.join(', ')}.` : `Write \`${near}\`, or remove it.`;
  return refusal('SPEC_UNKNOWN_KEY', path, `${quote(key)} is not a known key`, fix);
}

function oneOf(path: Path, options: readonly string[], input: unknown): Refusal {
  const list = options.map((option) => `\`${option}\``).join(', ');
  const choice = options.length === 1 ? `Write ${list}.` : `Write one of ${list}.`;
  if (input === undefined) return refusal('SPEC_INVALID', path, 'the value is missing', choice);
  const word = typeof input === 'string' ? input : '';
  // What stands behind a syllable, such as `impure`, most often is the contrary of what it was taken for.
  const isContrary = options.some((option) => word !== option && word.endsWith(option));
  const near = word === '' || isContrary ? null : nearest(word, options);
  return refusal(
    'SPEC_INVALID',
    path,
    `${describe(input)} is not allowed here`,
    near === null ? choice : `Write \`${near}\`.`,
  );
}

function wrongType(issue: z.core.$ZodIssueInvalidType): [string, string] {
  const wanted = TYPE_NAMES[issue.expected] ?? issue.expected;
  if (issue.input === undefined) return ['the value is missing', `Add it; it is ${wanted}.`];
  return [`${describe(issue.input)} stands where ${wanted} belongs`, `Write ${wanted}.`];
}

const TYPE_NAMES: Record<string, string> = {
  object: 'an object',
  record: 'an object',
  array: 'a list',
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function tooBig(issue: z.core.$ZodIssueTooBig): [string, string] {
  if (issue.origin === 'number') return [`the number is over ${issue.maximum}`, `Use at most ${issue.maximum}.`];
  const most = amount(issue.maximum, issue.origin);
  return [`there are more than ${most}`, `Use at most ${most}.`];
}

function tooSmall(issue: z.core.$ZodIssueTooSmall): [string, string] {
  if (issue.origin === 'number') return [`the number is under ${issue.minimum}`, `Use at least ${issue.minimum}.`];
  const given = (issue.input as { length?: number } | undefined)?.length ?? 0;
  const problem = given === 0 ? 'it is empty' : `it has ${given}`;
  return [problem, `Give at least ${amount(issue.minimum, issue.origin)}.`];
}

function amount(count: number | bigint, origin: string): string {
  const [one, many] = UNITS[origin] ?? ['', ''];
  return `${count}${count === 1 ? one : many}`;
}

const UNITS: Record<string, [string, string]> = {
  string: [' character', ' characters'],
  array: [' entry', ' entries'],
};

function said(message: string): [string, string] {
  const [problem, fix] = message.split('\n');
  return [problem ?? 'it is not valid', fix ?? 'See the JSON Schema of run specs.'];
}

function describe(input: unknown): string {
  if (typeof input === 'string') return quote(input);
  if (input === null || typeof input === 'boolean' || typeof input === 'number') return String(input);
  return Array.isArray(input) ? 'a list' : 'an object';
}

function refusal(code: ErrorCode, path: Path, problem: string, fix: string): Refusal {
  return { code, path: formatPath(path), problem, fix };
}
