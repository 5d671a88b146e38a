/**
 * Starts the embedded engine as a process of its own when none is running. It outlives the command that started it, serves
 * every terminal that uses the same state directory, and ends by itself when it has been idle.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { RetryableError, TerminalError } from '@waybill/client';
import { EXIT } from './exit-codes.ts';
import type { EngineNotice, StateDirectory } from './state-directory.ts';

export interface EngineOptions {
  concurrency?: number;
  /** Never use bubblewrap, as if it were absent. */
  noSandbox?: boolean;
  /** Allow agent blocks without a sandbox. */
  unsandboxed?: boolean;
}

export interface EngineStart extends EngineOptions {
  env: NodeJS.ProcessEnv;
  /** How long to wait until it is ready. */
  patienceMs?: number;
}

/** An engine that a command started stays this long after the last run has ended. */
const IDLE_EXIT_MS = 10_000;
const PATIENCE_MS = 30_000;
/** Syncs of files that are asked for at the same time share a commit of the file system; four threads, the default, ask for four. */
const SYNCS_AT_ONCE = { UV_THREADPOOL_SIZE: '16' };
const POLL_MS = 25;
const LOG_LINES = 12;
const OWN_ENGINE = fileURLToPath(new URL('../../../embedded/main.ts', import.meta.url));

function argumentsOf(directory: string, { concurrency, noSandbox, unsandboxed }: EngineOptions): string[] {
  return [
    ...['--dir', directory, '--idle-exit-ms', String(IDLE_EXIT_MS)],
    ...(concurrency === undefined ? [] : ['--concurrency', String(concurrency)]),
    ...(noSandbox ? ['--no-sandbox'] : []),
    ...(unsandboxed ? ['--unsandboxed'] : []),
  ];
}

function launch(home: StateDirectory, start: EngineStart): ChildProcess {
  const log = openLog(home);
  try {
    const script = start.env.WAYBILL_ENGINE ?? OWN_ENGINE;
    const child = spawn(process.execPath, [script, ...argumentsOf(home.path, start)], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...SYNCS_AT_ONCE, ...start.env },
    });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

function openLog(home: StateDirectory): number {
  home.make();
  home.hold();
  try {
    return openSync(home.at('engine.log'), 'a', 0o600);
  } catch (cause) {
    const problem = `no engine can work there (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`;
    const fix = 'Give --dir a directory that this user may write to.';
    throw new TerminalError({ code: 'STORE_FAILED', path: home.path, problem, fix }, { cause });
  }
}

/** What the engine itself said last, when it was an error that says what to do. */
function ownWords(tail: string): { code: unknown; path: string; problem: string; fix: string } | null {
  try {
    const { code, path, problem, fix } = JSON.parse(tail.split('\n').at(-1) ?? '') as Record<string, unknown>;
    if (typeof path !== 'string' || typeof problem !== 'string' || typeof fix !== 'string') return null;
    return { code, path, problem, fix };
  } catch {
    return null;
  }
}

/** What a line of the log says, without its form. */
function wordsOf(line: string): string {
  try {
    const said = JSON.parse(line) as Record<string, unknown>;
    return (
      [said.message, said.code, said.path, said.problem].filter((one) => typeof one === 'string').join(': ') || line
    );
  } catch {
    return line;
  }
}

/** As Node, SQLite and git say that a disk is full; on one that is, the log may end before that. */
function isFull(home: StateDirectory, tail: string): boolean {
  if (/ENOSPC|database or disk is full|No space left on device/.test(tail)) return true;
  return freeBytesOf(home.path) === 0;
}

/** What this user may fill: a file system keeps some of its blocks for root. */
export function freeBytesOf(path: string): number | null {
  try {
    const { bavail, bfree, bsize } = statfsSync(path);
    return (process.geteuid?.() === 0 ? bfree : bavail) * bsize;
  } catch {
    return null;
  }
}

/** ENGINE_UNREACHABLE, since no engine can work on a full disk: to wait for one is in vain. */
export class NoRoom extends RetryableError {
  /** @param left what becomes of that which was written for the engine */
  constructor({ path }: StateDirectory, said: string, left?: string) {
    const fix = `Make room there${left === undefined ? ', and try again.' : `. ${left}`}`;
    super({ code: 'ENGINE_UNREACHABLE', path, problem: `${said}: no room in ${path}`, fix });
  }
}

/**
 * The engine cannot be reached, and this is how its log ends.
 * @param left what becomes of that which was written for it
 */
export async function unreachable(home: StateDirectory, problem: string, left?: string): Promise<RetryableError> {
  const tail = await home.engineLogTail(LOG_LINES);
  if (isFull(home, tail)) return new NoRoom(home, problem, left);
  const said = ownWords(tail);
  if (said !== null) {
    return new RetryableError({
      code: 'ENGINE_UNREACHABLE',
      path: home.path,
      problem: `${problem}; it says: ${said.path}: ${said.problem}`,
      fix: left === undefined ? said.fix : `${said.fix} ${left}`,
    });
  }
  return new RetryableError({
    code: 'ENGINE_UNREACHABLE',
    path: home.path,
    problem: tail === '' ? problem : `${problem}; its log ends with:\n${tail.split('\n').map(wordsOf).join('\n')}`,
    fix: `Read ${home.at('engine.log')}, mend what it names${left === undefined ? ', and try again.' : `. ${left}`}`,
  });
}

/** What an engine says that will not start with what an operator wrote: whoever tries again without a change is told the same. */
async function refusedSettings(home: StateDirectory): Promise<TerminalError | null> {
  const said = ownWords(await home.engineLogTail(1));
  return said?.code === 'USAGE' ? new TerminalError({ ...said, code: 'USAGE' }) : null;
}

export interface EnsuredEngine {
  notice: EngineNotice;
  /** This call started it; its options are the ones that were asked for. */
  started: boolean;
}

/**
 * The engine of the directory, started when there is none. An engine that is there keeps its own options.
 * Throws RetryableError ENGINE_UNREACHABLE with the end of its log when it ends or is not ready in time, TerminalError USAGE with its own
 * words when it refuses its settings, and TerminalError STORE_FAILED where the directory is not the one any more in which this command
 * found or started an engine before.
 */
export async function ensureEngine(home: StateDirectory, start: EngineStart): Promise<EnsuredEngine> {
  home.hold();
  const running = home.engine();
  if (running !== null) return { notice: running, started: false };
  const child = launch(home, start);
  let failure: string | undefined;
  let isRefused = false;
  child.once('error', ({ message }) => {
    failure = `the engine cannot be started (${message})`;
  });
  child.once('exit', (exit, signal) => {
    // exit 0 says that another one was faster: its notice is about to appear
    isRefused = exit === EXIT.usage;
    if (exit !== 0) failure = `the engine ended with ${signal ?? `exit code ${exit}`}`;
  });
  const patienceMs = start.patienceMs ?? PATIENCE_MS;
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += POLL_MS) {
    home.hold();
    const notice = home.engine();
    if (notice !== null) return { notice, started: notice.pid === child.pid };
    if (failure !== undefined)
      throw (isRefused ? await refusedSettings(home) : null) ?? (await unreachable(home, failure));
    await sleep(POLL_MS);
  }
  throw await unreachable(home, `the engine was not ready within ${patienceMs / 1000} s`);
}
