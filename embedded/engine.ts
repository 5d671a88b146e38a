/**
 * The engine in one process: hints become calls of the use cases, in an order that lets one turn of the event loop carry
 * an item from settled to dispatched with one commit. It decides nothing itself.
 */
import { WaybillError } from '@waybill/client/errors';
import { createLane } from '#embedded/lane.ts';
import { Throttle } from '#embedded/throttle.ts';
import { type Work, WorkList } from '#embedded/work-list.ts';
import { advance, advanceLocks } from '#flow/advance.ts';
import type { FlowDeps, Hints } from '#flow/deps.ts';
import { dispatch } from '#flow/dispatch.ts';
import { takeIn } from '#flow/inbox.ts';
import { checkLedger, publishLog } from '#flow/log.ts';
import { defineQueues } from '#flow/queues.ts';
import { wakeDependents } from '#flow/readiness.ts';
import { fireTimers, hasOpenRuns, resumeRuns, resumeTodos, sweepQueue } from '#flow/reconcile.ts';
import { enterRun, seal } from '#flow/seal.ts';
import { settle, settleStopped } from '#flow/settle.ts';
import { publishStatus } from '#flow/status.ts';
import { verifySealed } from '#flow/verify.ts';

const SWEEP_MS = 2_000;
/** A run's opening is covered by a checkpoint within this time, unless a seal brings one sooner. */
const PUBLISH_MS = 1_000;
const STATUS_MS = 150;

export interface EngineOptions {
  queues: Record<string, { concurrency: number }>;
  /** Verify each bundle after it was sealed. */
  selfCheck: boolean;
  /** Publish status documents. */
  status: boolean;
  log(level: 'info' | 'error', message: string, facts: object): void;
  /** The store can no longer be trusted: the process must end. */
  onFatal(error: unknown): void;
}

export interface Engine {
  /** Takes up what is unfinished and begins to take in. */
  start(): Promise<void>;
  /** Nothing is open and nothing waits in the inbox. */
  isIdle(): Promise<boolean>;
  /** Stops taking work up; what is under way ends with the process and is taken up by the next. */
  stop(): Promise<void>;
}

export function createEngine(base: Omit<FlowDeps, 'hints' | 'lane'>, options: EngineOptions): Engine {
  const work = new WorkList({
    onWork: () => drain(),
    onOpened: (run) => spawn('enter', enterAndPublish(run)),
    onChanged: (run) => status.request(run),
    onCompleted: (run) =>
      spawn(
        'seal',
        sealing(() => sealRun(run)),
      ),
    onTimer: (dueMs) => armTimer(dueMs),
  });
  const deps: FlowDeps = { ...base, hints: work.hints satisfies Hints, lane: createLane() };
  const sealing = createLane();
  const takingIn = createLane();
  const status = new Throttle(
    STATUS_MS,
    (run) => (options.status ? publishStatus(deps, run) : Promise.resolve()),
    report,
  );
  const underWay = new Set<Promise<unknown>>();
  let draining = false;
  let stopped = false;
  let timer: { dueMs: number; cancel(): void } | null = null;
  let publishTimer: (() => void) | null = null;
  let sweepTimer: (() => void) | null = null;

  function report(what: string, error: unknown): void {
    options.log('error', `${what} failed`, describe(error));
    if (error instanceof WaybillError && (error.code === 'STORE_FAILED' || error.code === 'LEDGER_INCONSISTENT'))
      options.onFatal(error);
  }

  function spawn(what: string, task: Promise<unknown>): void {
    const watched = task.catch((error: unknown) => report(what, error)).finally(() => underWay.delete(watched));
    underWay.add(watched);
  }

  /** Works the list off; dispatches overlap, everything else is one after another. */
  function drain(): void {
    if (draining || stopped) return;
    draining = true;
    spawn('work', workOff());
  }

  async function workOff(): Promise<void> {
    try {
      for (let next = work.next(); next !== null && !stopped; next = work.next()) await carryOut(next);
    } finally {
      draining = false;
    }
  }

  async function carryOut(next: Work): Promise<void> {
    switch (next.do) {
      case 'advance-locks':
        return advanceLocks(deps, next.by);
      case 'wake':
        return wakeDependents(deps, next.ref);
      case 'advance':
        return advance(deps, next.queue);
      case 'dispatch':
        spawn('dispatch', dispatch(deps, next.attemptId));
    }
  }

  async function enterAndPublish(run: string): Promise<void> {
    await enterRun(deps, run);
    status.request(run);
    publishTimer ??= deps.clock.after(PUBLISH_MS, () => {
      publishTimer = null;
      spawn(
        'publish',
        sealing(() => publishLog(deps)),
      );
    });
  }

  async function sealRun(run: string): Promise<void> {
    await seal(deps, run);
    if (options.selfCheck) {
      const report = await verifySealed(deps, run);
      const failed = report !== null && report.exitCode !== 0;
      options.log(failed ? 'error' : 'info', failed ? 'a sealed bundle does not verify' : 'sealed', {
        run,
        verdict: report?.verdict,
      });
    }
  }

  function armTimer(dueMs: number): void {
    if (stopped || (timer && timer.dueMs <= dueMs)) return;
    timer?.cancel();
    const cancel = deps.clock.after(Math.max(0, dueMs - deps.clock.nowMs()), () => {
      timer = null;
      spawn('timers', sweep(false));
    });
    timer = { dueMs, cancel };
  }

  async function sweep(restarted: boolean): Promise<void> {
    for (const queue of Object.keys(options.queues)) await sweepQueue(deps, queue, restarted);
    const dueMs = await fireTimers(deps);
    if (dueMs !== null) armTimer(dueMs);
  }

  function takeInNow(): Promise<void> {
    return takingIn(async () => {
      while (
        !stopped &&
        (await takeIn(deps, (object, error) => report(`submission ${JSON.stringify(object.key)}`, error))) > 0
      );
    });
  }

  function sweepLater(): void {
    sweepTimer = deps.clock.after(SWEEP_MS, () => {
      const round = sweep(false).then(takeInNow);
      spawn(
        'sweep',
        round.finally(() => (stopped ? undefined : sweepLater())),
      );
    });
  }

  deps.mailbox.onStaged((attemptId, kind) => {
    if (stopped) return;
    if (kind === 'result') spawn('settle', settle(deps, attemptId));
  });
  deps.launcher.onStopped((notice) => {
    if (!stopped) spawn('settle', settleStopped(deps, notice));
  });
  deps.inbox.onArrival(() => {
    if (!stopped) spawn('inbox', takeInNow());
  });

  return {
    async start() {
      await checkLedger(deps);
      await defineQueues(deps, options.queues);
      await sweep(true);
      await resumeTodos(deps);
      await resumeRuns(deps);
      await takeInNow();
      sweepLater();
    },
    async isIdle() {
      return underWay.size === 0 && !(await hasOpenRuns(deps)) && (await deps.inbox.list(1)).length === 0;
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      publishTimer?.();
      sweepTimer?.();
      await Promise.all(underWay);
      await status.settle();
    },
  };
}

function describe(error: unknown): object {
  if (error instanceof WaybillError)
    return { code: error.code, path: error.path, problem: error.problem, fix: error.fix };
  return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
