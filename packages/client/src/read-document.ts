/**
 * Bytes to one plain JSON value, or every reason why not. The bytes may come from anyone: sizes and nesting are checked
 * before the text is interpreted, and nothing is thrown.
 */
import type { Refusal } from './errors.ts';
import { positionOf, scanJson } from './json-scan.ts';
import { LIMITS } from './limits.ts';
import { bounded, formatPath, quote } from './spec-issue.ts';
import { at, type ReadDocument, refused, syntaxError, tooDeep } from './syntax-refusal.ts';

/** Reads what a person writes, of which JSON is a part. It is handed in: a control plane takes JSON and holds no YAML. */
export type ReadWritten = (text: string) => ReadDocument;

export type { ReadDocument };

/** @param readWritten for a document that may be other than JSON */
export function readDocument(bytes: Uint8Array, readWritten?: ReadWritten): ReadDocument {
  if (bytes.length > LIMITS.specBytes) return refused(tooLarge('the document has'));
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refused(syntaxError('the bytes are not UTF-8', 'Save the file as UTF-8 text.', placeOfNoText(bytes)));
  }
  const read = readWritten === undefined || /^\s*[{[]/.test(text) ? readJson(text) : readWritten(text);
  // Flow style YAML also starts with a bracket; a file that is neither is explained as what it looks like.
  const settled = !read.ok && readWritten && isJsonSyntaxError(read.refusals) ? readWritten(text) : read;
  if (!settled.ok) return settled;
  const problems = inspect(settled.value);
  return problems.length === 0 ? settled : { ok: false, refusals: bounded(problems), value: settled.value };
}

/** A line feed is part of no other character, so the first line that is no text can be told by itself. */
function placeOfNoText(bytes: Uint8Array): string {
  const isText = new TextDecoder('utf-8', { fatal: true });
  for (let line = 1, start = 0; start <= bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    const part = bytes.subarray(start, end < 0 ? bytes.length : end);
    try {
      isText.decode(part);
    } catch {
      return at({ line, column: new TextDecoder().decode(part).indexOf('\ufffd') + 1 });
    }
    if (end < 0) break;
    start = end + 1;
  }
  return 'document';
}

const JSON_SYNTAX_PROBLEM = 'the text is not JSON';

function isJsonSyntaxError(refusals: readonly Refusal[]): boolean {
  return refusals[0]?.problem.startsWith(JSON_SYNTAX_PROBLEM) ?? false;
}

function readJson(text: string): ReadDocument {
  const { depth, duplicates } = scanJson(text, LIMITS.nesting);
  if (depth > LIMITS.nesting) return refused(tooDeep());
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const isCutOff = /end of JSON input/.test(String(error));
    const offset = isCutOff ? String(text.length) : /position (\d+)/.exec(String(error))?.[1];
    const place = offset === undefined ? 'document' : at(positionOf(text, Number(offset)));
    return refused(syntaxError(JSON_SYNTAX_PROBLEM, 'Check quotes, commas and brackets there.', place));
  }
  if (duplicates.length === 0) return { ok: true, value };
  const refusals = duplicates.map(({ key, ...place }) =>
    syntaxError(`the key ${quote(key)} stands twice in one object`, 'Keep one of them.', at(place)),
  );
  return { ok: false, refusals };
}

/** A value that holds others, and how to get there. */
interface Place {
  value: object;
  depth: number;
  key?: PropertyKey;
  parent?: Place;
}

/** What JSON cannot carry and YAML or a hostile author could bring along. Without recursion; shared values count each time. */
function inspect(root: unknown): Refusal[] {
  const problems: Refusal[] = [];
  const open: Place[] = [];
  // In the place of each beyond those that `bounded` keeps.
  const untold = broken([], 'is told no more');
  let values = 0;
  let characters = 0;
  const take = (value: unknown, key?: PropertyKey, parent?: Place): void => {
    values++;
    const problem = scalarProblem(value) ?? (typeof key === 'string' ? keyProblem(key) : null);
    // Those that are told no more are counted, and values too: where aliases make much of little, judging the rest would not end.
    const isTold = problems.length < LIMITS.refusals;
    if (problem !== null)
      problems.push(isTold ? broken([...pathOf(parent), ...(key === undefined ? [] : [key])], problem) : untold);
    characters += (typeof value === 'string' ? value.length : 0) + (typeof key === 'string' ? key.length : 0);
    if (typeof value !== 'object' || value === null) return;
    open.push({
      value,
      depth: (parent?.depth ?? 0) + 1,
      ...(key === undefined ? {} : { key }),
      ...(parent ? { parent } : {}),
    });
  };
  take(root);
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (place.depth > LIMITS.nesting) return [tooDeep()];
    const entries = Array.isArray(place.value) ? place.value.entries() : Object.entries(place.value);
    for (const [key, child] of entries) take(child, key, place);
    if (values > LIMITS.values || characters > LIMITS.specBytes)
      return [tooLarge('the document with its aliases expanded has')];
  }
  return problems;
}

function scalarProblem(value: unknown): string | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : 'the text holds half a surrogate pair';
  if (typeof value === 'number') return Number.isFinite(value) ? null : 'the number is not finite';
  return null;
}

function keyProblem(key: string): string | null {
  if (key === '__proto__') return 'the key is reserved';
  return key.isWellFormed() ? null : 'the key holds half a surrogate pair';
}

function pathOf(place: Place | undefined): PropertyKey[] {
  const path: PropertyKey[] = [];
  for (let at = place; at?.key !== undefined; at = at.parent) path.unshift(at.key);
  return path;
}

function broken(path: PropertyKey[], problem: string): Refusal {
  return { code: 'SPEC_INVALID', path: formatPath(path), problem, fix: 'Remove it.' };
}

function tooLarge(what: string): Refusal {
  const problem = `${what} more than ${LIMITS.specBytes} bytes or ${LIMITS.values} values`;
  return { code: 'SPEC_TOO_LARGE', path: 'document', problem, fix: 'Split the run, or move scripts into the source.' };
}
