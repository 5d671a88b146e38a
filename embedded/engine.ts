/**
 * The engine in one process: hints become calls of the use cases, in an order that lets one turn of the event loop carry
 * an item from settled to dispatched with one commit. It decides nothing itself.
 */
import { WaybillError } from '@waybill/client/errors';
import type { EvidenceSettings } from '#composition/evidence.ts';
import type { Caps } from '#core/money-rows.ts';
import type { QueueDefinitions } from '#core/queue-definition.ts';
import type { Stage } from '#core/stages.ts';
import { factsOf } from '#embedded/engine-log.ts';
import { RecordKeeper, type RecordKeeping } from '#embedded/record-keeper.ts';
import { Throttle } from '#embedded/throttle.ts';
import { type Work, WorkList } from '#embedded/work-list.ts';
import { advance, advanceLocks } from '#flow/advance.ts';
import { giveUpCallbacks, sendCallbacks } from '#flow/callbacks.ts';
import type { FlowDeps, Hints } from '#flow/deps.ts';
import { dispatch } from '#flow/dispatch.ts';
import { defineCaps } from '#flow/gather.ts';
import { takeIn } from '#flow/inbox.ts';
import { adoptKeys } from '#flow/keys.ts';
import { createLane } from '#flow/lane.ts';
import { checkLedger } from '#flow/ledger-check.ts';
import { enterPolicy } from '#flow/notices.ts';
import { defineQueues, knownQueues } from '#flow/queues.ts';
import { wakeDependents } from '#flow/readiness.ts';
import { fireTimers, hasOpenRuns, type OnTrouble, resumeRuns, resumeTodos, sweepQueue } from '#flow/reconcile.ts';
import { release, type SecretKeeping } from '#flow/release.ts';
import { settle, settleStopped } from '#flow/settle.ts';
import { SharedTask } from '#flow/shared-task.ts';
import { fillSlots, resumeSchedules, schedulesInForce } from '#flow/slots.ts';
import { publishStatus, showProgress } from '#flow/status.ts';
import type { InboxObject } from '#ports/inbox.ts';

const SWEEP_MS = 2_000;
const STATUS_MS = 150;

const NO_EVIDENCE_SETTINGS: EvidenceSettings = { witnesses: null, tsa: [] };

export interface EngineOptions extends RecordKeeping {
  evidence?: EvidenceSettings;
  queues: QueueDefinitions;
  /** What the deployment may spend; absent: what it may when nobody says anything. */
  caps?: Caps;
  /** Absent: nothing is given to anybody. */
  secrets?: SecretKeeping;
  /** Publish status documents. */
  status: boolean;
  /** Stands before the engine's own hints: for tests that hear them. */
  hear?(hints: Hints): Hints;
  /** The store can no longer be trusted: the process must end. */
  onFatal(error: unknown): void;
}

export interface Engine {
  /** Takes up what is unfinished and begins to take in. */
  start(): Promise<void>;
  /** Nothing is open, nothing waits in the inbox, and no schedule has slots to come. */
  isIdle(): Promise<boolean>;
  /** Stops taking work up; what is under way ends with the process and is taken up by the next. */
  stop(): Promise<void>;
}

export function createEngine(base: Omit<FlowDeps, 'hints' | 'lane'>, options: EngineOptions): Engine {
  return new EmbeddedEngine(base, options);
}

interface Alarm {
  dueMs: number;
  cancel(): void;
}

class EmbeddedEngine implements Engine {
  readonly #deps: FlowDeps;
  readonly #options: EngineOptions;
  readonly #work: WorkList;
  readonly #status: Throttle;
  readonly #records: RecordKeeper;
  /** Each object that is taken out of the inbox is a hint of its own: one look serves all that came while it waited. */
  readonly #takingIn: SharedTask<void>;
  readonly #underWay = new Set<Promise<unknown>>();
  /** By attempt. */
  readonly #settling = new Map<string, Promise<unknown>>();
  #draining = false;
  #stopped = false;
  /** Something failed: what it left undone is looked for at the next sweep. */
  #behind = false;
  #alarm: Alarm | null = null;
  #cancelSweep: (() => void) | null = null;

  constructor(base: Omit<FlowDeps, 'hints' | 'lane'>, options: EngineOptions) {
    this.#options = options;
    this.#work = new WorkList({
      onWork: () => this.#drain(),
      onOpened: (run) => this.#spawn('seal', () => this.#opened(run)),
      onChanged: (run) => this.#status.request(run),
      onCompleted: (run) => this.#records.completed(run),
      onEvents: (run, count) => this.#records.eventsWritten(run, count),
      onTimer: (dueMs) => this.#setAlarm(dueMs),
      onEntered: () => this.#records.entered(),
      onTrouble: (run, error) => this.#options.log('error', 'a run cannot be recorded', { run, ...factsOf(error) }),
      onOutage: (about, error) => this.#options.log('error', 'evidence is weaker', { about, ...factsOf(error) }),
    });
    const hints = options.hear?.(this.#work.hints) ?? this.#work.hints;
    const deps: FlowDeps = { ...base, hints, lane: createLane() };
    const { secrets } = options;
    if (secrets !== undefined) deps.release = (attemptId) => release(deps, secrets, attemptId);
    this.#deps = deps;
    this.#records = new RecordKeeper({ ...options, deps, spawn: (stage, task) => this.#spawn(stage, task) });
    const publish = options.status ? (run: string) => publishStatus(deps, run) : async () => {};
    this.#status = new Throttle(STATUS_MS, publish, (run, error) => this.#report('worker', error, { run }));
    deps.mailbox.onStaged((attemptId, kind) => {
      if (kind === 'result') this.#spawn('settle', () => this.#inTurn(attemptId, () => settle(deps, attemptId)));
      else if (kind === 'key') this.#spawn('dispatch', async () => deps.release?.(attemptId));
      else this.#spawn('worker', () => showProgress(deps, attemptId));
    });
    deps.launcher.onStopped((notice) =>
      this.#spawn('settle', () => this.#inTurn(notice.attemptId, () => settleStopped(deps, notice))),
    );
    this.#takingIn = new SharedTask(() => this.#takeIn());
    deps.scheduler.onDue((ref) => this.#spawn('inbox', () => fillSlots(deps, ref)));
    deps.inbox.onArrival(() => this.#spawn('inbox', () => this.#takingIn.request()));
  }

  async start(): Promise<void> {
    await checkLedger(this.#deps);
    await adoptKeys(this.#deps);
    await enterPolicy(this.#deps, this.#settings());
    await giveUpCallbacks(this.#deps);
    this.#records.start();
    await defineQueues(this.#deps, this.#options.queues);
    if (this.#options.caps) await defineCaps(this.#deps, this.#options.caps);
    await this.#sweepQueues(true);
    await this.#resume();
    await this.#takingIn.request();
    this.#sweepLater();
  }

  /** What decides how runs are carried out and how strong their evidence is: the log says when it changes. */
  #settings(): object {
    const { isolation, allowUnsandboxedAgents, executable } = this.#deps.worker;
    const { queues, caps, evidence = NO_EVIDENCE_SETTINGS } = this.#options;
    const spending = caps === undefined ? {} : { caps, prices: this.#deps.pricing.table };
    return {
      format: 'waybill-settings/v1',
      queues,
      ...spending,
      isolation,
      allowUnsandboxedAgents,
      executable,
      ...evidence,
    };
  }

  async isIdle(): Promise<boolean> {
    if (this.#underWay.size > 0 || (await hasOpenRuns(this.#deps))) return false;
    if ((await schedulesInForce(this.#deps)).some(({ paused }) => !paused)) return false;
    return (await this.#deps.inbox.list({ limit: 1 })).length === 0;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#alarm?.cancel();
    this.#records.stop();
    this.#cancelSweep?.();
    await Promise.all(this.#underWay);
    await this.#records.finish().catch((error: unknown) => this.#report('seal', error));
    await this.#status.settle();
  }

  /** A worker ends as soon as its result is staged: whoever hears of its end waits for what the result became, and need not read it again. */
  async #inTurn(attemptId: string, settling: () => Promise<unknown>): Promise<void> {
    const before = this.#settling.get(attemptId);
    const turn = before === undefined ? settling() : before.then(settling, settling);
    this.#settling.set(attemptId, turn);
    try {
      await turn;
    } finally {
      if (this.#settling.get(attemptId) === turn) this.#settling.delete(attemptId);
    }
  }

  #spawn(stage: Stage, task: () => Promise<unknown>): void {
    if (this.#stopped) return;
    const watched: Promise<void> = this.#attempt(stage, task).then(() => void this.#underWay.delete(watched));
    this.#underWay.add(watched);
  }

  async #attempt(stage: Stage, task: () => Promise<unknown>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#report(stage, error);
    }
  }

  readonly #onTrouble: OnTrouble = (about, error) => this.#report('advance', error, { about });

  #report(stage: Stage, error: unknown, about: object = {}): void {
    this.#behind = true;
    this.#options.log('error', `${stage} failed`, { stage, ...about, ...factsOf(error) });
    const isFatal =
      error instanceof WaybillError && (error.code === 'STORE_FAILED' || error.code === 'LEDGER_INCONSISTENT');
    if (isFatal) this.#options.onFatal(error);
  }

  /** Works the list off; dispatches overlap, everything else is one after another. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#spawn('advance', async () => {
      for (let next = this.#work.next(); next !== null && !this.#stopped; next = this.#work.next()) {
        await this.#carryOut(next).catch((error: unknown) => this.#report('advance', error));
      }
      this.#draining = false;
    });
  }

  async #carryOut(next: Work): Promise<void> {
    switch (next.do) {
      case 'advance-locks':
        return advanceLocks(this.#deps, next.by);
      case 'wake':
        return wakeDependents(this.#deps, next.ref);
      case 'advance':
        return advance(this.#deps, next.queue);
      case 'dispatch':
        this.#spawn('dispatch', () => dispatch(this.#deps, next.attemptId));
    }
  }

  async #opened(run: string): Promise<void> {
    await this.#records.opened(run);
    this.#status.request(run);
  }

  #setAlarm(dueMs: number): void {
    if (this.#stopped || (this.#alarm && this.#alarm.dueMs <= dueMs)) return;
    this.#alarm?.cancel();
    const cancel = this.#deps.clock.after(Math.max(0, dueMs - this.#deps.clock.nowMs()), () => {
      this.#alarm = null;
      this.#spawn('advance', () => this.#sweepQueues(false));
    });
    this.#alarm = { dueMs, cancel };
  }

  async #sweepQueues(restarted: boolean): Promise<void> {
    const onTrouble = this.#onTrouble;
    for (const queue of await knownQueues(this.#deps)) await sweepQueue(this.#deps, queue, restarted, onTrouble);
    const dueMs = await fireTimers(this.#deps, onTrouble);
    if (dueMs !== null) this.#setAlarm(dueMs);
    // A run that a timer has aborted passes nobody who seals.
    const { callbacks } = this.#options;
    if (callbacks) this.#spawn('seal', () => sendCallbacks(this.#deps, callbacks));
  }

  async #resume(): Promise<void> {
    this.#behind = false;
    await resumeTodos(this.#deps, this.#onTrouble);
    await resumeRuns(this.#deps, this.#onTrouble);
    await resumeSchedules(this.#deps, this.#onTrouble);
  }

  async #takeIn(): Promise<void> {
    const onTrouble = (object: InboxObject, error: unknown): void =>
      this.#report('inbox', error, { object: object.key });
    while (!this.#stopped && (await takeIn(this.#deps, onTrouble)) > 0);
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#deps.clock.after(SWEEP_MS, () => {
      this.#spawn('advance', async () => {
        try {
          await this.#sweepQueues(false);
          await enterPolicy(this.#deps, this.#settings());
          await (this.#behind ? this.#resume() : resumeTodos(this.#deps, this.#onTrouble));
          await this.#takingIn.request();
        } finally {
          if (!this.#stopped) this.#sweepLater();
        }
      });
    });
  }
}
