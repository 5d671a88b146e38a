/**
 * Workers of a simulated deployment: each attempt behaves as its id and the seed say, well or in one of many bad ways. A
 * worker knows nothing but its mailbox; the platform starts it, stops it and tells of its end, or forgets to.
 */
import { RetryableError } from '@waybill/client/errors';
import { canonicalize, concatBytes, digestOf } from '@waybill/verify';
import type { Heartbeat, Job, Result } from '#core/mailbox-protocol.ts';
import { frameHeader } from '#core/outputs-frame.ts';
import type { Launcher } from '#ports/launcher.ts';
import type { LeaseDraft, Mailbox } from '#ports/mailbox.ts';
import type { Container } from './container.ts';
import type { FaultPlan } from './faults.ts';
import { streamOf } from './object-stores.ts';
import { mixed, scrambled, type Timeline } from './timeline.ts';
import { LONG_ITEM } from './workload.ts';

/** What becomes of an attempt that does not simply do its work. */
const BAD_ENDS = [
  'exit-1',
  'exit-1',
  'exit-1',
  'no-outputs',
  'dies',
  'vanishes',
  'out-of-memory',
  'start-fails',
  'never-starts',
  'hangs',
  'hangs-silently',
  'slow-start',
  'lease-refused',
  'garbage',
  'wrong-epoch',
  'partial',
  'stalled',
  'policy-blocked',
  'deferred',
  'timed-out',
  'result-then-dies',
  'beats-late',
] as const;
type BadEnd = (typeof BAD_ENDS)[number];

const CLAIMS: Partial<Record<BadEnd, [Result['outcome'], string]>> = {
  'exit-1': ['failed', 'exit_nonzero'],
  partial: ['partial', 'patch_only'],
  stalled: ['stalled', 'no_output'],
  'policy-blocked': ['policy_blocked', 'egress_denied'],
  deferred: ['deferred', 'needs_input'],
  'timed-out': ['timed_out', 'timeout'],
};

interface Box {
  lease: LeaseDraft;
  heartbeat: Heartbeat | null;
  heartbeatAtMs: number | null;
  outputs: Uint8Array | null;
  result: Uint8Array | null;
}

interface Worker {
  attemptId: string;
  job: Job;
  bad: BadEnd | null;
  isRunning: boolean;
  stopping: boolean;
  /** Where it draws from. */
  bits: number;
}

/** What the platform tells the deployment of. */
export interface PlatformEvents {
  staged(attemptId: string): void;
  ended(attemptId: string, stopCode: string, exitCode: number | null): void;
}

export interface AttemptsWatcher {
  launched(attemptId: string, isFirst: boolean): void;
  staged(attemptId: string): void;
}

const WORKER = digestOf('simulated worker');
const encoder = new TextEncoder();

export class Attempts {
  readonly boxes = new Map<string, Box>();
  readonly workers = new Map<string, Worker>();
  readonly #timeline: Timeline;
  readonly #faults: FaultPlan;
  readonly #events: PlatformEvents;
  readonly #seed: number;
  watcher: AttemptsWatcher = { launched: () => {}, staged: () => {} };

  constructor(timeline: Timeline, faults: FaultPlan, events: PlatformEvents, seed: number) {
    this.#timeline = timeline;
    this.#faults = faults;
    this.#events = events;
    this.#seed = seed;
  }

  start(attemptId: string): void {
    const box = this.boxes.get(attemptId);
    const isFirst = !this.workers.has(attemptId);
    this.watcher.launched(attemptId, isFirst);
    if (!isFirst || box === undefined) return;
    const draw = this.#faults.draw(`attempt ${attemptId}`);
    // Some items are never lucky: the platform gives up on them.
    const isCursed = scrambled(mixed(this.#seed, `${box.lease.job.run} ${box.lease.job.item}`)) % 97 === 0;
    const bad = isCursed ? 'start-fails' : this.#faults.strike('attempt', draw, BAD_ENDS);
    const bits = scrambled(mixed(this.#seed, attemptId));
    const worker = { attemptId, job: box.lease.job, bad, isRunning: false, stopping: false, bits };
    this.workers.set(attemptId, worker);
    this.#timeline.note(`worker ${attemptId} ${bad ?? 'works'}`);
    if (bad === 'never-starts') return;
    const startMs = bad === 'slow-start' ? 30_000 + (bits % 200_000) : 50 + (bits % 4_000);
    this.#timeline.after(startMs, () => this.#begin(worker));
  }

  /** The platform ends it: politely first. */
  stop(attemptId: string, graceMs: number): void {
    const worker = this.workers.get(attemptId);
    if (worker === undefined || worker.stopping) return;
    worker.stopping = true;
    const { bits } = worker;
    // Some use the grace to hand in what they have.
    if (worker.isRunning && bits % 5 === 0) this.#timeline.after(bits % graceMs, () => this.#finish(worker));
    this.#timeline.after(graceMs, () => this.#end(worker, 'UserInitiated', 143));
  }

  #begin(worker: Worker): void {
    if (worker.stopping) return;
    const { bad, bits } = worker;
    if (bad === 'start-fails') {
      this.#events.ended(worker.attemptId, 'TaskFailedToStart', null);
      return;
    }
    worker.isRunning = true;
    if (bad === 'lease-refused') {
      this.#end(worker, 'EssentialContainerExited', 40);
      return;
    }
    if (bad !== 'hangs-silently') this.#beatLater(worker, 0);
    if (bad === 'hangs' || bad === 'hangs-silently') return;
    this.#timeline.after(this.#workMs(worker), () => this.#comeToEnd(worker));
    if (bits % 11 === 0) this.#timeline.after(1, () => this.#beat(worker, 0));
  }

  /** Most items take seconds, some longer than a lease lasts. */
  #workMs({ bits, bad, job }: Worker): number {
    if (job.item === LONG_ITEM) return 150_000;
    if (bad === 'beats-late') return 200_000;
    const share = (bits >>> 10) % 100;
    const spreadMs = (bits >>> 17) % 10_000;
    return share < 70 ? 200 + spreadMs / 4 : share < 95 ? 5_000 + spreadMs : 60_000 + 6 * spreadMs;
  }

  #comeToEnd(worker: Worker): void {
    if (!worker.isRunning) return;
    switch (worker.bad) {
      case 'dies':
        this.#end(worker, 'EssentialContainerExited', 1);
        return;
      case 'out-of-memory':
        this.#end(worker, 'EssentialContainerExited', 137);
        return;
      case 'vanishes':
        worker.isRunning = false;
        return;
      case 'result-then-dies':
        this.#finish(worker);
        worker.isRunning = false;
        return;
      default:
        this.#finish(worker);
        this.#timeline.after(worker.bits % 300, () => this.#end(worker, 'EssentialContainerExited', 0));
    }
  }

  #end(worker: Worker, stopCode: string, exitCode: number): void {
    if (!worker.isRunning) return;
    worker.isRunning = false;
    this.#timeline.note(`worker ${worker.attemptId} ends ${stopCode} ${exitCode}`);
    this.#events.ended(worker.attemptId, stopCode, exitCode);
  }

  #beatLater(worker: Worker, seq: number): void {
    const box = this.boxes.get(worker.attemptId);
    const everyMs = box?.lease.heartbeatMs ?? 20_000;
    // The one that beats late is declared lost, and then it beats again.
    const isQuiet = worker.bad === 'beats-late' && seq === 1;
    this.#timeline.after(isQuiet ? 150_000 : seq === 0 ? 10 : everyMs, () => {
      if (!worker.isRunning) return;
      this.#beat(worker, seq);
      if (this.#isTold(worker)) return;
      this.#beatLater(worker, seq + 1);
    });
  }

  #beat(worker: Worker, seq: number): void {
    const box = this.boxes.get(worker.attemptId);
    if (box === undefined) return;
    const at = new Date(this.#timeline.nowMs).toISOString();
    box.heartbeat = { v: 1, attemptId: worker.attemptId, seq, at, progress: { block: 0, of: 2, label: 'script' } };
    box.heartbeatAtMs = this.#timeline.nowMs;
  }

  /** Reads its lease again. Most obey; some do not listen, and some finish all the same. */
  #isTold(worker: Worker): boolean {
    const box = this.boxes.get(worker.attemptId);
    if (!box?.lease.cancel || worker.stopping) return false;
    const choice = (worker.bits >>> 4) % 10;
    if (choice < 2) return false;
    worker.stopping = true;
    if (choice < 5) this.#stage(worker, 'cancelled', 'cancelled');
    else if (choice < 7) this.#finish(worker);
    this.#timeline.after(500, () => this.#end(worker, 'EssentialContainerExited', 143));
    return true;
  }

  /** Hands in what it has, well or badly. */
  #finish(worker: Worker): void {
    const [outcome, reason] = CLAIMS[worker.bad ?? 'dies'] ?? ['succeeded', 'ok'];
    this.#stage(worker, outcome, reason);
  }

  #stage(worker: Worker, outcome: Result['outcome'], reason: string): void {
    const { attemptId, job, bad } = worker;
    // What was closed is gone; a late object would lie where nobody looks.
    const box = this.boxes.get(attemptId);
    if (box === undefined || box.result !== null) return;
    if (bad !== 'no-outputs')
      box.outputs = frameOf({ data: encoder.encode(JSON.stringify({ draw: worker.bits % 4, attemptId })) });
    const result = resultOf({ job, outcome, reason, outputs: box.outputs, at: this.#timeline.nowMs });
    const said = bad === 'wrong-epoch' ? { ...result, epoch: result.epoch + 1 } : result;
    box.result = bad === 'garbage' ? encoder.encode('{"v":1}') : encoder.encode(canonicalize(said));
    this.#timeline.note(`worker ${attemptId} stages ${outcome}`);
    this.watcher.staged(attemptId);
    this.#events.staged(attemptId);
  }
}

interface ResultFacts {
  job: Job;
  outcome: Result['outcome'];
  reason: string;
  outputs: Uint8Array | null;
  at: number;
}

function resultOf({ job, outcome, reason, outputs, at }: ResultFacts): Result {
  const endedAt = new Date(at).toISOString();
  const exit = outcome === 'succeeded' ? 0 : 1;
  return {
    v: 1,
    attemptId: job.attemptId,
    epoch: job.attempt,
    outcome,
    reason,
    exit,
    blocks: job.pipeline.map((step, index) => ({
      index,
      block: step.block,
      ...('lens' in step && step.lens !== undefined ? { lens: step.lens } : {}),
      exit,
      startedAt: endedAt,
      endedAt,
    })),
    outputs: outputs ? { sha256: digestOf(outputs), sizeBytes: outputs.byteLength } : null,
    log: null,
    excluded: [],
    worker: WORKER,
  };
}

function frameOf(outputs: Record<string, Uint8Array>): Uint8Array {
  const files = Object.entries(outputs).map(([name, bytes]) => ({
    name: `outputs/${name}`,
    kind: 'output' as const,
    sizeBytes: bytes.byteLength,
    sha256: digestOf(bytes),
  }));
  return concatBytes([encoder.encode(frameHeader(files).header), ...Object.values(outputs)]);
}

export function mailboxOf({ boxes }: Attempts, container: Container): Mailbox {
  return {
    post: (lease) =>
      container.call(`mailbox post ${lease.attemptId}`, () => {
        const empty = { heartbeat: null, heartbeatAtMs: null, outputs: null, result: null };
        const box = boxes.get(lease.attemptId) ?? { lease, ...empty };
        boxes.set(lease.attemptId, { ...box, lease: { ...lease, cancel: lease.cancel || box.lease.cancel } });
        return `simulated:${lease.attemptId}`;
      }),
    renew: (attemptId) => container.call(`mailbox renew ${attemptId}`, () => {}),
    cancel: (attemptId) =>
      container.call(`mailbox cancel ${attemptId}`, () => {
        const box = boxes.get(attemptId);
        if (box !== undefined) box.lease = { ...box.lease, cancel: true };
      }),
    staged: (attemptId) =>
      container.call(
        `mailbox staged ${attemptId}`,
        () => {
          const { heartbeat = null, heartbeatAtMs = null, result = null } = boxes.get(attemptId) ?? {};
          return { heartbeat, heartbeatAtMs, result };
        },
        { isRead: true },
      ),
    openOutputs: (attemptId) =>
      container.call(
        `mailbox outputs ${attemptId}`,
        () => {
          const outputs = boxes.get(attemptId)?.outputs;
          if (!outputs) throw missing(attemptId);
          return streamOf(outputs);
        },
        { isRead: true },
      ),
    openLog: async () => null,
    close: (attemptId) => container.call(`mailbox close ${attemptId}`, () => void boxes.delete(attemptId)),
    onStaged: () => {},
  };
}

/** Executions are named after attempts: a second start meets the first one. */
export function launcherOf(attempts: Attempts, container: Container): Launcher {
  const attemptOf = (handle: string): string => handle.slice('execution:'.length);
  const isRunning = (attemptId: string): boolean => attempts.workers.get(attemptId)?.isRunning === true;
  return {
    probe: async () => ({ isolation: 'container', executable: WORKER, detail: 'simulated' }),
    handleOf: (attemptId) => `execution:${attemptId}`,
    launch: ({ attemptId }) =>
      container.call(
        `launch ${attemptId}`,
        () => {
          attempts.start(attemptId);
          return `execution:${attemptId}`;
        },
        { refusal: () => notLaunched(attemptId) },
      ),
    stop: (handle, graceMs) =>
      container.call(`stop ${attemptOf(handle)}`, () => attempts.stop(attemptOf(handle), graceMs)),
    alive: (handles) =>
      container.call('alive', () => new Set(handles.filter((handle) => isRunning(attemptOf(handle))))),
    keep: (handle) => container.call(`keep ${attemptOf(handle)}`, () => {}),
    onStopped: () => {},
  };
}

function notLaunched(attemptId: string): RetryableError {
  const problem = 'the platform did not start it, or did not say so';
  return new RetryableError({ code: 'LAUNCH_FAILED', path: attemptId, problem, fix: 'It is tried again.' });
}

function missing(attemptId: string): RetryableError {
  const problem = 'nothing is staged';
  return new RetryableError({ code: 'OBJECT_MISSING', path: attemptId, problem, fix: 'Post the lease first.' });
}

export const SIMULATED_WORKER = WORKER;
