/**
 * The processes of a launcher. One that has served an attempt may serve the next of the same sharer, under the same environment;
 * one that serves nothing ends after a short while.
 */
import type { ProcessIdentity } from './process-identity.ts';
import { type ServedEnd, WorkerProcess } from './worker-process.ts';

/** Whatever a process may gather, it does not gather it for longer. */
const MOST_SERVED = 64;
/** An engine without work holds no processes. */
const IDLE_MS = 2_000;

export interface PoolOrder {
  attemptId: string;
  leaseUrl: string;
  env: Record<string, string>;
  /** Undefined for an attempt that is to have a process of its own. */
  sharedBy: string | undefined;
}

export class WorkerPool {
  readonly #command: readonly [nodePath: string, workerFile: string];
  readonly #onEnd: (end: ServedEnd) => void;
  readonly #processes = new Map<number, WorkerProcess>();
  readonly #free = new FreeProcesses();

  constructor(command: readonly [nodePath: string, workerFile: string], onEnd: (end: ServedEnd) => void) {
    this.#command = command;
    this.#onEnd = onEnd;
  }

  /** Resolves with the handle. Throws RetryableError LAUNCH_FAILED when there is no process for it. */
  async serve({ attemptId, leaseUrl, env, sharedBy }: PoolOrder): Promise<string> {
    const isShared = sharedBy !== undefined;
    const sharers = JSON.stringify([sharedBy, env]);
    const worker = (isShared ? this.#free.take(sharers) : null) ?? (await this.#start(env, sharers));
    return worker.serve(attemptId, leaseUrl, isShared && worker.served + 1 < MOST_SERVED);
  }

  /** Where it lives and was started here. */
  processOf({ pid, startTime }: ProcessIdentity): WorkerProcess | undefined {
    const own = this.#processes.get(pid);
    return own?.identity.startTime === startTime ? own : undefined;
  }

  async #start(env: Record<string, string>, sharers: string): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(this.#command, env, {
      attemptEnded: (self, end, isFree) => {
        if (isFree) this.#free.add(self, sharers);
        this.#onEnd(end);
      },
      processEnded: (self) => {
        this.#processes.delete(self.identity.pid);
      },
    });
    this.#processes.set(worker.identity.pid, worker);
    return worker;
  }
}

class FreeProcesses {
  readonly #free: { worker: WorkerProcess; sharers: string; timer: NodeJS.Timeout }[] = [];

  add(worker: WorkerProcess, sharers: string): void {
    const dismiss = (): void => {
      this.remove(worker);
      worker.dismiss();
    };
    this.#free.push({ worker, sharers, timer: setTimeout(dismiss, IDLE_MS).unref() });
  }

  /** The one that was busy last, so that those that are too many end. */
  take(sharers: string): WorkerProcess | null {
    const found = this.#free.findLast((one) => one.sharers === sharers && one.worker.mayServe);
    if (found !== undefined) this.remove(found.worker);
    return found?.worker ?? null;
  }

  remove(worker: WorkerProcess): void {
    const at = this.#free.findIndex((one) => one.worker === worker);
    for (const { timer } of at === -1 ? [] : this.#free.splice(at, 1)) clearTimeout(timer);
  }
}
