/**
 * Canonical JSON: RFC 8785 (JCS) over I-JSON (RFC 7493).
 *
 * Signatures and trees cover raw bytes, so parsing must never be more generous than writing: a document is accepted only
 * when writing it again yields the very same bytes. That one rule refuses duplicate keys, white space, `1.0` for `1`,
 * needless escapes, unsorted keys and a byte order mark.
 */
import { EvidenceError } from '../evidence-error.ts';

export interface JsonLimits {
  /** Deepest nesting of arrays and objects. */
  maxDepth?: number;
  /** Most values (scalars, arrays and objects together) in one document. */
  maxNodes?: number;
  /** `integers`: only n with |n| < 2^53, the evidence rule. `any`: every finite double, as RFC 8785 allows. */
  numbers?: 'integers' | 'any';
}

export const MAX_JSON_DEPTH = 32;
export const MAX_JSON_NODES = 200_000;

/**
 * The RFC 8785 form of a JSON value. Throws EvidenceError `JSON_VALUE` for what JSON cannot carry (undefined, NaN, class
 * instances, lone surrogates, fractions unless allowed) and `JSON_LIMIT` past the depth limit, which also stops cycles.
 */
export function canonicalize(value: unknown, limits: JsonLimits = {}): string {
  const isInOrder = examine(value, limits.maxDepth ?? MAX_JSON_DEPTH, limits.numbers === 'any');
  // RFC 8785 writes scalars as ECMAScript does; what is left to it is the order of keys.
  return isInOrder ? JSON.stringify(value) : writeSorted(value);
}

/**
 * Parses bytes that must be their own canonical form. Throws EvidenceError `JSON_SYNTAX`, `JSON_VALUE`, `JSON_LIMIT`
 * or `JSON_NOT_CANONICAL`.
 */
export function parseCanonical(source: Uint8Array | string, limits: JsonLimits = {}): unknown {
  const text = typeof source === 'string' ? source : decodeUtf8(source);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new EvidenceError('JSON_SYNTAX', 'not JSON');
  }
  const maxNodes = limits.maxNodes ?? MAX_JSON_NODES;
  // A document has at least as many characters as values, so that short ones need no count.
  if (text.length > maxNodes && exceedsNodes(value, maxNodes)) {
    throw new EvidenceError('JSON_LIMIT', `more than ${maxNodes} JSON values`);
  }
  if (canonicalize(value, limits) !== text) {
    throw new EvidenceError('JSON_NOT_CANONICAL', 'JSON is not in its canonical form (RFC 8785)');
  }
  return value;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 to text, strictly: a byte order mark stays visible, a broken sequence throws EvidenceError `JSON_SYNTAX`. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new EvidenceError('JSON_SYNTAX', 'not UTF-8');
  }
}

/**
 * Whether all keys stand in the order of RFC 8785, by UTF-16 code units. Throws for what JSON or the limits exclude. The
 * keys that look like numbers are never in order where a JavaScript object sorts them otherwise.
 */
function examine(value: unknown, depthLeft: number, anyNumber: boolean): boolean {
  switch (typeof value) {
    case 'string':
      mustBeWellFormed(value);
      return true;
    case 'number':
      if (Number.isSafeInteger(value) || (anyNumber && Number.isFinite(value))) return true;
      throw new EvidenceError('JSON_VALUE', 'a number is not an integer between -2^53 and 2^53');
    case 'boolean':
      return true;
    case 'object':
      if (value === null) return true;
      if (depthLeft === 0) throw new EvidenceError('JSON_LIMIT', 'JSON is nested too deeply');
      return Array.isArray(value)
        ? examineArray(value, depthLeft - 1, anyNumber)
        : examineObject(value, depthLeft - 1, anyNumber);
    default:
      throw new EvidenceError('JSON_VALUE', `JSON cannot carry a value of type ${typeof value}`);
  }
}

function mustBeWellFormed(text: string): void {
  if (!text.isWellFormed()) throw new EvidenceError('JSON_VALUE', 'a string holds a lone surrogate');
}

function examineArray(items: readonly unknown[], depthLeft: number, anyNumber: boolean): boolean {
  let isInOrder = true;
  for (let index = 0; index < items.length; index++) {
    if (!examine(items[index], depthLeft, anyNumber)) isInOrder = false;
  }
  return isInOrder;
}

function examineObject(object: object, depthLeft: number, anyNumber: boolean): boolean {
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new EvidenceError('JSON_VALUE', 'JSON cannot carry an instance of a class');
  }
  const record = object as Record<string, unknown>;
  const keys = Object.keys(record);
  let isInOrder = true;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    mustBeWellFormed(key);
    if (index > 0 && (keys[index - 1] as string) > key) isInOrder = false;
    if (!examine(record[key], depthLeft, anyNumber)) isInOrder = false;
  }
  return isInOrder;
}

/** Of a value that has been examined. */
function writeSorted(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(writeSorted).join(',')}]`;
  const record = value as Record<string, unknown>;
  let members = '';
  for (const key of Object.keys(record).sort()) {
    members += `${members === '' ? '' : ','}${quote(key)}:${writeSorted(record[key])}`;
  }
  return `{${members}}`;
}

const NEEDS_NO_ESCAPE = /^[ !#-[\]-~]*$/;

/** Most texts need no escape, and asking first takes half of the time of JSON.stringify. */
function quote(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** Counts with a stack of its own: the value comes from outside and may be deeper than the call stack. */
function exceedsNodes(root: unknown, maxNodes: number): boolean {
  const open: unknown[] = [root];
  let nodes = 0;
  while (open.length > 0) {
    if (++nodes + open.length > maxNodes + 1) return true;
    const value = open.pop();
    if (typeof value === 'object' && value !== null) {
      for (const child of Object.values(value)) open.push(child);
    }
  }
  return false;
}
