/**
 * A process of the worker: one bundled file, run by Node in a process group of its own, with an environment that holds
 * nothing of the engine's. Each attempt is a line of its stdin, which no other process may read, and it serves one at a time. The engine
 * holds stdin open: when the engine dies, the worker reads the end of it and stops by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { RetryableError } from '@waybill/client/errors';
import { formatHandle, identify, type ProcessIdentity } from './process-identity.ts';

/** What a worker says on stderr is kept to this length, for the notice of its end. */
const MAX_LAST_WORDS = 2_000;

interface Serving {
  attemptId: string;
  handle: string;
  /** It has said that the attempt has all but ended. */
  isEnding: boolean;
}

/** How the attempt ended that the process served. */
export interface ServedEnd {
  attemptId: string;
  exit: number | null;
  signal: NodeJS.Signals | null;
  stopping: boolean;
  /** The process had served others before. */
  isReused: boolean;
  lastWords: string;
}

export interface ServedListener {
  /** It puts its result, after which it may be free before long. `attemptEnded` follows. */
  attemptEnding(worker: WorkerProcess): void;
  /** @param isFree the process goes on, and may be given another attempt */
  attemptEnded(worker: WorkerProcess, end: ServedEnd, isFree: boolean): void;
  processEnded(worker: WorkerProcess): void;
}

export class WorkerProcess {
  readonly identity: ProcessIdentity;
  readonly #child: ChildProcess;
  readonly #listener: ServedListener;
  #serving: Serving | null = null;
  #served = 0;
  #stopping = false;
  #isLast = false;
  #said = '';
  #lastWords = '';

  private constructor(child: ChildProcess, listener: ServedListener) {
    this.#child = child;
    this.#listener = listener;
    this.identity = identify(child.pid as number);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-MAX_LAST_WORDS);
    });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    child.once('exit', (code, signal) => {
      this.#end(code, signal);
      listener.processEnded(this);
    });
  }

  /** Throws RetryableError LAUNCH_FAILED when there is no process. */
  static async start(
    command: readonly [string, string],
    env: Record<string, string>,
    listener: ServedListener,
  ): Promise<WorkerProcess> {
    const [nodePath, workerFile] = command;
    const child = spawn(nodePath, [workerFile], { detached: true, stdio: 'pipe', cwd: '/', env });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => reject(launchFailed(`could not start a worker: ${cause.message}`, cause)));
    });
    // A worker that dies early breaks the pipe; its end is reported by the exit event.
    child.stdin?.on('error', () => {});
    return new WorkerProcess(child, listener);
  }

  get served(): number {
    return this.#served;
  }

  /** Of the attempt under way; null between two. */
  get handle(): string | null {
    return this.#serving?.handle ?? null;
  }

  get lives(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Between two attempts it may have ended, or have said what nobody understands. */
  get mayServe(): boolean {
    return this.lives && !this.#stopping && !this.#isLast;
  }

  /** @param mayStay whether it may be given another attempt after this one */
  serve(attemptId: string, leaseUrl: string, mayStay: boolean): string {
    this.#served += 1;
    const handle = `${formatHandle(this.identity)}:${this.#served}`;
    this.#serving = { attemptId, handle, isEnding: false };
    this.#lastWords = '';
    this.#hold(true);
    this.#child.stdin?.write(`${attemptId} ${leaseUrl}${mayStay ? ' stay' : ''}\n`);
    return handle;
  }

  /** It is about to be told to end: whatever it says of its attempt, it serves no other. */
  condemn(): void {
    this.#stopping = true;
  }

  /** It serves none after the attempt under way, and ends when that has ended. */
  dismiss(): void {
    if (this.#isLast) return;
    this.#isLast = true;
    this.#child.stdin?.write('end\n');
  }

  #hear(text: string): void {
    const lines = (this.#said + text).split('\n');
    this.#said = (lines.pop() ?? '').slice(-MAX_LAST_WORDS);
    for (const line of lines) {
      const [, attemptId, said] = /^(\S+) (\d+|ends)$/.exec(line) ?? [];
      const serving = attemptId === this.#serving?.attemptId ? this.#serving : null;
      if (serving !== null && said === 'ends' && !serving.isEnding) this.#ends(serving);
      else if (serving !== null && said !== 'ends') this.#end(Number(said), null);
      // The attempt under way goes on. Where this was to be its answer, the end of the process is its end.
      else this.dismiss();
    }
  }

  #ends(serving: Serving): void {
    serving.isEnding = true;
    if (this.mayServe) this.#listener.attemptEnding(this);
  }

  #end(exit: number | null, signal: NodeJS.Signals | null): void {
    if (this.#serving === null) return;
    const { attemptId } = this.#serving;
    this.#serving = null;
    const isFree = this.mayServe;
    if (isFree) this.#hold(false);
    const [stopping, isReused, lastWords] = [this.#stopping, this.#served > 1, this.#lastWords.trim()];
    const end = { attemptId, exit, signal, stopping, isReused, lastWords };
    this.#listener.attemptEnded(this, end, isFree);
  }

  /** One that serves nothing is no reason for the engine's process to go on. */
  #hold(isHeld: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    for (const one of [this.#child, stdin, stdout, stderr] as (ChildProcess | Socket | null)[]) {
      if (isHeld) one?.ref();
      else one?.unref();
    }
  }
}

export function launchFailed(problem: string, cause: unknown): RetryableError {
  const fix = 'Check that Node can be run and that the process limit is not reached.';
  return new RetryableError({ code: 'LAUNCH_FAILED', path: 'launcher', problem, fix }, { cause });
}
