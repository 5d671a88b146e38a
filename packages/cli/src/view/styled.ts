/**
 * Lines as data: what is said and in which tone, apart from how a terminal paints it. Views are pure functions to lines,
 * so that they can be tested as text and clipped without counting escape sequences.
 */
import { createColors } from 'picocolors';

export type Tone = 'good' | 'bad' | 'busy' | 'warn' | 'quiet' | 'strong';

/** A string is a segment without a tone. */
export type Segment = string | { text: string; tone: Tone };
export type Line = readonly Segment[];

export interface Paint {
  colour: boolean;
  /** Longer lines are cut; absent means that they may be of any length. */
  columns?: number;
}

type Colours = ReturnType<typeof createColors>;

const COLOUR_OF: Record<Tone, (colours: Colours) => (text: string) => string> = {
  good: (colours) => colours.green,
  bad: (colours) => colours.red,
  busy: (colours) => colours.cyan,
  warn: (colours) => colours.yellow,
  quiet: (colours) => colours.dim,
  strong: (colours) => colours.bold,
};

export function toned(tone: Tone, text: string): Segment {
  return { text, tone };
}

/** A line as a string, without the line break. */
export function paintLine(line: Line, { colour, columns = Number.POSITIVE_INFINITY }: Paint): string {
  const colours = createColors(colour);
  let left = columns;
  let painted = '';
  for (const segment of line) {
    const { text, tone } = typeof segment === 'string' ? { text: segment, tone: undefined } : segment;
    const shown = text.length > left ? text.slice(0, left) : text;
    left -= shown.length;
    painted += tone === undefined || shown.trim() === '' ? shown : COLOUR_OF[tone](colours)(shown);
    if (left <= 0) break;
  }
  return painted.trimEnd();
}

export function paintLines(lines: readonly Line[], paint: Paint): string {
  return lines.map((line) => `${paintLine(line, paint)}\n`).join('');
}
