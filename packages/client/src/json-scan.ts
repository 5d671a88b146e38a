/**
 * One pass over JSON text for what `JSON.parse` does not say: how deep it is nested, and whether an object names a key
 * twice (of which it would silently keep the last). Uses no call stack, needs no well-formed text, never throws.
 */
export interface JsonScan {
  /** Deepest nesting; counting stops one over the limit. */
  depth: number;
  /** Keys that stand twice in one object, where they stand the second time. */
  duplicates: { key: string; line: number; column: number }[];
}

/** At most this many duplicates are collected. */
const MAX_DUPLICATES = 20;

export function scanJson(text: string, maxDepth: number): JsonScan {
  /** One entry per open bracket: the keys seen so far, or null in a list. */
  const open: (Set<string> | null)[] = [];
  const duplicates: JsonScan['duplicates'] = [];
  let depth = 0;
  let expectsKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
      case 0x5b: // [
        expectsKey = text[at] === '{';
        open.push(expectsKey ? new Set() : null);
        depth = Math.max(depth, open.length);
        if (depth > maxDepth) return { depth, duplicates };
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        expectsKey = false;
        break;
      case 0x2c: // ,
        expectsKey = open.at(-1) instanceof Set;
        break;
      case 0x22: {
        const end = endOfString(text, at);
        const keys = open.at(-1);
        if (expectsKey && keys instanceof Set) {
          const key = readKey(text.slice(at, end + 1));
          if (keys.has(key) && duplicates.length < MAX_DUPLICATES) duplicates.push({ key, ...positionOf(text, at) });
          keys.add(key);
        }
        expectsKey = false;
        at = end;
        break;
      }
    }
  }
  return { depth, duplicates };
}

/** Line and column, from 1, of an offset. */
export function positionOf(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let next = text.indexOf('\n'); next >= 0 && next < offset; next = text.indexOf('\n', start)) {
    line++;
    start = next + 1;
  }
  return { line, column: offset - start + 1 };
}

/** The offset of the closing quote, or of the end of an unfinished string. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at;
    if (code === 0x5c) at++;
  }
  return text.length;
}

/** Escapes are read, so that `"a"` and `"\u0061"` are one key. */
function readKey(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}
