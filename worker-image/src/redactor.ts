/**
 * Keeps secrets out of what leaves the worker. Text is looked at twice: without its white space, so that a form which was broken into
 * lines is found, and as it was before it was quoted. A form may begin in one chunk and end in another; what is held back for that is
 * bounded by the longest form. What stands in a URL of a URL is read as often as it was escaped, and looked at each time: nothing tells
 * an escaped percent sign before a secret from the escape of its first character.
 */
import { FormIndex } from './form-index.ts';
import { formsOf, quotedFormsOf } from './secret-forms.ts';
import { lookFor, MOST_READINGS, readingsOf, type Sought } from './sought.ts';
import { type Seen, unescaped } from './unescaped.ts';

/** White space or quotes inside of a form that has begun, beyond which it counts as none. */
const SLACK_BYTES = 64 * 1024;

export interface Redactor {
  /** The text with a mark in the place of each secret. */
  text(text: string): string;
  /** Whether there is a secret in it. */
  holds(bytes: Uint8Array | string): boolean;
  /** The same where letters of ASCII were put into another case on their way, as are those of host names. */
  holdsInAnyCase(text: string): boolean;
  /** Tells of a stream whether there has been a secret in it so far. */
  inspector(): (chunk: Uint8Array) => boolean;
  /** Hands on what comes, redacted. */
  stream(handOn: (bytes: Uint8Array) => void): RedactedStream;
}

export interface RedactedStream {
  write(bytes: Uint8Array): void;
  /** Nothing follows that belongs to what was held back. */
  flush(): void;
}

/** @param secrets values by their names */
export function createRedactor(secrets: ReadonlyMap<string, string>): Redactor {
  const sought = soughtOf(secrets, (form) => form);
  const held = sought.map(({ forms, mostWritten }) => mostWritten * forms.longest);
  const mostHeld = Math.max(0, ...held) + SLACK_BYTES;
  const stream: Redactor['stream'] = (handOn) =>
    sought.length === 0 ? { write: handOn, flush: () => {} } : new HeldStream(sought, mostHeld, handOn);
  const inspector: Redactor['inspector'] = () => {
    const looks = sought.map((each) => lookFor(each));
    let isFound = false;
    return (chunk) => {
      for (const look of looks) isFound ||= look(chunk);
      return isFound;
    };
  };
  let soughtInLowerCase: Sought[] | undefined;
  return {
    inspector,
    stream,
    holds: (bytes) => inspector()(Buffer.from(bytes as Uint8Array)),
    holdsInAnyCase(text) {
      soughtInLowerCase ??= soughtOf(secrets, inLowerCase);
      return soughtInLowerCase.some((each) => lookFor(each)(Buffer.from(text)));
    },
    text(text) {
      const parts: Uint8Array[] = [];
      const whole = stream((bytes) => parts.push(bytes));
      whole.write(Buffer.from(text));
      whole.flush();
      return Buffer.concat(parts).toString();
    },
  };
}

/** @param as how forms are looked for, and what they are looked for in */
function soughtOf(secrets: ReadonlyMap<string, string>, as: (text: Buffer) => Buffer): Sought[] {
  // An index is large, and most attempts have no secret.
  if (secrets.size === 0) return [];
  const indexOf = (forms: (secret: string) => Buffer[]): FormIndex =>
    new FormIndex(
      [...secrets].flatMap(([name, secret]) => {
        const mark = Buffer.from(`[secret ${name}]`);
        return forms(secret).map((bytes) => ({ bytes: as(bytes), mark }));
      }),
    );
  const seenAs =
    (see: Sought['seen']): Sought['seen'] =>
    (bytes, isWhole) => {
      const seen = see(bytes, isWhole);
      return { ...seen, text: as(seen.text) };
    };
  return [
    { forms: indexOf(formsOf), mostWritten: 2, mostReadings: 1, seen: seenAs(withoutSpace) },
    // As C and Python write it in a literal, and that in another one.
    { forms: indexOf(quotedFormsOf), mostWritten: 12, mostReadings: MOST_READINGS, seen: seenAs(unescaped) },
  ].filter(({ forms }) => forms.longest > 0);
}

function inLowerCase(text: Buffer): Buffer {
  return Buffer.from(text.toString('latin1').toLowerCase(), 'latin1');
}

class HeldStream implements RedactedStream {
  readonly #sought: readonly Sought[];
  readonly #mostHeld: number;
  readonly #handOn: (bytes: Uint8Array) => void;
  #held: Buffer = Buffer.alloc(0);
  /** So many bytes of what is held belong to a secret that was found. */
  #foundBytes = 0;

  constructor(sought: readonly Sought[], mostHeld: number, handOn: (bytes: Uint8Array) => void) {
    this.#sought = sought;
    this.#mostHeld = mostHeld;
    this.#handOn = handOn;
  }

  write(bytes: Uint8Array): void {
    this.#take(this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes]), false);
  }

  flush(): void {
    this.#take(this.#held, true);
  }

  #take(all: Buffer, isLast: boolean): void {
    const ways = this.#sought.flatMap((each) =>
      readingsOf(each, all, isLast).map((seen) => ({ forms: each.forms, seen })),
    );
    const found = ways.flatMap(({ forms, seen }) => forms.foundIn(seen));
    // By where they begin, the longest of those first.
    found.sort((a, b) => a.from - b.from || b.to - a.to);
    const begun = isLast ? all.length : Math.min(...ways.map(({ forms, seen }) => forms.beginIn(seen)));
    const until = Math.max(begun, all.length - this.#mostHeld);
    let at = Math.min(this.#foundBytes, until);
    let next = this.#foundBytes;
    for (const { from, to, mark } of found) {
      if (to <= next) continue;
      if (from >= until) break;
      // One that goes on where another has ended is part of it for whoever reads.
      if (from >= next) {
        this.#say(all.subarray(at, from));
        this.#say(mark);
      }
      next = to;
      at = Math.min(to, until);
    }
    this.#say(all.subarray(at, until));
    this.#foundBytes = Math.max(0, next - until);
    this.#held = Buffer.from(all.subarray(until));
  }

  #say(bytes: Uint8Array): void {
    if (bytes.byteLength > 0) this.#handOn(bytes);
  }
}

function withoutSpace(bytes: Uint8Array): Seen {
  const text = Buffer.allocUnsafe(bytes.byteLength);
  const [from, to] = [new Uint32Array(bytes.byteLength), new Uint32Array(bytes.byteLength)];
  let length = 0;
  for (let at = 0; at < bytes.byteLength; at += 1) {
    const byte = bytes[at] as number;
    if (byte <= 0x20) continue;
    text[length] = byte;
    from[length] = at;
    to[length] = at + 1;
    length += 1;
  }
  return { text: text.subarray(0, length), from, to, open: bytes.byteLength };
}
