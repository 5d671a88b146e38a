/** What the embedded engine's own code does to a state directory in a process of its own, while no engine runs there. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, TerminalError } from '@waybill/client';
import type { StateDirectory } from './state-directory.ts';

interface Refused {
  error: { code: ErrorCode; path: string; problem: string; fix: string };
}

/** The one JSON value that the program prints. Throws TerminalError as the program says, ENGINE_RUNNING among others. */
export async function runOffline<T extends object>(
  home: StateDirectory,
  program: 'recover' | 'keys',
  words: readonly string[] = [],
): Promise<T> {
  const running = home.engine();
  if (running !== null) throw engineRuns(home, running.pid);
  return runBeside(home, program, words);
}

/** As `runOffline`, of a program that changes nothing: an engine may work there. */
export async function runBeside<T extends object>(
  home: StateDirectory,
  program: 'recover' | 'keys' | 'spending',
  words: readonly string[] = [],
): Promise<T> {
  const script = fileURLToPath(new URL(`../../../embedded/${program}.ts`, import.meta.url));
  const args = [script, '--dir', home.path, ...words];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) output += String(chunk);
  if (output === '') {
    const fix = 'Its own words stand above.';
    throw new TerminalError({ code: 'STORE_FAILED', path: home.path, problem: `${program} did not end well`, fix });
  }
  const answer = JSON.parse(output) as T | Refused;
  if ('error' in answer) throw new TerminalError(answer.error);
  return answer;
}

/** The lock on the store would say the same, unless somebody has put another file in its place since. */
function engineRuns(home: StateDirectory, pid: number): TerminalError {
  const problem = `an engine works there (process ${pid})`;
  const fix = 'Stop that engine, or wait ten seconds after its last run.';
  return new TerminalError({ code: 'ENGINE_RUNNING', path: home.path, problem, fix });
}
