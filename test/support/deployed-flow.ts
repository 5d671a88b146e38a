/**
 * The deployed shape without a cloud: the handlers of the Lambdas over the local adapters, driven by a stream of row
 * changes, queues and events, as AWS drives them, and by nothing else: no hint reaches anybody. A random source decides
 * what is delivered next, what twice and what never. The clock stands still while anything can be delivered.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunStatus } from '@waybill/client/documents';
import { deriveRunId, type VerifyReport, verifyBundle } from '@waybill/verify';
import { createHttpCallbacks } from '#adapters/http/callbacks.ts';
import type { Execute } from '#adapters/in-process/executor.ts';
import { DEFAULT_CAPS } from '#core/purse.ts';
import type { RowChange } from '#core/row-changes.ts';
import { composeInProcess } from '#embedded/compose-in-process.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { createLane } from '#flow/lane.ts';
import { advanceRecords } from '#lambdas/advance/advance-records.ts';
import { dispatchRecords } from '#lambdas/dispatch/dispatch-records.ts';
import { type NotifyDuties, notifyMessages } from '#lambdas/notify/notify-messages.ts';
import { reconcile } from '#lambdas/reconcile/reconcile.ts';
import { beginOnce, sequenceMessages } from '#lambdas/seal/sequence-messages.ts';
import { settleMessages } from '#lambdas/settle/settle-messages.ts';
import type { BatchResponse } from '#lambdas/shared/batch.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { toldOf } from '#lambdas/shared/platform-events.ts';
import { quietHints, type Told } from '#lambdas/shared/told.ts';
import { takeInMessages } from '#lambdas/submit/take-in.ts';
import type { InboxObject } from '#ports/inbox.ts';
import { PRINCIPAL, putInbox } from './embedded-flow.ts';
import { createFakeQueue, type FakeQueue } from './fake-queue.ts';
import { createFakeStream, type FakeStream } from './fake-stream.ts';
import { type Random, randomOf } from './random.ts';
import { observeRows } from './row-stream.ts';

const MINUTE_MS = 60_000;
export const CALLBACK_KEY: Buffer = Buffer.from('k'.repeat(32));
/** Turns of the event loop in which a worker may come to its end before the clock goes on. */
const PATIENCE = 40;
const MAX_STEPS = 20_000;

export interface DeployedOptions {
  execute: Execute;
  seed?: number;
  concurrency?: number;
  /** Probabilities of a batch that is handled twice, and of an event or a message that is lost. */
  twice?: number;
  lost?: number;
  /** Changes that no reader of the stream ever gets. */
  isLost?(change: RowChange): boolean;
  /** Whom runs may name to be told of their end. */
  urls?: ReadonlyMap<string, URL>;
  /** Whether the reconciler is called each minute, beyond the once that a deployment begins with. */
  reconciles?: boolean;
}

export interface DeployedBed {
  directory: string;
  deps: FlowDeps;
  /** What was told as trouble. */
  troubles: string[];
  /** How often the reconciler was called by the clock. */
  ticks(): number;
  submit(submissionId: string, document: unknown, queue?: string): string;
  status(submissionId: string): RunStatus | null;
  /** Delivers until all these runs are sealed; throws when nothing more can happen before. */
  untilSealed(...submissionIds: string[]): Promise<void>;
  /** Delivers until `isMet`; for what a test does in mid-run. */
  until(isMet: () => boolean | Promise<boolean>): Promise<void>;
  verified(submissionId: string): Promise<{ status: RunStatus; report: VerifyReport }>;
  close(): Promise<void>;
}

export async function openDeployedBed(options: DeployedOptions): Promise<DeployedBed> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-deployed-'));
  const {
    deps: local,
    store,
    inbox,
  } = await composeInProcess(directory, options.execute, {
    leaseMs: 600_000,
    survivesRestart: true,
  });
  const clock = virtualClock(local.clock.nowMs());
  const streams = [createFakeStream(options.isLost), createFakeStream(options.isLost)] as const;
  const observed = observeRows(local.store, store, (change) => {
    for (const stream of streams) stream.push(change);
  });
  const world = new World({ ...local, store: observed, clock }, clock, streams, options);
  const status = (submissionId: string): RunStatus | null => readStatus(directory, submissionId);
  const isSealed = (submissionId: string): boolean => status(submissionId)?.bundle !== undefined;
  await world.tick();
  return {
    directory,
    deps: world.flow,
    troubles: world.troubles,
    ticks: () => world.ticks,
    status,
    submit(submissionId, document, queue = 'default') {
      putInbox(directory, queue, submissionId, JSON.stringify(document));
      world.arrived(`inbox/${queue}/${PRINCIPAL}/${submissionId}.json`);
      return deriveRunId(PRINCIPAL, submissionId);
    },
    until: (isMet) => world.deliverUntil(isMet),
    untilSealed: (...ids) => world.deliverUntil(() => ids.every(isSealed)),
    async verified(submissionId) {
      const done = status(submissionId);
      if (!done?.bundle) throw new RangeError(`${submissionId} is not sealed`);
      const bytes = readFileSync(join(directory, 'ledger', ...done.bundle.key.split('/')));
      return { status: done, report: await verifyBundle([bytes], { trust: local.signer.trust }) };
    },
    async close() {
      inbox.unwatch();
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface VirtualClock {
  nowMs(): number;
  after(delayMs: number, run: () => void): () => void;
  goTo(ms: number): void;
}

/** Stands still until it is set; what waits for a moment waits for a turn of the event loop. */
function virtualClock(startMs: number): VirtualClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    after(_delayMs, run) {
      const timer = setImmediate(run);
      return () => clearImmediate(timer);
    },
    goTo(ms) {
      nowMs = Math.max(nowMs, ms);
    },
  };
}

class World {
  readonly flow: FlowDeps;
  readonly troubles: string[] = [];
  ticks = 0;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #options: DeployedOptions;
  readonly #streams: Streams;
  readonly #submissions: FakeQueue;
  readonly #results: FakeQueue;
  readonly #sequencer: FakeQueue;
  readonly #timers: FakeQueue;
  readonly #callbacks: FakeQueue;
  readonly #told: Told;
  readonly #handlers: Handlers;
  readonly #startMs: number;
  #nextTickMs: number;

  constructor(base: Omit<FlowDeps, 'hints' | 'lane'>, clock: VirtualClock, streams: Streams, options: DeployedOptions) {
    this.#clock = clock;
    this.#streams = streams;
    this.#options = options;
    this.#random = randomOf(options.seed ?? 1);
    this.#startMs = clock.nowMs();
    this.#nextTickMs = this.#startMs + MINUTE_MS;
    const queue = (): FakeQueue => createFakeQueue({ nowMs: clock.nowMs });
    this.#submissions = queue();
    this.#results = queue();
    this.#timers = queue();
    this.#callbacks = queue();
    this.#sequencer = createFakeQueue({ nowMs: clock.nowMs, keepsOrder: true });
    this.#told = {
      trouble: (about, error) => this.troubles.push(`${about}: ${String(error)}`),
      malformed: (about, problem) => this.troubles.push(`${about} is malformed: ${problem}`),
      info: () => {},
    };
    this.flow = {
      ...base,
      callbacks: new Set(options.urls?.keys()),
      hints: quietHints(this.#told),
      lane: (decision) => decision(),
    };
    this.#handlers = this.#makeHandlers();
    base.mailbox.onStaged((attemptId, kind) => {
      if (kind === 'result') this.#event(this.#results, toldOf(`${attemptId}/result.json`, undefined));
    });
    base.launcher.onStopped(({ attemptId, exit }) => this.#event(this.#results, stopped(attemptId, exit ?? 1)));
  }

  arrived(key: string): void {
    this.#event(this.#submissions, toldOf(key, undefined));
  }

  async tick(): Promise<void> {
    this.ticks += 1;
    await this.#handlers.reconcile({ source: 'aws.scheduler' });
  }

  async deliverUntil(isMet: () => boolean | Promise<boolean>): Promise<void> {
    let idle = 0;
    for (let step = 0; step < MAX_STEPS; step += 1) {
      if (await isMet()) return;
      const deliveries = this.#deliveries();
      if (deliveries.length > 0) {
        idle = 0;
        await this.#deliverSome(deliveries);
        continue;
      }
      idle += 1;
      await new Promise((resolve) => setImmediate(resolve));
      if (idle > PATIENCE && !(await this.#passTime())) break;
    }
    throw new RangeError(
      `nothing more happens, and what was waited for did not: ${this.troubles.slice(0, 5).join('; ')}`,
    );
  }

  /** Up to three at once: functions run beside each other and meet in the same rows. */
  async #deliverSome(deliveries: (() => Promise<void>)[]): Promise<void> {
    const chosen = new Set<() => Promise<void>>();
    for (let n = 0; n < 3; n += 1) {
      const next = deliveries[this.#random.below(deliveries.length)];
      if (next) chosen.add(next);
    }
    await Promise.all([...chosen].map((deliver) => deliver()));
  }

  #deliveries(): (() => Promise<void>)[] {
    const [first, second] = this.#streams;
    const { advance, dispatch, submit, settle, seal, notify, timers } = this.#handlers;
    const read = (stream: FakeStream, handle: Handle) =>
      stream.partitions().map((pk) => () => stream.deliver(pk, handle, this.#chance(this.#options.twice)));
    return [
      ...read(first, advance),
      ...read(second, dispatch),
      ...this.#polled(this.#submissions, submit),
      ...this.#polled(this.#results, settle),
      ...this.#polled(this.#sequencer, seal),
      ...this.#polled(this.#callbacks, notify),
      ...this.#polled(this.#timers, timers),
    ];
  }

  #polled(queue: FakeQueue, handle: Handle): (() => Promise<void>)[] {
    const nextMs = queue.nextMs();
    if (nextMs === null || nextMs > this.#clock.nowMs()) return [];
    return [
      async () => {
        const taken = queue.take(1 + this.#random.below(10));
        const event = { Records: taken.map(({ messageId, body }) => ({ messageId, body })) };
        const everything = new Set(taken.map(({ messageId }) => messageId));
        if (this.#chance(this.#options.twice)) await handle(event).catch(() => null);
        const answer = await handle(event).catch(() => null);
        const failed = answer?.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
        queue.failed(taken, failed ? new Set(failed) : everything);
      },
    ];
  }

  /** To the next message or the next minute. False: nothing will ever happen any more. */
  async #passTime(): Promise<boolean> {
    const queues = [this.#submissions, this.#results, this.#sequencer, this.#callbacks, this.#timers];
    const next = queues.map((queue) => queue.nextMs()).filter((ms) => ms !== null);
    if (this.#options.reconciles !== false) next.push(this.#nextTickMs);
    if (next.length === 0 || this.#clock.nowMs() > this.#startMs + 600 * MINUTE_MS) return false;
    this.#clock.goTo(Math.min(...next));
    if (this.#options.reconciles === false || this.#clock.nowMs() < this.#nextTickMs) return true;
    this.#nextTickMs += MINUTE_MS;
    await this.tick();
    return true;
  }

  #event(queue: FakeQueue, body: object): void {
    if (!this.#chance(this.#options.lost)) queue.put(body);
  }

  #chance(probability = 0): boolean {
    return this.#random.chance(probability);
  }

  #makeHandlers(): Handlers {
    const { flow } = this;
    const told = this.#told;
    const { urls = new Map() } = this.#options;
    const inForce = keysInForce(flow);
    const [sequencer, timers, submissions] = [this.#sequencer, this.#timers, this.#submissions];
    const callbacks = this.#callbacks;
    const notifier = { notify: async () => {} };
    const advancing = { flow, sequencer, timers, callbacks, completeToken: async () => {}, notifier };
    const sealing = {
      flow: { ...flow, lane: createLane() },
      keysInForce: inForce,
      settings: { format: 'waybill-settings/v1' },
      heartbeatMs: 3_600_000,
      begin: beginOnce(flow),
    };
    const reconciling = {
      flow,
      glances: flow.mailbox,
      keysInForce: inForce,
      queues: { default: { concurrency: this.#options.concurrency ?? 4 } },
      caps: DEFAULT_CAPS,
      submissions,
      sequencer,
      timers,
      callbacks,
      arrivalOf: ({ key }: InboxObject) => toldOf(`inbox/${key}`, undefined),
    };
    const notifying: NotifyDuties = {
      flow,
      urls,
      readKey: async () => CALLBACK_KEY,
      open: (endpoints) => createHttpCallbacks(endpoints, flow.clock),
    };
    const objectOf = (key: string): InboxObject | null => namedObject(key.slice('inbox/'.length));
    return {
      advance: (event) => advanceRecords(advancing, event, told),
      dispatch: (event) => dispatchRecords({ flow, keysInForce: inForce }, event, told),
      submit: (event) => takeInMessages({ flow, objectOf }, event, told),
      settle: (event) => settleMessages({ flow, keysInForce: inForce }, event, told),
      seal: (event) => sequenceMessages(sealing, event, told),
      notify: (event) => notifyMessages(notifying, event, told),
      timers: async (event) => (await reconcile(reconciling, event, told)) ?? { batchItemFailures: [] },
      reconcile: (event) => reconcile(reconciling, event, told).catch((error: unknown) => told.trouble('tick', error)),
    };
  }
}

/** That of advance and that of dispatch. */
type Streams = readonly [FakeStream, FakeStream];

type Handle = (event: object) => Promise<BatchResponse>;

type Handlers = Record<'advance' | 'dispatch' | 'submit' | 'settle' | 'seal' | 'notify' | 'timers', Handle> & {
  reconcile(event: object): Promise<unknown>;
};

function namedObject(key: string): InboxObject {
  const [queue = '', principal = '', file = ''] = key.split('/');
  return { key, queue, principal, submissionId: file.replace(/\.json$/, '') };
}

function stopped(attemptId: string, exitCode: number): object {
  const containers = [{ name: 'wrapper', exitCode }];
  const detail = { lastStatus: 'STOPPED', startedBy: attemptId, stopCode: 'EssentialContainerExited', containers };
  return { 'detail-type': 'ECS Task State Change', detail };
}

function readStatus(directory: string, submissionId: string): RunStatus | null {
  try {
    return JSON.parse(
      readFileSync(join(directory, 'outbox', PRINCIPAL, submissionId, 'status.json'), 'utf8'),
    ) as RunStatus;
  } catch {
    return null;
  }
}
