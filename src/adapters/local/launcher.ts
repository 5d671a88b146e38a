/**
 * Workers as child processes. A process serves attempts of one principal one after another, where the order says that it may, and
 * only as long as the settings are what they were when it was started: else an attempt has a process of its own.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { TerminalError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';
import type { Isolation } from '#core/mailbox-protocol.ts';
import { WORKER_ENV } from '#core/names.ts';
import type { Launcher, StopCause, StopNotice } from '#ports/launcher.ts';
import { descendants, isRunning, type ProcessIdentity, parseHandle } from './process-identity.ts';
import { WorkerPool } from './worker-pool.ts';
import { launchFailed, type ServedEnd } from './worker-process.ts';

/** Longer than all that the trial itself waits for. */
const PROBE_TIMEOUT_MS = 30_000;
const STOP_POLL_MS = 20;

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

export function createLocalLauncher(options: LocalLauncherOptions): Launcher {
  const nodePath = options.nodePath ?? process.execPath;
  const starting = new Map<string, Promise<string>>();
  let ownDevices = false;
  let listener: (notice: StopNotice) => void = () => {};
  const pool = new WorkerPool([nodePath, options.workerFile], (end) => {
    starting.delete(end.attemptId);
    listener(noticeOf(end));
  });

  return {
    async probe() {
      const executable: Digest = `sha256:${createHash('sha256')
        .update(await readFile(options.workerFile))
        .digest('hex')}`;
      if (options.isolationWanted === 'none') return { isolation: 'none', executable, detail: 'turned off' };
      const { ownDevices: hadOwn, ...found } = await probeWorker(nodePath, options);
      ownDevices = hadOwn;
      if (options.isolationWanted === 'bubblewrap' && found.isolation !== 'bubblewrap') throw unavailable(found.detail);
      return { ...found, executable };
    },

    async launch(order) {
      const already = starting.get(order.attemptId);
      if (already !== undefined) return already;
      const { attemptId, leaseUrl } = order;
      // Blocks without a sandbox could reach into the process, whatever is said of them.
      const isSandboxed = order.isolation === 'bubblewrap';
      const sharedBy = isSandboxed ? order.sharedBy : undefined;
      const env = environmentOf(options, isSandboxed && ownDevices);
      const handle = pool.serve({ attemptId, leaseUrl, env, sharedBy });
      starting.set(order.attemptId, handle);
      handle.catch(() => starting.delete(order.attemptId));
      return handle;
    },

    async stop(handle, graceMs) {
      const identity = parseHandle(handle);
      if (identity === null) return;
      const worker = pool.processOf(identity);
      // The process may serve another attempt by now.
      if (worker !== undefined && worker.handle !== handle) return;
      const lives = (): boolean => worker?.lives ?? isRunning(identity);
      if (!lives()) return;
      worker?.condemn();
      send(identity.pid, 'SIGTERM');
      for (let waitedMs = 0; lives() && waitedMs < graceMs; waitedMs += STOP_POLL_MS) await sleep(STOP_POLL_MS);
      if (lives()) killTree(identity);
      while (lives()) await sleep(STOP_POLL_MS);
    },

    async alive(handles) {
      const lives = (handle: string): boolean => {
        const identity = parseHandle(handle);
        if (identity === null) return false;
        const worker = pool.processOf(identity);
        return worker === undefined ? isRunning(identity) : worker.handle === handle;
      };
      return new Set(handles.filter(lives));
    },

    // A process has its number only when it is there, and dies with its engine.
    handleOf: () => null,
    keep: async () => {},
    onStopped(added) {
      listener = added;
    },
  };
}

interface Trial {
  bubblewrap: boolean;
  detail: string;
  /** Blocks had device nodes that are not the host's. */
  ownDevices?: boolean;
}

/** Runs the worker's own trial, so that what is probed is what will run. */
async function probeWorker(
  nodePath: string,
  { workerFile, workDir }: LocalLauncherOptions,
): Promise<{ isolation: Isolation; detail: string; ownDevices: boolean }> {
  const options = { env: minimalEnvironment(workDir), timeout: PROBE_TIMEOUT_MS, cwd: '/' };
  try {
    const { stdout } = await promisify(execFile)(nodePath, [workerFile, '--probe'], options);
    const { bubblewrap, detail, ownDevices }: Trial = JSON.parse(stdout);
    return { isolation: bubblewrap ? 'bubblewrap' : 'none', detail, ownDevices: ownDevices === true };
  } catch (cause) {
    throw launchFailed('the worker does not answer its probe', cause);
  }
}

/** What a worker is told that is no secret. */
function environmentOf(options: LocalLauncherOptions, ownDevices: boolean): Record<string, string> {
  return {
    ...minimalEnvironment(options.workDir),
    [WORKER_ENV.keys]: Buffer.from(JSON.stringify(options.keys)).toString('base64'),
    [WORKER_ENV.origin]: options.origin,
    ...(options.allowUnsandboxed === true ? { [WORKER_ENV.unsandboxed]: '1' } : {}),
    ...(options.modelsFile === undefined ? {} : { [WORKER_ENV.models]: options.modelsFile }),
    ...(ownDevices ? { [WORKER_ENV.ownDevices]: '1' } : {}),
  };
}

/** PATH finds git and bubblewrap; HOME and TMPDIR are where they and Node expect them. Nothing else of the engine's. */
function minimalEnvironment(workDir: string | undefined): Record<string, string> {
  const kept: Record<string, string> = { PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin' };
  for (const name of ['HOME', 'TMPDIR']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return workDir === undefined ? kept : { ...kept, TMPDIR: workDir };
}

function noticeOf(end: ServedEnd): StopNotice {
  return { attemptId: end.attemptId, cause: causeOf(end), exit: end.exit, detail: end.lastWords };
}

/** A worker killed from outside may have been chosen by the kernel for want of memory, which nobody tells us: `signalled`. */
function causeOf({ stopping, signal, isReused }: ServedEnd): StopCause {
  if (stopping) return 'interrupted';
  // V8 aborts when its own heap is full; the worker does not otherwise. What filled it may be of attempts before this one.
  if (signal === 'SIGABRT' && !isReused) return 'out_of_memory';
  return signal === null ? 'exited' : 'signalled';
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
