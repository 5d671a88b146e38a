/** Whether what an attempt left is what its item declares: values of JSON files against a bounded part of JSON Schema. */
import { type JsonSchema, schemaProblems } from '@waybill/client/output-schema';
import { decodeUtf8, type InvalidOutput } from '@waybill/verify';
import { type Judge, judgeBy, type Steps } from './judge-value.ts';

/** Of all outputs of one attempt that have a schema: they are parsed where results are signed. */
export const MAX_TYPED_BYTES: number = 4 * 1024 * 1024;

/** Of all outputs of one attempt together: what a schema asks of a value may be many times what the value has of bytes. */
export const MAX_TYPED_STEPS = 16_000_000;

export type Unfit = Omit<InvalidOutput, 'output'>;

/**
 * What is wrong with the bytes of one file; null: it is of its type. Whatever happens while they are judged is a problem of theirs.
 * @param schema as its plan has it, in JSON
 * @param steps that are left to the attempt; what judging costs is taken off
 */
export function unfitness(kind: 'json' | 'jsonl', schema: string, bytes: Uint8Array, steps: Steps): Unfit | null {
  try {
    const judge = judgeOf(schema);
    return judge === null ? UNJUDGED : unfitBytes(kind, judge, bytes, steps);
  } catch {
    return UNJUDGED;
  }
}

/** Nobody has looked at the schema, which was not submitted by our client. */
const UNJUDGED: Unfit = { problem: 'schema', rule: '/' };

/** Null: the schema is none that values may be judged by. */
function judgeOf(text: string): Judge | null {
  const schema = JSON.parse(text) as JsonSchema;
  return schemaProblems(schema).length > 0 ? null : judgeBy(schema);
}

function unfitBytes(kind: 'json' | 'jsonl', judge: Judge, bytes: Uint8Array, steps: Steps): Unfit | null {
  let text: string;
  try {
    text = decodeUtf8(bytes);
  } catch {
    return { problem: 'not_json' };
  }
  if (kind === 'json') return unfitText(text, judge, steps);
  // A line feed ends a line, so that nothing stands behind the last.
  const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : text === '' ? [] : text.split('\n');
  for (const [n, line] of lines.entries()) {
    const unfit = unfitText(line, judge, steps);
    if (unfit !== null) return { ...unfit, line: n + 1 };
  }
  return null;
}

function unfitText(text: string, judge: Judge, steps: Steps): Unfit | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: 'not_json' };
  }
  if (!isWellFormed(text)) return { problem: 'not_json' };
  const rule = judge(value, steps);
  if (steps.left < 0) return { problem: 'too_large' };
  return rule === null ? null : { problem: 'schema', rule };
}

const SURROGATE = /\\u[dD][89a-fA-F]/;
const HIGH = /^\\u[dD][89abAB]/;
const LOW = /^\\u[dD][c-fC-F]/;

/** Of text in UTF-8 that is JSON: half a surrogate pair can only be written as an escape, and nobody can hand it on as UTF-8. */
function isWellFormed(text: string): boolean {
  if (!SURROGATE.test(text)) return true;
  let endOfHigh = -1;
  for (const { 0: written, index } of text.matchAll(/\\(?:u.{4}|.)/gs)) {
    const isPaired = index === endOfHigh && LOW.test(written);
    if (endOfHigh !== -1 && !isPaired) return false;
    if (endOfHigh === -1 && LOW.test(written)) return false;
    endOfHigh = HIGH.test(written) ? index + written.length : -1;
  }
  return endOfHigh === -1;
}
