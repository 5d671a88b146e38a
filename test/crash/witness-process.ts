/** Witnesses as processes: started, hammered, killed at random moments, and asked afterwards what they remember. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SampleLog } from '../support/sample-log.ts';

export interface WitnessCommand {
  /** Arguments after `node`, for a state directory and the keys of the logs. */
  args(directory: string, vkeys: readonly string[]): string[];
}

export const SOUND: WitnessCommand = {
  args: (directory, vkeys) => [
    join(import.meta.dirname, '..', '..', 'packages', 'witness', 'bin', 'waybill-witness.js'),
    ...['--state', directory, '--name', 'witness.test/w1', '--port', '0'],
    ...vkeys.flatMap((vkey) => ['--log', vkey]),
  ],
};

export const CARELESS: WitnessCommand = {
  args: (directory, vkeys) => [join(import.meta.dirname, 'careless-witness.ts'), directory, ...vkeys],
};

export interface WitnessProcess {
  url: string;
  kill(): Promise<void>;
}

export async function startProcess(
  command: WitnessCommand,
  directory: string,
  vkeys: string[],
): Promise<WitnessProcess> {
  const args = command.args(directory, vkeys);
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  const { message, url } = JSON.parse(String(chunk)) as { message: string; url: string };
  assert.equal(message, 'ready');
  return {
    url,
    async kill() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

/** The status of the answer; 0 when there was none. */
export async function submit({ url }: WitnessProcess, body: string): Promise<number> {
  try {
    const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
    await response.text();
    return response.status;
  } catch {
    return 0;
  }
}

/** Cosigned sizes, by origin. */
export async function remembered({ url }: WitnessProcess): Promise<Record<string, number>> {
  const { logs } = (await (await fetch(url)).json()) as { logs: { origin: string; size: number }[] };
  return Object.fromEntries(logs.map(({ origin, size }) => [origin, size]));
}

export interface Killing {
  command: WitnessCommand;
  directory: string;
  log: SampleLog;
  kills: number;
  /** The latest moment of a kill, from when the witness was ready. */
  withinMs: number;
  fraction: () => number;
}

/**
 * Grows a log by one entry a request as fast as it goes while the witness is killed, and resolves with what was
 * forgotten: the size that had been cosigned and the size that the next process knew of. Nothing forgotten is what a
 * witness is for.
 */
export async function forgottenAfterKills(
  killing: Killing,
): Promise<{ forgotten: [number, number][]; cosigned: number }> {
  const { command, directory, log, kills, withinMs, fraction } = killing;
  const forgotten: [number, number][] = [];
  let cosigned = 0;
  for (let kill = 0; kill <= kills; kill++) {
    const witness = await startProcess(command, directory, [log.vkey]);
    const knows = (await remembered(witness))[log.origin] as number;
    if (knows < cosigned) forgotten.push([cosigned, knows]);
    const end = kill === kills ? Promise.resolve() : sleep(withinMs * fraction());
    let over = false;
    const killed = end.then(() => {
      over = true;
      return witness.kill();
    });
    for (let from = knows; !over; from = cosigned) {
      if (from >= log.size) log.grow(1);
      const size = Math.max(from + 1, 1);
      if ((await submit(witness, await log.request(from, size))) !== 200) break;
      cosigned = Math.max(cosigned, size);
    }
    await killed;
    // What nobody was told may have been kept all the same: the log is not smaller than that.
    cosigned = Math.max(cosigned, knows);
  }
  return { forgotten, cosigned };
}
