/**
 * One seed: a deployment, what people ask of it, and what goes wrong. It ends when everything has come to rest after the last
 * fault, when an invariant breaks, or when nothing will ever come to rest.
 */
import './inline-crypto.ts';
import { WaybillError } from '@waybill/client/errors';
import type { RunRow } from '#core/rows.ts';
import type { Unavailable } from '#core/sealed-secrets.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { toldOf } from '#lambdas/shared/platform-events.ts';
import type { Told as Reports } from '#lambdas/shared/told.ts';
import type { RunStore } from '#ports/run-store.ts';
import { streamRecord } from '../support/fake-stream.ts';
import { randomOf } from '../support/random.ts';
import { AlarmClock } from './alarm-clock.ts';
import { Attempts } from './attempts.ts';
import { CallbackDesk } from './callback-desk.ts';
import { isDelivered, SimulatedQueue, StreamReader } from './carriers.ts';
import type { Container } from './container.ts';
import { egressAt, isolationOf } from './egress-plan.ts';
import { checkRemains, unfinished } from './end-of-seed.ts';
import { type Fault, FaultPlan, type Rates } from './faults.ts';
import { arrivalOf, Functions } from './functions.ts';
import { Invariants } from './invariants.ts';
import { Minds } from './minds.ts';
import { capsAt, PRICES } from './money-plan.ts';
import { Buckets } from './object-stores.ts';
import { type Outage, outageOf } from './outage.ts';
import { uploadCapabilities } from './pin-plan.ts';
import { queuesAt } from './queue-plan.ts';
import { makeKeys } from './quick-signer.ts';
import { uploadAll } from './read-files.ts';
import { type Commit, RowTable, textOf } from './row-table.ts';
import { type Sealed, SecretDesk } from './secret-desk.ts';
import { Timeline } from './timeline.ts';
import { mustHold, Violation } from './violation.ts';
import { type Without, workloadOf } from './workload.ts';

const MINUTE_MS = 60_000;
const MOST_STEPS = 400_000;
/** After the last fault everything has come to rest within this time. */
const PATIENCE_MS = 4 * 60 * MINUTE_MS;
/** After the last fault what was missed has been made up for within this time. */
const SCHEDULES_STAY_MS = 10 * MINUTE_MS;
/** For each item and attempt, and twenty times for each run; the worst of thousands of seeds takes a third of it. */
const MOST_COMMITS = 10;
/** More than a run has items. */
const ALL = 100_000;
const KEYS = makeKeys();

export interface SeedOptions {
  seed: number;
  without?: Partial<Without>;
  /** Names of the faults that may happen; all when absent. */
  faults?: ReadonlySet<string>;
  keepsLines?: boolean;
  plant?: (deps: FlowDeps, container: Container) => FlowDeps;
  watch?: (commit: Commit) => void;
  /** A real and empty run store, which must come to the same as the simulated one. */
  mirror?: RunStore;
}

export interface Outcome {
  seed: number;
  violation: Violation | null;
  hash: number;
  steps: number;
  commits: number;
  runs: number;
  items: number;
  attempts: number;
  verified: number;
  faults: readonly Fault[];
  lines: readonly string[];
}

/** Calm seeds, in which only time decides, and stormy ones. */
const WEATHER: readonly Rates[] = [
  { call: 0, event: 0, batch: 0, attempt: 0.1, outage: 0 },
  { call: 0.002, event: 0.02, batch: 0.05, attempt: 0.15, outage: 0.1 },
  { call: 0.004, event: 0.05, batch: 0.1, attempt: 0.25, outage: 0.1 },
  { call: 0.01, event: 0.1, batch: 0.15, attempt: 0.35, outage: 0.15 },
  { call: 0.02, event: 0.02, batch: 0.02, attempt: 0.1, outage: 0.1 },
  { call: 0, event: 0.25, batch: 0.3, attempt: 0.2, outage: 0.3 },
];

export async function liveSeed(options: SeedOptions): Promise<Outcome> {
  const world = new World(options);
  return world.live();
}

class World {
  readonly #options: SeedOptions;
  readonly #timeline: Timeline;
  readonly #faults: FaultPlan;
  readonly #table = new RowTable();
  readonly #buckets = new Buckets();
  readonly #attempts: Attempts;
  readonly #functions: Functions;
  readonly #secrets: SecretDesk;
  readonly #carriers: Readonly<
    Record<'submissions' | 'results' | 'sequencer' | 'timers' | 'callbacks', SimulatedQueue>
  >;
  readonly #streams: readonly StreamReader[];
  readonly #workload;
  readonly #minds: Minds;
  readonly #invariants: Invariants;
  readonly #outage: Outage | null;
  #violation: Violation | null = null;
  #isOver = false;
  #healedAtMs = Number.POSITIVE_INFINITY;

  constructor(options: SeedOptions) {
    this.#options = options;
    const { seed, faults = null } = options;
    const random = randomOf(seed * 2_654_435_761 + 1);
    const { runs = new Set<number>(), mostItems = Number.POSITIVE_INFINITY } = options.without ?? {};
    this.#workload = workloadOf(seed, { runs, mostItems });
    const { startMs } = this.#workload;
    this.#timeline = new Timeline(startMs, options.keepsLines === true);
    this.#faults = new FaultPlan(seed, WEATHER[random.below(WEATHER.length)] as Rates, faults);
    this.#outage = outageOf(this.#faults, startMs);
    this.#faults.throttle(startMs + MINUTE_MS + random.below(5 * MINUTE_MS));
    const world = { timeline: this.#timeline, faults: this.#faults };
    const queue = (name: string, to: Parameters<Functions['invoke']>[0], keepsOrder = false): SimulatedQueue =>
      new SimulatedQueue(name, world, (event) => this.#functions.invoke(to, event), keepsOrder);
    this.#carriers = {
      submissions: queue('submissions', 'submit'),
      results: queue('results', 'settle'),
      sequencer: queue('sequencer', 'seal', true),
      timers: queue('timers', 'timers'),
      callbacks: queue('callbacks', 'notify'),
    };
    const shards = 1 + random.below(3);
    this.#streams = (['advance', 'dispatch'] as const).map(
      (name) => new StreamReader(name, world, shards, (event) => this.#functions.invoke(name, event)),
    );
    this.#attempts = new Attempts(this.#timeline, this.#faults, this.#platformEvents(), seed);
    const awayUntilMs = (): number => this.#awayUntilMs();
    const alarms = new AlarmClock({ ...world, awayUntilMs }, (event) => this.#callSlot(event, 3));
    const heard = {
      asked: (attemptId: string) => this.#release(attemptId),
      answered: (attemptId: string, said: Sealed | Unavailable) =>
        this.#guard(() => this.#invariants.secrets.answered(attemptId, said)),
      read: (attemptId: string, isGiven: boolean) => this.#attempts.answered(attemptId, isGiven),
    };
    this.#secrets = new SecretDesk(this.#timeline, heard, seed);
    if (random.chance(0.15)) this.#attempts.room = 1 + random.below(4);
    this.#functions = new Functions({
      ...world,
      startMs,
      alarms,
      secrets: this.#secrets,
      callbacks: new CallbackDesk(this.#timeline, (name, told) =>
        this.#guard(() => this.#invariants.callbacks.heard(name, told)),
      ),
      awayUntilMs,
      table: this.#table,
      buckets: this.#buckets,
      attempts: this.#attempts,
      keys: KEYS,
      queues: () => queuesAt(this.#workload.queues, this.#timeline.nowMs, this.#faults.isHealed),
      caps: () => capsAt(this.#workload.money, this.#timeline.nowMs, this.#faults.isHealed),
      isolation: isolationOf(seed),
      egress: (name) => egressAt(this.#workload.egress, name, this.#timeline.nowMs),
      prices: PRICES,
      leaseMs: 120_000,
      heartbeatMs: 20_000,
      hasAuthority: random.chance(0.3),
      told: this.#reports(),
      carriers: this.#carriers,
      plant: options.plant ?? ((deps) => deps),
    });
    this.#table.mirror = options.mirror ?? null;
    const { timeline, table } = { timeline: this.#timeline, table: this.#table };
    this.#minds = new Minds({ seed, table, timeline, arrive: (key, document) => this.#arrive(key, document) });
    this.#invariants = new Invariants(this.#table, this.#timeline, this.#buckets, this.#workload.egress);
    uploadAll(this.#buckets);
    uploadCapabilities(this.#buckets);
    this.#watch(this.#invariants);
  }

  async live(): Promise<Outcome> {
    this.#scheduleTicks(this.#workload.startMs + 1_000);
    for (const deed of this.#workload.deeds) this.#timeline.at(deed.atMs, () => this.#arrive(deed.key, deed.document));
    // Some minutes of trouble beyond the last thing that anybody asks for.
    const { fromMs = 0, untilMs = 0 } = this.#outage ?? {};
    if (untilMs > 0) this.#timeline.at(fromMs, () => this.#functions.cutOff());
    const healMs = Math.max(this.#workload.lastMs, untilMs) + 4 * MINUTE_MS;
    this.#timeline.at(healMs, () => {
      this.#healedAtMs = healMs;
      this.#faults.heal();
      this.#attempts.room = Number.POSITIVE_INFINITY;
    });
    this.#timeline.at(healMs + SCHEDULES_STAY_MS, () => this.#guard(() => this.#invariants.slots.nothingIsDue()));
    await this.#timeline.live(() => {
      if (this.#timeline.steps > MOST_STEPS) this.#violate(new Violation('I9', this.#whatIsLeft()));
      return !this.#isOver && this.#violation === null;
    });
    let verified = 0;
    if (this.#violation === null) verified = await this.#check();
    return this.#outcome(verified);
  }

  async #check(): Promise<number> {
    try {
      const deeds = [...this.#workload.deeds, ...this.#minds.deeds];
      const { slots, callbacks } = this.#invariants;
      const remains = { table: this.#table, buckets: this.#buckets, trust: KEYS.trust, deeds, slots, callbacks };
      const runs = this.#table.partitions().filter((pk) => pk.startsWith('run/'));
      const written = runs.flatMap((pk) => this.#table.query(pk, { prefix: 'item/', limit: ALL })).length;
      // Some were refused, and some became many.
      const items = Math.max(this.#workload.items, written);
      const things = 20 * (runs.length + this.#workload.runs) + items + this.#attempts.workers.size;
      const { commits } = this.#table;
      mustHold(commits <= MOST_COMMITS * things, 'I10', `${commits} transactions, more than ${MOST_COMMITS} a thing`);
      const { verified } = await checkRemains({ ...remains, nowMs: this.#timeline.nowMs });
      return verified;
    } catch (error) {
      this.#violate(error);
      return 0;
    }
  }

  #outcome(verified: number): Outcome {
    const { runs, items } = this.#workload;
    return {
      seed: this.#options.seed,
      violation: this.#violation,
      hash: this.#timeline.hash,
      steps: this.#timeline.steps,
      commits: this.#table.commits,
      runs,
      items,
      attempts: this.#attempts.workers.size,
      verified,
      faults: this.#faults.fired,
      lines: this.#timeline.lines ?? [],
    };
  }

  #arrive(key: string, document: object): void {
    const bytes = new TextEncoder().encode(JSON.stringify(document));
    const object = this.#buckets.put(key, bytes);
    this.#invariants.pinned.arrived(bytes, document);
    this.#timeline.note(`client puts ${key} ${JSON.stringify(document).slice(0, 200)}`);
    this.#carriers.submissions.put(arrivalOf(object), key);
  }

  #scheduleTicks(atMs: number): void {
    this.#timeline.at(atMs, () => {
      if (this.#isAtRest()) {
        this.#isOver = true;
        return;
      }
      if (this.#timeline.nowMs > this.#healedAtMs + PATIENCE_MS)
        return this.#violate(new Violation('I9', this.#whatIsLeft()));
      if (this.#faults.isHealed) {
        this.#minds.resumeAll();
        this.#minds.closeAll();
      }
      if (this.#timeline.nowMs > this.#healedAtMs + SCHEDULES_STAY_MS) this.#minds.removeSchedules();
      this.#scheduleTicks(Math.max(atMs, this.#awayUntilMs()) + MINUTE_MS);
      void this.#functions.invoke('reconcile', { source: 'aws.scheduler' }).catch((error: unknown) => {
        this.#reports().trouble('reconcile', error);
      });
    });
  }

  #isAtRest(): boolean {
    if (!this.#faults.isHealed) return false;
    const carriers = [...Object.values(this.#carriers), ...this.#streams];
    return (
      carriers.every(({ isIdle }) => isIdle) && unfinished({ table: this.#table, buckets: this.#buckets }) === null
    );
  }

  #whatIsLeft(): string {
    const busy = [...Object.values(this.#carriers), ...this.#streams].filter(({ isIdle }) => !isIdle);
    const left = unfinished({ table: this.#table, buckets: this.#buckets });
    return `nothing comes to rest: ${left} is left; busy are ${busy.map(({ name }) => name).join(', ')}`;
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#violate(error);
    }
  }

  /** In the past when nothing is away. */
  #awayUntilMs(): number {
    const { fromMs = 0, untilMs = 0 } = this.#outage ?? {};
    return this.#timeline.nowMs >= fromMs ? untilMs : 0;
  }

  /** A call that fails comes again. */
  #callSlot(event: object, tries: number): void {
    const again = (): void => {
      if (tries > 1) this.#timeline.after(MINUTE_MS, () => this.#callSlot(event, tries - 1));
    };
    this.#functions.invoke('slot', event).then(
      (answer) => answer === null && again(),
      (error: unknown) => {
        this.#reports().trouble('slot', error);
        again();
      },
    );
  }

  /** A run has been opened and nothing of it is ready: whoever opened it may get no further. */
  #cutOffOpening({ changes }: Commit): void {
    for (const { pk, sk, before, after } of changes) {
      if (sk !== 'run' || (after as RunRow | null)?.state !== 'open') continue;
      if ((before as RunRow | null)?.state !== 'admitting') continue;
      if (this.#faults.strike('attempt', this.#faults.draw(`opening ${pk}`), ['cut off']) !== null)
        this.#functions.cutOff('submit');
    }
  }

  #watch(invariants: Invariants): void {
    const guard = (check: () => void): void => this.#guard(check);
    let sequence = 0;
    this.#table.watch((commit) => {
      for (const { pk, sk, before, after } of commit.changes)
        this.#timeline.note(`${commit.by.name} ${before === null ? '+' : after === null ? '-' : '~'} ${pk} ${sk}`);
      guard(() => invariants.committed(commit));
      this.#options.watch?.(commit);
      this.#minds.saw(commit);
      this.#cutOffOpening(commit);
      for (const change of commit.changes) {
        sequence += 1;
        const wanted = this.#streams.filter(({ name }) => isDelivered(name, change));
        if (wanted.length === 0) continue;
        const record = streamRecord(change, sequence, textOf);
        for (const stream of wanted) stream.push(change, record);
      }
    });
    this.#attempts.watcher = {
      launched: (attemptId, isFirst, lease) => guard(() => invariants.launched(attemptId, isFirst, lease)),
      staged: (attemptId, checkpoint) => guard(() => invariants.staged(attemptId, this.#timeline.steps, checkpoint)),
    };
    this.#buckets.onArrival = (object) => this.#carriers.submissions.put(arrivalOf(object), object.key);
    this.#buckets.onAnswer = (receipt) => guard(() => invariants.answered(receipt));
  }

  /** Errors that are no answer of a port: nothing that goes wrong outside explains them. */
  #reports(): Reports {
    const trouble = (about: string, error: unknown): void => {
      const isExplained = error instanceof WaybillError && (error.retryable || error.path === 'tsa');
      this.#timeline.note(`trouble ${about}: ${String(error).slice(0, 200)}`);
      const said = error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(error);
      if (!isExplained)
        this.#violate(error instanceof Violation ? error : new Violation('defect', `${about}: ${said}`));
    };
    return {
      trouble,
      malformed: (about, problem) => this.#violate(new Violation('defect', `${about} is malformed: ${problem}`)),
      info: () => {},
    };
  }

  /** Whoever hears of a key may be cut off: its attempt is looked at later. */
  #release(attemptId: string): void {
    this.#functions
      .invoke('release', { attemptId })
      .catch((error: unknown) => this.#reports().trouble('release', error));
  }

  #platformEvents() {
    const tell = (body: object, about: string): void => this.#carriers.results.put(body, about);
    return {
      begun: (attemptId: string, bits: number) => this.#secrets.begun(attemptId, bits),
      staged: (attemptId: string) => {
        tell(toldOf(`${attemptId}/result.json`, undefined), `staged ${attemptId}`);
      },
      ended: (attemptId: string, stopCode: string, exitCode: number | null, stoppedReason = '') => {
        const containers = [{ name: 'wrapper', ...(exitCode === null ? {} : { exitCode }) }];
        const detail = { lastStatus: 'STOPPED', startedBy: attemptId, stopCode, stoppedReason, containers };
        tell({ 'detail-type': 'ECS Task State Change', detail }, `ended ${attemptId}`);
      },
    };
  }

  #violate(error: unknown): void {
    if (this.#violation !== null) return;
    const isOne = error instanceof Violation;
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#violation = isOne ? error : new Violation('defect', said);
    this.#timeline.note(`violation ${this.#violation.message}`);
  }
}
