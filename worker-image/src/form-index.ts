/** Where forms of secrets stand in a text: one pass over it, however many there are. */
import type { Seen } from './unescaped.ts';

interface Form {
  /** At least as many as there are in a place of the index. */
  bytes: Buffer;
  mark: Buffer;
}

interface Found {
  from: number;
  to: number;
  mark: Buffer;
}

const PLACES = 1 << 16;

export class FormIndex {
  /** Bytes of the longest one. */
  readonly longest: number;
  readonly #places = new Uint8Array(PLACES);
  readonly #byPlace = new Map<number, Form[]>();
  readonly #byFirst: Form[][] = Array.from({ length: 256 }, () => []);

  constructor(forms: readonly Form[]) {
    this.longest = forms.reduce((most, { bytes }) => Math.max(most, bytes.length), 0);
    for (const form of forms) {
      const place = placeOf(form.bytes, 0);
      this.#places[place] = 1;
      this.#byPlace.set(place, [...(this.#byPlace.get(place) ?? []), form]);
      this.#byFirst[form.bytes[0] as number]?.push(form);
    }
  }

  /** In the order in which they begin. */
  foundIn({ text, from, to }: Seen): Found[] {
    const found: Found[] = [];
    for (let at = 0; at + 3 <= text.length; at += 1) {
      const place = placeOf(text, at);
      if (this.#places[place] === 0) continue;
      for (const { bytes, mark } of this.#byPlace.get(place) ?? []) {
        if (!stands(bytes, text, at)) continue;
        found.push({ from: from[at] as number, to: to[at + bytes.length - 1] as number, mark });
      }
    }
    return found;
  }

  isIn(text: Buffer): boolean {
    for (let at = 0; at + 3 <= text.length; at += 1) {
      const place = placeOf(text, at);
      if (this.#places[place] === 0) continue;
      if (this.#byPlace.get(place)?.some(({ bytes }) => stands(bytes, text, at))) return true;
    }
    return false;
  }

  /** Where the first one begins that may go on in what follows; what is open where none does. */
  beginIn({ text, from, open }: Seen): number {
    for (let at = Math.max(0, text.length - this.longest + 1); at < text.length; at += 1) {
      const left = text.length - at;
      if (left >= 3 && this.#places[placeOf(text, at)] === 0) continue;
      for (const { bytes } of this.#byFirst[text[at] as number] ?? [])
        if (bytes.length > left && text.compare(bytes, 0, left, at) === 0) return from[at] as number;
    }
    return open;
  }
}

/** Of three bytes. */
function placeOf(bytes: Uint8Array, at: number): number {
  const [first, second, third] = [bytes[at] as number, bytes[at + 1] as number, bytes[at + 2] as number];
  return (first ^ (second << 5) ^ (third << 10)) & (PLACES - 1);
}

function stands(bytes: Buffer, text: Buffer, at: number): boolean {
  return at + bytes.length <= text.length && text.compare(bytes, 0, bytes.length, at, at + bytes.length) === 0;
}
