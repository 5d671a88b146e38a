/**
 * Workers of a simulated deployment: each attempt behaves as its id and the seed say, well or in one of many bad ways. A
 * worker knows nothing but its mailbox; the platform starts it, stops it and tells of its end, or forgets to.
 */
import { CHECKPOINT_OUTCOMES, canonicalize, type Digest, digestOf } from '@waybill/verify';
import type { Heartbeat, Job, Result } from '#core/mailbox-protocol.ts';
import { hasChannel } from '#core/named-secrets.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';
import type { FaultPlan } from './faults.ts';
import { frameOf, intentsOf, manyNames, shardsOf } from './left-files.ts';
import { LONG_ITEM } from './shapes.ts';
import { mixed, scrambled, type Timeline } from './timeline.ts';
import { typedFiles } from './typed-work.ts';

/** What becomes of an attempt that does not simply do its work. */
const BAD_ENDS = [
  'exit-1',
  'exit-1',
  'exit-1',
  'no-outputs',
  'many-outputs',
  'dies',
  'vanishes',
  'out-of-memory',
  'start-fails',
  'no-room',
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
  /** What its blocks name has been sealed to it, or they name nothing. */
  hasSecrets: boolean;
  /** One of them is not to be had. */
  isRefused: boolean;
  /** For so long it waits for them. */
  untilMs: number;
}

/** What the platform tells the deployment of. */
export interface PlatformEvents {
  /** Its blocks name secrets; `bits` is where it draws from. */
  begun?(attemptId: string, bits: number): void;
  staged(attemptId: string): void;
  ended(attemptId: string, stopCode: string, exitCode: number | null, reason?: string): void;
}

export interface AttemptsWatcher {
  /** @param lease what it is given */
  launched(attemptId: string, isFirst: boolean, lease?: LeaseDraft): void;
  /** @param checkpoint what it leaves for a later attempt */
  staged(attemptId: string, checkpoint?: Digest): void;
}

export const SIMULATED_WORKER: Digest = digestOf('simulated worker');
const PATIENCE_MS = 180_000;
const encoder = new TextEncoder();

export class Attempts {
  readonly boxes = new Map<string, Box>();
  readonly workers = new Map<string, Worker>();
  readonly #timeline: Timeline;
  readonly #faults: FaultPlan;
  readonly #events: PlatformEvents;
  readonly #seed: number;
  /** Workers that there is room for at once. */
  room = Number.POSITIVE_INFINITY;
  watcher: AttemptsWatcher = { launched: () => {}, staged: () => {} };

  constructor(timeline: Timeline, faults: FaultPlan, events: PlatformEvents, seed: number) {
    this.#timeline = timeline;
    this.#faults = faults;
    this.#events = events;
    this.#seed = seed;
  }

  get hasRoom(): boolean {
    if (this.room === Number.POSITIVE_INFINITY) return true;
    return [...this.workers.values()].filter(({ isRunning }) => isRunning).length < this.room;
  }

  start(attemptId: string): void {
    const box = this.boxes.get(attemptId);
    const isFirst = !this.workers.has(attemptId);
    this.watcher.launched(attemptId, isFirst, box?.lease);
    if (!isFirst || box === undefined) return;
    const draw = this.#faults.draw(`attempt ${attemptId}`);
    // Some items are never lucky: the platform gives up on them.
    const isCursed = scrambled(mixed(this.#seed, `${box.lease.job.run} ${box.lease.job.item}`)) % 97 === 0;
    const bad = isCursed ? 'start-fails' : this.#faults.strike('attempt', draw, BAD_ENDS);
    const bits = scrambled(mixed(this.#seed, attemptId));
    const { job } = box.lease;
    const state = { isRunning: false, stopping: false, hasSecrets: !hasChannel(job), isRefused: false, untilMs: 0 };
    const worker: Worker = { attemptId, job, bad, bits, ...state };
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
    if (bad === 'no-room') {
      this.#events.ended(worker.attemptId, 'TaskFailedToStart', null, 'Capacity is unavailable at this time');
      return;
    }
    worker.isRunning = true;
    worker.untilMs = this.#timeline.nowMs + PATIENCE_MS;
    if (waits(worker)) this.#events.begun?.(worker.attemptId, bits);
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

  /** Somebody has answered it. */
  answered(attemptId: string, isGiven: boolean): void {
    const worker = this.workers.get(attemptId);
    if (worker === undefined) return;
    if (isGiven) worker.hasSecrets = true;
    else worker.isRefused = true;
  }

  #comeToEnd(worker: Worker): void {
    if (!worker.isRunning) return;
    if (waits(worker) && !worker.isRefused && this.#timeline.nowMs < worker.untilMs) {
      this.#timeline.after(1_000, () => this.#comeToEnd(worker));
      return;
    }
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
    if (waits(worker)) {
      if (worker.isRefused) this.#stage(worker, 'contract_error', 'secret_unavailable');
      else this.#stage(worker, 'failed', 'secrets_withheld');
      return;
    }
    const [outcome, claimed] = CLAIMS[worker.bad ?? 'dies'] ?? ['succeeded', 'ok'];
    const reason = worker.bad === 'deferred' && worker.bits % 3 > 0 ? 'turn_limit' : claimed;
    if (outcome === 'succeeded' && this.#isAsking(worker)) this.#stage(worker, 'deferred', 'needs_input', 'Which?');
    else this.#stage(worker, outcome, reason);
  }

  #isAsking({ attemptId, job }: Worker): boolean {
    const inputs = this.boxes.get(attemptId)?.lease.inputs ?? [];
    return inputs.filter(({ key }) => key.startsWith('answer-')).length < Number(job.env.ASKS ?? 0);
  }

  #stage(worker: Worker, outcome: Result['outcome'], reason: string, question?: string): void {
    const { attemptId, job, bad } = worker;
    // What was closed is gone; a late object would lie where nobody looks.
    const box = this.boxes.get(attemptId);
    if (box === undefined || box.result !== null) return;
    const data = encoder.encode(JSON.stringify({ draw: worker.bits % 4, attemptId }));
    const checkpoint = leavesCheckpoint(worker, outcome) ? encoder.encode(`so far ${attemptId}`) : undefined;
    if (bad !== 'no-outputs' && !waits(worker))
      box.outputs = frameOf(
        {
          data,
          // Nobody here may ask for anything outside, and who asks people least of all.
          ...(question !== undefined && worker.bits % 6 === 0 ? { '.waybill/intents/a.json': data } : {}),
          ...(bad === 'many-outputs' && worker.bits % 5 === 0
            ? manyNames(worker.bits >>> 3)
            : { ...shardsOf(job), ...typedFiles(job, worker.bits), ...intentsOf(job, data) }),
        },
        checkpoint,
      );
    const result = resultOf({ job, outcome, reason, outputs: box.outputs, at: this.#timeline.nowMs });
    if (waits(worker) || (!worker.hasSecrets && worker.bits % 2 > 0)) result.blocks = [];
    if (question !== undefined) result.question = question;
    if (worker.bits % 3 === 0 && !waits(worker)) result.usage = [usageOf(worker.bits)];
    const said = bad === 'wrong-epoch' ? { ...result, epoch: result.epoch + 1 } : result;
    box.result = bad === 'garbage' ? encoder.encode('{"v":1}') : encoder.encode(canonicalize(said));
    this.#timeline.note(`worker ${attemptId} stages ${outcome}`);
    const isHandedIn = checkpoint !== undefined && box.outputs !== null;
    this.watcher.staged(attemptId, isHandedIn ? digestOf(checkpoint) : undefined);
    this.#events.staged(attemptId);
  }
}

/** For secrets; but some never ask, and say that they ran all the same, be it by what they leave alone. */
function waits({ hasSecrets, bits }: Worker): boolean {
  return !hasSecrets && (bits >>> 8) % 4 > 0;
}

/** Now and then more than any item reserves. */
function usageOf(bits: number): NonNullable<Result['usage']>[number] {
  const tokens = { inputTokens: bits % 4_000, outputTokens: bits % 400, cachedTokens: 0 };
  return { block: 0, requested: 'claude-haiku-4-5', ...tokens, costMicroUsd: bits % 11_000 };
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
    worker: SIMULATED_WORKER,
  };
}

/** Most that may; and some that may not, whose result is then none. */
function leavesCheckpoint({ bits, bad }: Worker, outcome: Result['outcome']): boolean {
  return CHECKPOINT_OUTCOMES.has(outcome) ? (bits >>> 6) % 4 > 0 : bad === 'exit-1' && (bits >>> 6) % 16 === 0;
}
