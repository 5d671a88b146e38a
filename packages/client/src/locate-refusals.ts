/** Where in the text of a spec a refusal is about, for the person who wrote it. */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Refusal } from './errors.ts';
import { formatPath } from './spec-issue.ts';

/** Lines and columns count from 1. */
export interface TextPlace {
  line: number;
  column: number;
}

/**
 * A place for each refusal of `readSpec` that is not about an included file: of what it names, or of what that would stand in when it
 * is missing; null for what is about the whole text. The text is one that was read: as YAML, of which JSON is a part.
 */
export function locateRefusals(bytes: Uint8Array, refusals: readonly Pick<Refusal, 'path'>[]): (TextPlace | null)[] {
  const written = refusals.map(({ path }) => writtenPlace(path));
  const places = new Map<string, TextPlace | null>();
  for (const [n, { path }] of refusals.entries()) if (written[n] === null && path !== WHOLE) places.set(path, null);
  // of a text that went too far, nothing is searched
  if (places.size === 0) return written;
  const lines = new LineCounter();
  const text = new TextDecoder().decode(bytes);
  const { contents } = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: false,
    schema: 'core',
    logLevel: 'silent',
  });
  if (contents !== null) visit(contents, { path: [], lines, places });
  return refusals.map(({ path }, n) => written[n] ?? places.get(path) ?? null);
}

/** The path of what is about all of it. */
const WHOLE = 'document';

/** Of a text that could not be read, the path is the place. */
function writtenPlace(path: string): TextPlace | null {
  const [, line, column] = /^line (\d+), column (\d+)$/.exec(path) ?? [];
  return line === undefined ? null : { line: Number(line), column: Number(column) };
}

interface Visit {
  path: readonly PropertyKey[];
  lines: LineCounter;
  places: Map<string, TextPlace | null>;
}

/** Goes only where a refusal points to, so that a large spec costs no more than its refusals; a deep one was not read. */
function visit(node: unknown, { path, lines, places }: Visit): void {
  const children: [key: PropertyKey, at: unknown, value: unknown][] = isMap(node)
    ? node.items.map(({ key, value }) => [isScalar(key) ? String(key.value) : '', key, value])
    : isSeq(node)
      ? node.items.map((value, index) => [index, value, value])
      : [];
  for (const [key, at, value] of children) {
    const inner = [...path, key];
    const text = formatPath(inner);
    const below = [...places.keys()].filter((wanted) => isWithin(wanted, text));
    if (below.length === 0) continue;
    const { line, col } = lines.linePos((at as Node).range?.[0] ?? 0);
    for (const wanted of below) places.set(wanted, { line, column: col });
    visit(value, { path: inner, lines, places });
  }
}

function isWithin(wanted: string, text: string): boolean {
  return wanted === text || wanted.startsWith(`${text}.`) || wanted.startsWith(`${text}[`);
}
