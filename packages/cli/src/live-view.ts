/**
 * A screen that is redrawn in place. It uses the terminal's alternate screen and always draws from its top left corner, so
 * nothing depends on where an earlier frame ended or how the terminal wraps lines when it is resized; what stays is printed
 * afterwards on the normal screen. A frame is one write, cut to the screen, and never clears before it draws: no flicker.
 */
import type { Terminal } from './terminal.ts';
import { type Line, paintLine } from './view/styled.ts';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE_END = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
/** Terminals that know it show the frame at once; others pass over it. */
const BEGIN_UPDATE = '\x1b[?2026h';
const END_UPDATE = '\x1b[?2026l';

/** Makes the lines of a screen of this size; more than `rows` lines are cut. */
export type Frame = (size: { columns: number; rows: number }) => readonly Line[];

export class LiveView {
  readonly #terminal: Terminal;
  #frame: Frame | undefined;
  #shown = '';
  readonly #onResize = (): void => {
    // the terminal may have moved or dropped anything: the same frame must be drawn again
    this.#shown = '';
    this.#draw();
  };

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Shows the frame; the first call takes the screen. */
  show(frame: Frame): void {
    if (this.#frame === undefined) {
      this.#terminal.out.write(ENTER);
      this.#terminal.out.on?.('resize', this.#onResize);
    }
    this.#frame = frame;
    this.#draw();
  }

  /** Gives the screen back. Safe to call at any time, also twice. */
  close(): void {
    if (this.#frame === undefined) return;
    this.#frame = undefined;
    this.#shown = '';
    this.#terminal.out.off?.('resize', this.#onResize);
    this.#terminal.out.write(LEAVE);
  }

  #draw(): void {
    const { columns, rows, colour, out } = this.#terminal;
    const lines = (this.#frame?.({ columns, rows }) ?? []).slice(0, rows);
    // the last column stays free: writing it would put some terminals on the next line
    const painted = lines.map((line) => `${paintLine(line, { colour, columns: columns - 1 })}${CLEAR_LINE_END}`);
    const screen = painted.join('\r\n');
    if (screen === this.#shown) return;
    this.#shown = screen;
    out.write(`${BEGIN_UPDATE}${HOME}${screen}${CLEAR_BELOW}${END_UPDATE}`);
  }
}
