import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { TerminalError } from '@waybill/client/errors';

/** An independent program that answers at `url`, on this machine only, until it is stopped. */
export interface StartedBed {
  url: string;
  /** Ends the process and waits for its end. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const OUTPUT_SHOWN = 2_000;

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return address.port;
}

/** Waits until anything is answered at `url`, whatever its status. A process that ends first is an error with its output. */
export async function untilAnswered(name: string, child: ChildProcess, url: string): Promise<StartedBed> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_SHOWN);
    });
  }
  let ended = false;
  const end = once(child, 'exit').then(() => {
    ended = true;
  });
  const orphaned = (): void => void child.kill('SIGKILL');
  process.once('exit', orphaned);
  const stop = async (): Promise<void> => {
    process.off('exit', orphaned);
    child.kill('SIGKILL');
    await end;
  };
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline && !ended) {
    try {
      await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).arrayBuffer();
      return { url, stop };
    } catch {
      await delay(50);
    }
  }
  await stop();
  throw new TerminalError({
    code: 'TIMED_OUT',
    path: name,
    problem: `the bed ${ended ? 'ended before it answered' : `did not answer within ${START_TIMEOUT_MS} ms`}: ${output}`,
    fix: 'Start it by hand as its file in test/cloud/beds does, and see what it says.',
  });
}
