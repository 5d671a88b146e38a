/**
 * Workers as child processes: one bundled file, run by Node in a process group of its own, with an environment that
 * holds nothing of the engine's. The first line of its stdin is its lease URL, which no other process may read. The engine
 * holds stdin open: when the engine dies, the worker reads the end of it and stops by itself.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { RetryableError, TerminalError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';
import type { Isolation } from '#core/mailbox-protocol.ts';
import { WORKER_ENV } from '#core/names.ts';
import type { Launcher, LaunchOrder, StopCause, StopNotice } from '#ports/launcher.ts';
import {
  descendants,
  formatHandle,
  identify,
  isRunning,
  type ProcessIdentity,
  parseHandle,
} from './process-identity.ts';

const PROBE_TIMEOUT_MS = 20_000;
const STOP_POLL_MS = 20;
/** What a worker says on stderr is kept to this length, for the notice of its end. */
const MAX_LAST_WORDS = 2_000;

export interface LocalLauncherOptions {
  /** The bundled worker. */
  workerFile: string;
  /** Node 20 or later; the one that runs this process by default. */
  nodePath?: string;
  /** SPKI DER of the keys that may sign manifests, in base64: current and next. */
  keys: string[];
  /** Origin of the deployment's log; a manifest of another one is refused by the worker. */
  origin: string;
  /** `auto` takes bubblewrap when its probe succeeds. Asking for `bubblewrap` where it fails throws from `probe`. */
  isolationWanted?: 'auto' | 'bubblewrap' | 'none';
  /** Lets agent blocks run without a sandbox. */
  allowUnsandboxed?: boolean;
  /** Path of models.json; without it no agent is let to a model. */
  modelsFile?: string;
  /** Where workers make their attempts' trees; the system's temporary directory by default. */
  workDir?: string;
}

interface Worker {
  child: ChildProcess;
  handle: string;
  stopping: boolean;
}

export function createLocalLauncher(options: LocalLauncherOptions): Launcher {
  const nodePath = options.nodePath ?? process.execPath;
  const starting = new Map<string, Promise<string>>();
  const workers = new Map<string, Worker>();
  let listener: (notice: StopNotice) => void = () => {};

  async function start({ attemptId, leaseUrl }: LaunchOrder): Promise<string> {
    const child = spawn(nodePath, [options.workerFile], {
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
      cwd: '/',
      env: environmentOf(attemptId, options),
    });
    await started(child);
    child.stdin?.write(`${leaseUrl}\n`);
    const handle = formatHandle(identify(child.pid as number));
    const worker: Worker = { child, handle, stopping: false };
    workers.set(attemptId, worker);
    const lastWords = collectLastWords(child);
    child.once('exit', (code, signal) => {
      workers.delete(attemptId);
      starting.delete(attemptId);
      listener({ attemptId, cause: causeOf(worker, signal), exit: code, detail: lastWords() });
    });
    return handle;
  }

  return {
    async probe() {
      const executable: Digest = `sha256:${createHash('sha256')
        .update(await readFile(options.workerFile))
        .digest('hex')}`;
      if (options.isolationWanted === 'none') return { isolation: 'none', executable, detail: 'turned off' };
      const found = await probeWorker(nodePath, options.workerFile);
      if (options.isolationWanted === 'bubblewrap' && found.isolation !== 'bubblewrap') throw unavailable(found.detail);
      return { ...found, executable };
    },

    async launch(order) {
      const already = starting.get(order.attemptId);
      if (already !== undefined) return already;
      const handle = start(order);
      starting.set(order.attemptId, handle);
      handle.catch(() => starting.delete(order.attemptId));
      return handle;
    },

    async stop(handle, graceMs) {
      const worker = [...workers.values()].find((candidate) => candidate.handle === handle);
      const identity = parseHandle(handle);
      if (identity === null) return;
      const lives = (): boolean => (worker === undefined ? isRunning(identity) : isOpen(worker.child));
      if (!lives()) return;
      if (worker !== undefined) worker.stopping = true;
      send(identity.pid, 'SIGTERM');
      for (let waitedMs = 0; lives() && waitedMs < graceMs; waitedMs += STOP_POLL_MS) await sleep(STOP_POLL_MS);
      if (lives()) killTree(identity);
      while (lives()) await sleep(STOP_POLL_MS);
    },

    async alive(handles) {
      const own = new Set([...workers.values()].map((worker) => worker.handle));
      return new Set(handles.filter((handle) => own.has(handle) || runsNow(handle)));
    },

    // A process has its number only when it is there, and dies with its engine.
    handleOf: () => null,
    keep: async () => {},
    onStopped(added) {
      listener = added;
    },
  };
}

/** Runs the worker's own trial, so that what is probed is what will run. */
async function probeWorker(nodePath: string, workerFile: string): Promise<{ isolation: Isolation; detail: string }> {
  const options = { env: minimalEnvironment(), timeout: PROBE_TIMEOUT_MS, cwd: '/' };
  try {
    const { stdout } = await promisify(execFile)(nodePath, [workerFile, '--probe'], options);
    const answer: { bubblewrap: boolean; detail: string } = JSON.parse(stdout);
    return { isolation: answer.bubblewrap ? 'bubblewrap' : 'none', detail: answer.detail };
  } catch (cause) {
    throw launchFailed('the worker does not answer its probe', cause);
  }
}

/** What a worker is told that is no secret. */
function environmentOf(attemptId: string, options: LocalLauncherOptions): Record<string, string> {
  return {
    ...minimalEnvironment(),
    ...(options.workDir === undefined ? {} : { TMPDIR: options.workDir }),
    [WORKER_ENV.attemptId]: attemptId,
    [WORKER_ENV.keys]: Buffer.from(JSON.stringify(options.keys)).toString('base64'),
    [WORKER_ENV.origin]: options.origin,
    ...(options.allowUnsandboxed === true ? { [WORKER_ENV.unsandboxed]: '1' } : {}),
    ...(options.modelsFile === undefined ? {} : { [WORKER_ENV.models]: options.modelsFile }),
  };
}

/** PATH finds git and bubblewrap; HOME and TMPDIR are where they and Node expect them. Nothing else of the engine's. */
function minimalEnvironment(): Record<string, string> {
  const kept: Record<string, string> = { PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin' };
  for (const name of ['HOME', 'TMPDIR']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

async function started(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(launchFailed(`could not start a worker: ${cause.message}`, cause)));
  });
  // A worker that dies early breaks the pipe; its end is reported by the exit event.
  child.stdin?.on('error', () => {});
}

function collectLastWords(child: ChildProcess): () => string {
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-MAX_LAST_WORDS);
  });
  return () => words.trim();
}

/** A worker killed from outside may have been chosen by the kernel for want of memory, which nobody tells us: `signalled`. */
function causeOf(worker: Worker, signal: NodeJS.Signals | null): StopCause {
  if (worker.stopping) return 'interrupted';
  // V8 aborts when its own heap is full; the worker does not otherwise.
  if (signal === 'SIGABRT') return 'out_of_memory';
  return signal === null ? 'exited' : 'signalled';
}

function isOpen(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function runsNow(handle: string): boolean {
  const identity = parseHandle(handle);
  return identity !== null && isRunning(identity);
}

/** Blocks without a sandbox have process groups of their own, so the tree is read before its root is gone. */
function killTree({ pid }: ProcessIdentity): void {
  const below = descendants(pid);
  send(-pid, 'SIGKILL');
  for (const child of below) send(child, 'SIGKILL');
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in the meantime, which is what was wanted.
  }
}

function unavailable(detail: string): TerminalError {
  return new TerminalError({
    code: 'ISOLATION_REQUIRED',
    path: 'isolation',
    problem: `bubblewrap does not work here: ${detail}`,
    fix: 'Install bubblewrap and allow user namespaces, or ask for another isolation.',
  });
}

function launchFailed(problem: string, cause: unknown): RetryableError {
  const fix = 'Check that Node can be run and that the process limit is not reached.';
  return new RetryableError({ code: 'LAUNCH_FAILED', path: 'launcher', problem, fix }, { cause });
}
