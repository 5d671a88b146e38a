/** The pipe by which an engine on the same machine hands a worker its lease, and tells it that somebody still waits. */
import type { Readable } from 'node:stream';
import { TerminalError } from '@waybill/client/errors';

const MAX_URL = 8_192;

/**
 * Resolves with the first line, which is the lease URL: an environment can be read by every process of the same user, a
 * pipe that was read is empty. `onGone` is called when the pipe ends. Throws TerminalError LEASE_INVALID without a line.
 */
export function readLeaseUrl(pipe: Readable, onGone: () => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (text: string): void => {
      said += text;
      const end = said.indexOf('\n');
      if (end === -1 && said.length <= MAX_URL) return;
      // Whatever else may come is of no interest, but must flow for the end to be seen.
      pipe.off('data', hear).resume();
      if (end === -1) reject(refuse('begins with no line'));
      else resolve(said.slice(0, end));
    };
    const gone = (): void => {
      reject(refuse('ended before it named a lease'));
      onGone();
    };
    pipe.setEncoding('utf8').on('data', hear).once('close', gone).once('error', gone);
  });
}

function refuse(problem: string): TerminalError {
  return new TerminalError({
    code: 'LEASE_INVALID',
    path: 'stdin',
    problem,
    fix: 'Start workers through their launcher; nothing has run.',
  });
}
