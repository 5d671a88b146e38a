/**
 * Strict DER (ITU-T X.690): one encoding for one value, so that a token has no second form that still verifies. The whole
 * input is read into a tree at once, each value checked where its type is known from its tag; values under context tags
 * are checked by whoever knows their type. Bytes are never copied.
 */
import { TimestampError } from './timestamp-error.ts';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context tags: [n] around other values, and [n] in place of the tag of a primitive one. */
export const around = (n: number): number => 0xa0 | n;
export const inPlaceOf = (n: number): number => 0x80 | n;

const MAX_DEPTH = 24;
/** ENUMERATED, and the string types besides UTF8String that names may hold. */
const OTHER_PRIMITIVES = new Set([0x0a, 0x12, 0x13, 0x14, 0x16, 0x1a, 0x1c, 0x1e]);
const KNOWN_PRIMITIVES = new Set<number>([...Object.values(TAG).filter((tag) => tag < 0x20), ...OTHER_PRIMITIVES]);

export interface DerNode {
  tag: number;
  /** Of the whole value, from its tag on. */
  bytes: Uint8Array;
  content: Uint8Array;
  /** What a constructed value holds; nothing for a primitive one. */
  children: readonly DerNode[];
}

/** The parts of strictness that a test takes away one by one to see what each refuses. */
export interface DerRules {
  minimalLengths: boolean;
  minimalIntegers: boolean;
  trueIsFf: boolean;
  sortedSets: boolean;
  nothingAfter: boolean;
}

export const STRICT_DER: DerRules = {
  minimalLengths: true,
  minimalIntegers: true,
  trueIsFf: true,
  sortedSets: true,
  nothingAfter: true,
};

/** Reads one value that fills the input. Throws TimestampError `encoding`; `what` names the input in the reason. */
export function readDer(input: Uint8Array, what: string, rules: DerRules = STRICT_DER): DerNode {
  const reading: DerReading = new DerReading(input, what, rules);
  const node = reading.value(0, input.length, 0);
  reading.must(node.bytes.length === input.length || !rules.nothingAfter, node.bytes.length, 'bytes after the end');
  return node;
}

class DerReading {
  readonly #input: Uint8Array;
  readonly #what: string;
  readonly #rules: DerRules;

  constructor(input: Uint8Array, what: string, rules: DerRules) {
    this.#input = input;
    this.#what = what;
    this.#rules = rules;
  }

  must(holds: boolean, at: number, problem: string): asserts holds {
    if (!holds) throw new TimestampError('encoding', `${this.#what} is not DER: ${problem} (byte ${at})`);
  }

  /** The value that begins at `start` and ends before `end`. */
  value(start: number, end: number, depth: number): DerNode {
    this.must(depth <= MAX_DEPTH, start, `more than ${MAX_DEPTH} values inside each other`);
    const tag = this.#byte(start, end);
    this.#requireTag(tag, start);
    const { first, length } = this.#length(start + 1, end);
    this.must(length <= end - first, start, 'the value is cut short');
    const last = first + length;
    const bytes = this.#input.subarray(start, last);
    const content = this.#input.subarray(first, last);
    const children: DerNode[] = [];
    if ((tag & 0x20) !== 0) {
      for (let at = first; at < last; ) {
        const child = this.value(at, last, depth + 1);
        children.push(child);
        at += child.bytes.length;
      }
    }
    const node = { tag, bytes, content, children };
    const problem = this.#problemOf(node);
    this.must(problem === undefined, start, problem ?? '');
    return node;
  }

  #byte(at: number, end: number): number {
    const byte = at < end ? this.#input[at] : undefined;
    this.must(byte !== undefined, at, 'the value is cut short');
    return byte;
  }

  #requireTag(tag: number, at: number): void {
    const isContext = (tag & 0xc0) === 0x80 && (tag & 0x1f) !== 0x1f;
    const isConstructed = tag === TAG.sequence || tag === TAG.set;
    this.must(isContext || isConstructed || KNOWN_PRIMITIVES.has(tag), at, `unknown type 0x${hexByte(tag)}`);
  }

  /** Definite lengths only, in as few bytes as there can be. */
  #length(at: number, end: number): { first: number; length: number } {
    const short = this.#byte(at, end);
    if (short < 0x80) return { first: at + 1, length: short };
    this.must(short !== 0x80, at, 'an indefinite length');
    const count = short & 0x7f;
    this.must(count <= 4, at, 'a length of more than four bytes');
    let length = 0;
    for (let n = 1; n <= count; n++) length = length * 256 + this.#byte(at + n, end);
    const isMinimal = length >= 0x80 && length >= 256 ** (count - 1);
    this.must(isMinimal || !this.#rules.minimalLengths, at, 'a length in more bytes than it needs');
    return { first: at + 1 + count, length };
  }

  #problemOf({ tag, content, children }: DerNode): string | undefined {
    const { minimalIntegers, trueIsFf, sortedSets } = this.#rules;
    if (tag === TAG.boolean && trueIsFf) return isBoolean(content) ? undefined : 'a BOOLEAN that is neither 00 nor FF';
    if (tag === TAG.integer && minimalIntegers) return integerProblem(content);
    if (tag === TAG.null) return content.length === 0 ? undefined : 'a NULL with content';
    if (tag === TAG.objectId) return isObjectId(content) ? undefined : 'a broken object identifier';
    if (tag === TAG.bitString) return isBitString(content) ? undefined : 'a broken BIT STRING';
    if (tag === TAG.set && sortedSets) return isSorted(children) ? undefined : 'a SET that is not sorted';
    return undefined;
  }
}

/** A BOOLEAN without its tag. */
function isBoolean(content: Uint8Array): boolean {
  return content.length === 1 && (content[0] === 0 || content[0] === 0xff);
}

/** What is wrong with the content of an INTEGER, also of one whose tag a context tag replaced. */
export function integerProblem(content: Uint8Array): string | undefined {
  const [first, second = 0] = content;
  if (first === undefined) return 'an INTEGER without content';
  const isPadded = content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  return isPadded ? 'an INTEGER in more bytes than it needs' : undefined;
}

/** Arcs in base 128, each in as few bytes as there can be, the last one complete. */
function isObjectId(content: Uint8Array): boolean {
  if (content.length === 0 || content.length > 64 || (content.at(-1) as number) >= 0x80) return false;
  return content.every((byte, n) => byte !== 0x80 || (n > 0 && (content[n - 1] as number) >= 0x80));
}

/** The first byte counts the unused bits at the end, which are zero. */
function isBitString(content: Uint8Array): boolean {
  const unused = content[0];
  if (unused === undefined || unused > 7) return false;
  if (content.length === 1) return unused === 0;
  return ((content.at(-1) as number) & ((1 << unused) - 1)) === 0;
}

/** The order that DER gives to the values of a SET OF: by their bytes. */
export function isSorted(nodes: readonly DerNode[]): boolean {
  return nodes.every((node, n) => n === 0 || compareBytes((nodes[n - 1] as DerNode).bytes, node.bytes) <= 0);
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let n = 0; n < shared; n++) {
    const difference = (a[n] as number) - (b[n] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Text of a stranger, made harmless for reasons: printable ASCII, `?` for everything else, 64 bytes at most. */
export function printable(content: Uint8Array): string {
  return Array.from(content.subarray(0, 64), (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?',
  ).join('');
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
