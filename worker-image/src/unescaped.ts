/**
 * Text as it was before a program wrote it for another one: without the quotes, backslashes and white space of a shell, a literal or JSON,
 * and with the characters that URLs, JSON, HTML and shells write as a number or a name.
 */

/** Bytes of a text, and where each of them came from. */
export interface Seen {
  text: Buffer;
  /** Where what is written there begins, and where it ends. */
  from: Uint32Array;
  to: Uint32Array;
  /** Where something begins that goes on in what follows; the length where nothing does. */
  open: number;
}

const HEX = '[0-9a-fA-F]';
/** Of backslashes that follow each other the last one counts: what was written once more is found too. */
const ESCAPE = new RegExp(
  [
    `^\\\\(?:u([dD][89abAB]${HEX}{2})\\\\{1,4}u([dD][c-fC-F]${HEX}{2})|u(${HEX}{4})|u\\{(${HEX}{1,6})\\}|U(${HEX}{8})`,
    `|x(${HEX}{2})|([0-3][0-7]{1,2}|[4-7][0-7])|[abefnrtv])`,
    `|^%(${HEX}{2})`,
    `|^&(?:#(\\d{1,7});?|#[xX](${HEX}{1,6});?|(amp|lt|gt|quot|apos);)`,
  ].join(''),
);
const BEGUN = new RegExp(
  [
    `^\\\\(?:u${HEX}{0,3}|u[dD][89abAB]${HEX}{2}(?:\\\\{1,4}(?:u${HEX}{0,3})?)?|u\\{${HEX}{0,6}|U${HEX}{0,7}|x${HEX}?|[0-3]?[0-7]?)?$`,
    `^%${HEX}?$`,
    '^&(?:#\\d{0,7}|#[xX][0-9a-fA-F]{0,6}|[a-z]{0,4})$',
  ].join('|'),
);
const LONGEST_ESCAPE = 16;
const NAMED: Readonly<Record<string, number>> = { amp: 0x26, lt: 0x3c, gt: 0x3e, quot: 0x22, apos: 0x27 };

const BACKSLASH = 0x5c;
const ESCAPE_BEGINS = '\\%&';
const BEGINS = tableOf(ESCAPE_BEGINS);
/** A form says a space as `+`. */
const LEFT_OUT = tableOf(`\\"'+${Array.from({ length: 0x21 }, (_, code) => String.fromCharCode(code)).join('')}`);

/**
 * @param isWhole nothing follows, and what has only begun is what it is
 * @param begins the characters whose escapes are read
 */
export function unescaped(bytes: Uint8Array, isWhole: boolean, begins: Uint8Array = BEGINS): Seen {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [text, from, to] = [Buffer.allocUnsafe(raw.length), new Uint32Array(raw.length), new Uint32Array(raw.length)];
  let length = 0;
  const put = (byte: number, begin: number, end: number): void => {
    if (LEFT_OUT[byte] === 1) return;
    text[length] = byte;
    from[length] = begin;
    to[length] = end;
    length += 1;
  };
  let at = 0;
  for (; at < raw.length; at += 1) {
    const byte = raw[at] as number;
    if (begins[byte] === 0) {
      put(byte, at, at + 1);
      continue;
    }
    const next = raw[at + 1];
    if (byte === BACKSLASH && next === BACKSLASH) continue;
    const written = raw.toString('latin1', at, Math.min(at + LONGEST_ESCAPE, raw.length));
    if (!isWhole && at + written.length === raw.length && BEGUN.test(written)) break;
    const found = ESCAPE.exec(written);
    if (found === null) {
      put(byte, at, at + 1);
      continue;
    }
    const end = at + found[0].length;
    for (const each of meant(found)) put(each, at, end);
    at = end - 1;
  }
  return { text: text.subarray(0, length), from, to, open: at };
}

/** A URL in a URL writes its `%` so: where there is none, a text that was read has nothing that could be read once more. */
export function hasEscapedPercent(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('%25');
}

/** What was seen in the text of `first`, by its places in what that was read from. */
export function placedIn(first: Seen, { text, from, to, open }: Seen): Seen {
  for (let at = 0; at < text.length; at += 1) {
    from[at] = first.from[from[at] as number] as number;
    to[at] = first.to[(to[at] as number) - 1] as number;
  }
  return { text, from, to, open: open < first.text.length ? (first.from[open] as number) : first.open };
}

/**
 * A text as it is read behind each quoting that it may have been put into. One that writes the `&` of it as something else, as HTML does,
 * leaves no reference to be read in it, but its `%2f` as it is; one of URLs does so with the `%`, and may keep the `&`.
 */
export function readBehindQuotings(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  let kinds = [''];
  for (const begin of ESCAPE_BEGINS) if (text.includes(begin)) kinds = kinds.flatMap((kind) => [kind, kind + begin]);
  return kinds.map((kind) => unescaped(bytes, true, tableOf(kind)).text);
}

function meant([
  ,
  high,
  low,
  unit,
  braced,
  long,
  byte,
  octal,
  url,
  decimal,
  hex,
  name,
]: RegExpExecArray): Iterable<number> {
  const single = byte ?? url;
  if (single !== undefined) return [Number.parseInt(single, 16)];
  if (octal !== undefined) return [Number.parseInt(octal, 8)];
  if (name !== undefined) return [NAMED[name] as number];
  if (high !== undefined && low !== undefined)
    return Buffer.from(String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)));
  const code = decimal === undefined ? Number.parseInt(unit ?? braced ?? long ?? hex ?? '0', 16) : Number(decimal);
  return code > 0x10ffff ? [] : Buffer.from(String.fromCodePoint(code));
}

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) table[byte] = 1;
  return table;
}
