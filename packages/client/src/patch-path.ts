/** Paths as git writes them in a diff: plain, or in double quotes with C escapes when a byte is unusual. */

const ESCAPES: Record<string, number> = {
  a: 0x07,
  b: 0x08,
  t: 0x09,
  n: 0x0a,
  v: 0x0b,
  f: 0x0c,
  r: 0x0d,
  '"': 0x22,
  '\\': 0x5c,
};

export interface WrittenPath {
  /** What the rules for paths judge: every byte that is not UTF-8 stands as U+FFFD. */
  judged: string;
  /** The path; with git's octal escapes where its bytes are not UTF-8, which no judged path can look like. */
  shown: string;
}

/** Null when the quotes or escapes are not git's. */
export function parseQuotedPath(written: string): WrittenPath | null {
  if (!written.startsWith('"')) return { judged: written, shown: written };
  const bytes = unquote(written);
  if (bytes === null) return null;
  try {
    const path = decodeURIComponent(bytes.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''));
    return { judged: path, shown: path };
  } catch {
    const ascii = (byte: number): string => String.fromCharCode(byte);
    return {
      judged: bytes.map((byte) => (byte < 0x80 ? ascii(byte) : '\ufffd')).join(''),
      shown: bytes.map((byte) => (byte < 0x80 ? ascii(byte) : `\\${byte.toString(8)}`)).join(''),
    };
  }
}

/** The bytes between the quotes. */
function unquote(written: string): number[] | null {
  if (written.length < 2 || !written.endsWith('"')) return null;
  const inner = written.slice(1, -1);
  const bytes: number[] = [];
  for (let at = 0; at < inner.length; at++) {
    const character = inner.charAt(at);
    if (character === '"') return null;
    if (character !== '\\') {
      bytes.push(inner.charCodeAt(at));
      continue;
    }
    const octal = /^[0-3][0-7]{2}/.exec(inner.slice(at + 1, at + 4))?.[0];
    const byte = octal === undefined ? ESCAPES[inner.charAt(at + 1)] : Number.parseInt(octal, 8);
    if (byte === undefined) return null;
    bytes.push(byte);
    at += octal === undefined ? 1 : 3;
  }
  return bytes;
}
