/**
 * The part of JSON Schema (2020-12) that outputs are declared in. What is judged by it was written by strangers and is judged
 * beside signing keys, so every keyword here takes time that grows with the value alone: no references, no patterns, no
 * formats, no comparison of each with each.
 */
import { canonicalize } from '@waybill/verify';
import { byteLength } from './byte-length.ts';
import { quote } from './spec-issue.ts';

export type JsonSchema = Record<string, unknown>;

/** Inclusive. Bytes are those of the canonical form. */
export const SCHEMA_LIMITS = { bytes: 16 * 1024, schemas: 256, depth: 12, entries: 128, nameChars: 128 } as const;

export interface SchemaProblem {
  path: PropertyKey[];
  problem: string;
  fix: string;
}

type Member = [path: PropertyKey[], schema: unknown];
/** What a keyword holds: null and the schemas in it, or what it should be. */
type Judged = { wanted: string } | Member[];

const NOTHING: Judged = [];
const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const TYPES = ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'];

const isScalar = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber = (value: unknown): boolean => Number.isFinite(value);
const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= 1_024;
const isName = (value: unknown): boolean => typeof value === 'string' && value.length <= SCHEMA_LIMITS.nameChars;
const isType = (value: unknown): boolean => TYPES.includes(value as string);
const isList = (value: unknown, holds: (one: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length > 0 && value.length <= SCHEMA_LIMITS.entries && value.every(holds);

const plain =
  (holds: (value: unknown) => boolean, wanted: string) =>
  (value: unknown): Judged =>
    holds(value) ? NOTHING : { wanted };

const one = (value: unknown): Judged => [[[], value]];
const several = (value: unknown): Judged =>
  isList(value, () => true)
    ? (value as unknown[]).map((member, n): Member => [[n], member])
    : { wanted: `a list of 1 to ${SCHEMA_LIMITS.entries} schemas` };

function named(value: unknown): Judged {
  const names = isObject(value) ? Object.keys(value) : [];
  if (!isObject(value) || names.length > SCHEMA_LIMITS.entries || !names.every(isName))
    return { wanted: `at most ${SCHEMA_LIMITS.entries} schemas by name` };
  return names.map((key): Member => [[key], value[key]]);
}

const COUNT = plain(isCount, 'a whole number from 0');
const NUMBER = plain(isNumber, 'a number');
const TEXT = plain(isText, 'a text of at most 1024 characters');

const KEYWORDS: Readonly<Record<string, (value: unknown) => Judged>> = {
  $schema: plain((value) => value === DIALECT, DIALECT),
  title: TEXT,
  description: TEXT,
  type: plain((value) => isType(value) || isList(value, isType), `one of ${TYPES.join(', ')}, or a list of them`),
  enum: plain((value) => isList(value, isScalar), 'a list of texts, numbers, true, false or null'),
  const: plain(isScalar, 'a text, a number, true, false or null'),
  properties: named,
  required: plain((value) => isList(value, isName), 'a list of names'),
  additionalProperties: (value) => (typeof value === 'boolean' ? NOTHING : one(value)),
  items: one,
  minItems: COUNT,
  maxItems: COUNT,
  minLength: COUNT,
  maxLength: COUNT,
  minProperties: COUNT,
  maxProperties: COUNT,
  minimum: NUMBER,
  maximum: NUMBER,
  exclusiveMinimum: NUMBER,
  exclusiveMaximum: NUMBER,
  anyOf: several,
  oneOf: several,
  allOf: several,
  not: one,
};

const KNOWN = `Of JSON Schema these are taken: ${Object.keys(KEYWORDS).join(', ')}.`;

/** Everything that is wrong with a schema, each with its path in it; none: values may be judged by it. */
export function schemaProblems(schema: unknown): SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  const open: { path: PropertyKey[]; value: unknown; depth: number }[] = [{ path: [], value: schema, depth: 1 }];
  let seen = 0;
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    const { path, value, depth } = each;
    seen += 1;
    if (seen > SCHEMA_LIMITS.schemas || depth > SCHEMA_LIMITS.depth) {
      const problem = `there are more than ${SCHEMA_LIMITS.schemas} schemas in it, or ${SCHEMA_LIMITS.depth} in each other`;
      return [...problems, { path, problem, fix: 'Say less of it.' }];
    }
    if (!isObject(value)) {
      problems.push({ path, problem: 'it is no schema', fix: 'Write an object of keywords.' });
      continue;
    }
    for (const [keyword, held] of Object.entries(value)) {
      const judge = Object.hasOwn(KEYWORDS, keyword) ? KEYWORDS[keyword] : undefined;
      const judged = judge?.(held);
      const at = [...path, keyword];
      if (judged === undefined) {
        problems.push({ path: at, problem: `${quote(keyword)} is no keyword that outputs are held to`, fix: KNOWN });
      } else if ('wanted' in judged) {
        problems.push({ path: at, problem: 'it does not go with its keyword', fix: `Write ${judged.wanted}.` });
      } else
        for (const [below, member] of judged) open.push({ path: [...at, ...below], value: member, depth: depth + 1 });
    }
  }
  if (problems.length === 0 && byteLength(canonicalize(schema, { numbers: 'any' })) > SCHEMA_LIMITS.bytes) {
    const fix = 'Shorten names and descriptions.';
    problems.push({ path: [], problem: `it is over ${SCHEMA_LIMITS.bytes} bytes as JSON`, fix });
  }
  return problems;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
