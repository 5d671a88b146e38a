/** Calls the command line as a user would, on a state directory that starts empty. */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const WAYBILL = join(import.meta.dirname, '..', 'packages', 'cli', 'bin', 'waybill.js');
const STOP_PATIENCE_MS = 10_000;
const POLL_MS = 50;
const INTERRUPTED_EXIT = 130;

/** Before anything of Waybill runs, nobody else would say why it ended. */
function leave(): void {
  process.stderr.write('interrupted: nothing was submitted\n');
  process.exit(INTERRUPTED_EXIT);
}
process.on('SIGINT', leave);

/** Runs `waybill` with this terminal, or as text for people where there is none; resolves with its exit code. */
export function waybill(...args: readonly string[]): Promise<number> {
  const plain = process.stdout.isTTY ? [] : ['--plain'];
  process.removeListener('SIGINT', leave);
  const child = spawn(process.execPath, [WAYBILL, ...args, ...plain], { stdio: 'inherit' });
  // the command decides what an interrupt means; the exit code comes from it
  process.on('SIGINT', () => {});
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exit, signal) => resolve(exit ?? (signal === 'SIGINT' ? INTERRUPTED_EXIT : 1)));
  });
}

/** Ends the engine that an earlier call left waiting for work, then removes everything that it kept. */
export async function startAfresh(directory: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < STOP_PATIENCE_MS; waitedMs += POLL_MS) {
    const pid = enginePid(directory);
    if (pid === null || !stop(pid)) break;
    await sleep(POLL_MS);
  }
  rmSync(directory, { recursive: true, force: true });
}

function enginePid(directory: string): number | null {
  try {
    const { pid } = JSON.parse(readFileSync(join(directory, 'engine.json'), 'utf8')) as { pid: number };
    return pid;
  } catch {
    return null;
  }
}

function stop(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGTERM');
  } catch {
    return false;
  }
}
