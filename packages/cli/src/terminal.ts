/** Where a verb writes, and how: chosen once in main.ts, so that no verb asks the process about its terminal. */
import { safeBlock, safeJson } from './safe-text.ts';
import { type Line, paintLines } from './view/styled.ts';

/**
 * live: people at a terminal, screens may be redrawn. plain: people, line after line. json: programs, one JSON value a line.
 */
export type OutputMode = 'live' | 'plain' | 'json';

/** What is needed of a stream; a test gives its own. */
export interface TextSink {
  write(chunk: string | Uint8Array): boolean;
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
}

export interface TerminalChoice {
  out: TextSink;
  err: TextSink;
  env: NodeJS.ProcessEnv;
  json: boolean;
  plain: boolean;
}

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

export class Terminal {
  readonly out: TextSink;
  readonly err: TextSink;
  readonly mode: OutputMode;
  /** The output is shown on a screen as it is written, whatever the mode: nothing that acts on one may reach it. */
  readonly isTty: boolean;
  readonly colour: boolean;
  /** A person may be reading the errors of a command whose output goes to a program. */
  readonly errorsAsJson: boolean;
  /** Whoever works on the program wants to know where an unforeseen error comes from; nobody else does. */
  readonly showsStacks: boolean;

  constructor({ out, err, env, json, plain }: TerminalChoice) {
    this.out = out;
    this.err = err;
    this.isTty = out.isTTY === true;
    this.mode = json ? 'json' : plain ? 'plain' : this.isTty ? 'live' : 'json';
    this.errorsAsJson = json || (this.mode === 'json' && err.isTTY !== true);
    this.showsStacks = env.WAYBILL_DEBUG === '1';
    // https://no-color.org: present and not empty, whatever its value
    this.colour = this.isTty && this.mode !== 'json' && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  }

  get columns(): number {
    return this.out.columns ?? DEFAULT_COLUMNS;
  }

  get rows(): number {
    return this.out.rows ?? DEFAULT_ROWS;
  }

  /** Lines for people; nothing in json mode. */
  say(lines: readonly Line[]): void {
    if (this.mode !== 'json') this.out.write(paintLines(lines, { colour: this.colour }));
  }

  /** One value for programs; nothing in the other modes. */
  emit(value: object): void {
    if (this.mode === 'json') this.out.write(`${safeJson(value)}\n`);
  }

  /** Text that is safe to show, in every mode. */
  print(text: string): void {
    this.out.write(text);
  }

  /** Bytes that somebody else wrote: as they are into a pipe or file, escaped on a terminal, in every mode. */
  async copy(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    for await (const chunk of chunks) {
      this.out.write(this.isTty ? safeBlock(decoder.decode(chunk, { stream: true })) : chunk);
    }
    if (this.isTty) this.out.write(safeBlock(decoder.decode()));
  }
}
