/** What is looked for, and the readings of a text in which it is. */
import type { FormIndex } from './form-index.ts';
import { hasEscapedPercent, placedIn, type Seen } from './unescaped.ts';

/** So often a text may have been put into a URL. */
export const MOST_READINGS = 7;

export interface Sought {
  forms: FormIndex;
  /** For one byte of a form, unless there is white space or a quote. */
  mostWritten: number;
  mostReadings: number;
  seen(bytes: Uint8Array, isWhole: boolean): Seen;
}

/** The text as it is read, and as often once more as that may show something else. */
export function readingsOf({ mostReadings, seen: see }: Sought, bytes: Uint8Array, isWhole: boolean): Seen[] {
  let last = see(bytes, isWhole);
  const readings = [last];
  for (let read = bytes; readings.length < mostReadings && hasEscapedPercent(read); ) {
    read = last.text;
    last = placedIn(last, see(read, isWhole));
    readings.push(last);
  }
  return readings;
}

/**
 * Whether one of the forms ends in the chunk; nothing after that is looked at.
 * @param before what was read until here, as much of it as a form may have begun in
 */
export function lookFor(
  sought: Sought,
  readings = 1,
  before: Buffer = Buffer.alloc(0),
): (chunk: Uint8Array) => boolean {
  const { forms, seen: see, mostReadings } = sought;
  let tail = before;
  let open: Buffer = Buffer.alloc(0);
  let lookOnceMore: ((chunk: Uint8Array) => boolean) | undefined;
  return (chunk) => {
    const bytes = open.length === 0 ? chunk : Buffer.concat([open, chunk]);
    // Until here, what is read once more has been the same.
    if (lookOnceMore === undefined && readings < mostReadings && hasEscapedPercent(bytes))
      lookOnceMore = lookFor(sought, readings + 1, tail);
    const seen = see(bytes, false);
    open = Buffer.from(bytes.subarray(seen.open));
    const text = tail.length === 0 ? seen.text : Buffer.concat([tail, seen.text]);
    tail = Buffer.from(text.subarray(Math.max(0, text.length - forms.longest + 1)));
    // Nothing may follow: what has only begun may be what a secret ends with.
    const isFound = forms.isIn(open.length === 0 ? text : Buffer.concat([text, see(open, true).text]));
    return isFound || lookOnceMore?.(seen.text) === true;
  };
}
