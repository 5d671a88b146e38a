/** Where a log that is followed appears: its bytes in a pipe, text on a terminal, a JSON object for each line with --json. */
import type { AttemptStatus } from '@waybill/client';
import { safeBlock } from './safe-text.ts';
import type { Terminal } from './terminal.ts';

export interface LogScreen {
  show(bytes: Uint8Array): void;
  /** About the log and not of it; on standard error where that is not JSON. */
  note(text: string): void;
  /** The attempt has ended and all of its log was shown. */
  end(attempt: AttemptStatus): void;
}

/** For one attempt: what is cut in the middle of a character or a line goes on with the next bytes. */
export function createLogScreen(terminal: Terminal, asJson: boolean, attempt: number): LogScreen {
  return asJson ? objects(terminal, attempt) : bytes(terminal, attempt);
}

function bytes(terminal: Terminal, attempt: number): LogScreen {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const tell = (text: string): void => {
    terminal.err.write(`waybill: attempt ${attempt} ${text}\n`);
  };
  return {
    show: (chunk) => {
      terminal.out.write(terminal.isTty ? safeBlock(decoder.decode(chunk, { stream: true })) : chunk);
    },
    note: tell,
    end: ({ outcome, reason }) => {
      if (terminal.isTty) terminal.out.write(safeBlock(decoder.decode()));
      tell(`ended as ${outcome ?? 'unknown'} (${reason ?? 'unknown'})`);
    },
  };
}

function objects(terminal: Terminal, attempt: number): LogScreen {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  function feed(text: string): void {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) terminal.emit({ type: 'line', attempt, line });
  }
  return {
    show: (chunk) => feed(decoder.decode(chunk, { stream: true })),
    note: (note) => terminal.emit({ type: 'note', attempt, note }),
    end: ({ outcome, reason }) => {
      feed(decoder.decode());
      if (rest !== '') terminal.emit({ type: 'line', attempt, line: rest });
      terminal.emit({ type: 'attempt', attempt, outcome, reason });
    },
  };
}
