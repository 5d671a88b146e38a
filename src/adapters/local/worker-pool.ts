/**
 * The processes of a launcher. One that has served an attempt may serve the next of the same sharer, under the same environment;
 * one that serves nothing ends after a short while.
 */
import { createLocalClock } from './clock.ts';
import { FreeProcesses } from './free-processes.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { type ServedEnd, WorkerProcess } from './worker-process.ts';

/** Whatever a process may gather, it does not gather it for longer. */
const MOST_SERVED = 64;

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
  readonly #free = new FreeProcesses<WorkerProcess>(createLocalClock());

  constructor(command: readonly [nodePath: string, workerFile: string], onEnd: (end: ServedEnd) => void) {
    this.#command = command;
    this.#onEnd = onEnd;
  }

  /** Resolves with the handle. Throws RetryableError LAUNCH_FAILED when there is no process for it. */
  async serve({ attemptId, leaseUrl, env, sharedBy }: PoolOrder): Promise<string> {
    const isShared = sharedBy !== undefined;
    const sharers = JSON.stringify([sharedBy, env]);
    const worker = (isShared ? await this.#free.take(sharers) : null) ?? (await this.#start(env, sharers));
    return worker.serve(attemptId, leaseUrl, isShared && worker.served + 1 < MOST_SERVED);
  }

  /** Where it lives and was started here. */
  processOf({ pid, startTime }: ProcessIdentity): WorkerProcess | undefined {
    const own = this.#processes.get(pid);
    return own?.identity.startTime === startTime ? own : undefined;
  }

  async #start(env: Record<string, string>, sharers: string): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(this.#command, env, {
      attemptEnding: (self) => this.#free.addEnding(self, sharers),
      attemptEnded: (self, end, isFree) => {
        if (isFree) this.#free.add(self, sharers);
        else this.#free.remove(self);
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
