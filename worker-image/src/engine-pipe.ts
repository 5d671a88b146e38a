/** The pipe by which an engine on the same machine orders attempts of a worker, and tells it that somebody still waits. */
import type { Readable } from 'node:stream';
import { TerminalError } from '@waybill/client/errors';

const MAX_ORDER = 8_192;

/** One line: the words of an attempt's id, its lease URL and, where others may follow in the same process, `stay`. */
export interface Order {
  attemptId: string;
  leaseUrl: string;
  stay: boolean;
}

export interface EnginePipe {
  /**
   * The next order. A pipe and not the environment, which every process of the same user can read: what was read from a pipe is
   * gone from it. Null for `end`: no other follows. Throws TerminalError LEASE_INVALID for what is no order, and when the pipe ends without one. Never asked
   * again before it has answered.
   */
  next(): Promise<Order | null>;
}

/** @param onGone called when the pipe ends */
export function openEnginePipe(pipe: Readable, onGone: () => void): EnginePipe {
  const lines: string[] = [];
  let said = '';
  let problem: string | null = null;
  let wake = (): void => {};
  pipe.setEncoding('utf8').on('data', (text: string) => {
    // What is not understood must flow for the end to be seen.
    if (problem !== null) return;
    const parts = (said + text).split('\n');
    said = parts.pop() ?? '';
    lines.push(...parts);
    if (said.length > MAX_ORDER) problem = 'says more than a line';
    wake();
  });
  const gone = (): void => {
    problem ??= 'ended before it named a lease';
    wake();
  };
  pipe.once('close', onGone).once('close', gone).once('error', gone);
  return {
    async next() {
      while (lines.length === 0 && problem === null) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const line = lines.shift();
      if (line === undefined) throw refuse(problem ?? '');
      return line === 'end' ? null : orderOf(line);
    },
  };
}

function orderOf(line: string): Order {
  const [attemptId = '', leaseUrl = '', ...rest] = line.split(' ');
  const stay = rest[0] === 'stay';
  if (attemptId === '' || leaseUrl === '' || rest.length > Number(stay)) throw refuse('says what is no order');
  return { attemptId, leaseUrl, stay };
}

function refuse(problem: string): TerminalError {
  return new TerminalError({
    code: 'LEASE_INVALID',
    path: 'stdin',
    problem,
    fix: 'Start workers through their launcher; nothing has run.',
  });
}
