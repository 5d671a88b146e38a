/**
 * Keeps the records of runs going: enters what opened, gives waiting events their places at the cadence, publishes the log
 * and seals what ended. Nothing here holds up the execution of any run.
 */
import { TerminalError } from '@waybill/client/errors';
import type { Stage } from '#core/stages.ts';
import { BackOff } from '#embedded/back-off.ts';
import { CADENCE, Cadence, type CadenceRule } from '#embedded/cadence.ts';
import { callBack } from '#flow/callbacks.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { checkpointRun, enterRun, sequenceEnded } from '#flow/enter.ts';
import { createLane } from '#flow/lane.ts';
import { beat } from '#flow/notices.ts';
import { publishLog } from '#flow/publish.ts';
import { noteUnbundled, seal } from '#flow/seal.ts';
import { SharedTask } from '#flow/shared-task.ts';
import { verifySealed } from '#flow/verify.ts';
import type { Callbacks } from '#ports/callbacks.ts';

/** What was entered is covered by a checkpoint within this time, unless a seal brings one sooner. */
const PUBLISH_MS = 1_000;
const HEARTBEAT_MS = 3_600_000;
/** Seals that are under way at once: they wait for the same checkpoint, and each holds a file open. */
const SEALS = 8;

export interface RecordKeeping {
  /** Verify each bundle after it was sealed. */
  selfCheck: boolean;
  /** When the events of a run that goes on are given their places; CADENCE unless a test is in a hurry. */
  cadence?: CadenceRule;
  /** The log is never silent for longer while an engine runs. */
  heartbeatMs?: number;
  /** Tells those outside that a run has ended. */
  callbacks?: Callbacks;
  log(level: 'info' | 'error', message: string, facts: object): void;
}

export interface RecordKeeperOptions extends RecordKeeping {
  deps: FlowDeps;
  /** Runs a task beside everything else and reports its failure. */
  spawn(stage: Stage, task: () => Promise<unknown>): void;
}

export class RecordKeeper {
  readonly #options: RecordKeeperOptions;
  readonly #deps: FlowDeps;
  readonly #cadence: Cadence;
  readonly #publishing: SharedTask<number>;
  readonly #sequencing = createLane();
  readonly #sealing = Array.from({ length: SEALS }, createLane);
  readonly #underSeal = new Set<string>();
  /** Runs whose record in the ledger was damaged: somebody has to restore it. */
  readonly #backOff: BackOff;
  #seals = 0;
  /** A seal waits for the next checkpoint, which therefore gets a timestamp. */
  #timed = false;
  #stopped = false;
  #cancelBeat: (() => void) | null = null;
  #cancelPublish: (() => void) | null = null;

  constructor(options: RecordKeeperOptions) {
    const { deps } = options;
    this.#options = options;
    this.#deps = deps;
    this.#backOff = new BackOff(deps.clock);
    this.#publishing = new SharedTask(() => {
      const timed = this.#timed;
      this.#timed = false;
      return publishLog(deps, { timed });
    });
    const { cadence = CADENCE, spawn } = options;
    this.#cadence = new Cadence(cadence, deps.clock, (run) => spawn('seal', () => this.#pass(run)));
  }

  /** Publishes what an earlier process left, and begins to beat. */
  start(): void {
    this.entered();
    this.#beatLater(0);
  }

  /** What is under way ends; what waits behind it is left to the next process. */
  stop(): void {
    this.#stopped = true;
    this.#cadence.stop();
    this.#backOff.stop();
    this.#cancelBeat?.();
    this.#cancelPublish?.();
  }

  /** What was entered and is covered by no checkpoint yet gets one, or an aborted run would look open until the next engine. */
  async finish(): Promise<void> {
    await this.#publishing.request();
  }

  /** The run is open; how many of its events wait is not known after a restart, so at least its opening does. */
  async opened(run: string): Promise<void> {
    await enterRun(this.#deps, run);
    this.eventsWritten(run, 1);
    this.entered();
  }

  eventsWritten(run: string, count: number): void {
    if (!this.#stopped) this.#cadence.note(run, count);
  }

  completed(run: string): void {
    this.#cadence.forget(run);
    if (this.#underSeal.has(run) || this.#backOff.isResting(run)) return;
    this.#underSeal.add(run);
    const lane = this.#sealing[this.#seals++ % SEALS];
    this.#options.spawn('seal', () => lane?.(() => this.#seal(run)) ?? this.#seal(run));
  }

  async #pass(run: string): Promise<void> {
    await this.#sequencing(() => checkpointRun(this.#deps, run));
    this.entered();
  }

  #beatLater(delayMs: number): void {
    if (this.#stopped) return;
    this.#cancelBeat = this.#deps.clock.after(delayMs, () => {
      const everyMs = this.#options.heartbeatMs ?? HEARTBEAT_MS;
      // After a failure as after a beat: the next one is not far.
      this.#options.spawn('seal', async () => {
        let nextMs = everyMs;
        try {
          nextMs = await beat(this.#deps, everyMs);
        } finally {
          this.#beatLater(nextMs);
        }
      });
    });
  }

  /** Entries wait for a checkpoint, which several of them may share. */
  entered(): void {
    if (this.#stopped) return;
    this.#cancelPublish ??= this.#deps.clock.after(PUBLISH_MS, () => {
      this.#cancelPublish = null;
      this.#options.spawn('seal', () => this.#publishing.request());
    });
  }

  /** Nobody waits for whoever is told. */
  #callBack(run: string): void {
    const { callbacks, spawn } = this.#options;
    if (callbacks !== undefined) spawn('seal', () => callBack(this.#deps, callbacks, run));
  }

  async #seal(run: string): Promise<void> {
    if (this.#stopped) return;
    try {
      // Behind a pass that is under way, which has begun the same work.
      await this.#sequencing(() => sequenceEnded(this.#deps, run));
      await seal(this.#deps, run, () => {
        this.#timed = true;
        return this.#publishing.request();
      });
      this.#backOff.passed(run);
      this.#callBack(run);
    } catch (error) {
      const isDamaged = error instanceof TerminalError && error.code === 'OBJECT_CONFLICT';
      if (isDamaged && (await noteUnbundled(this.#deps, run, error.problem)) && !this.#stopped) {
        this.#backOff.failed(run, () => this.completed(run));
      }
      throw error;
    } finally {
      this.#underSeal.delete(run);
    }
    if (!this.#options.selfCheck) return;
    const report = await verifySealed(this.#deps, run);
    const failed = report !== null && report.exitCode !== 0;
    const message = failed ? 'a sealed bundle does not verify' : 'sealed';
    this.#options.log(failed ? 'error' : 'info', message, { stage: 'verify', run, verdict: report?.verdict });
  }
}
