/** The simulated ports without time and without faults, for a test that sets one history up by hand. */
import './inline-crypto.ts';
import { LOCAL_PRICES } from '#core/price-table.ts';
import { DEFAULT_CAPS } from '#core/purse.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { InboxObject } from '#ports/inbox.ts';
import { AlarmClock } from './alarm-clock.ts';
import { Attempts } from './attempts.ts';
import { CallbackDesk } from './callback-desk.ts';
import { SimulatedQueue } from './carriers.ts';
import { Container } from './container.ts';
import { FaultPlan } from './faults.ts';
import { type FunctionName, flowOf } from './functions.ts';
import { Buckets } from './object-stores.ts';
import { makeKeys } from './quick-signer.ts';
import { RowTable } from './row-table.ts';
import { Timeline } from './timeline.ts';

export interface InstantFlow {
  table: RowTable;
  /** A client writes an object below `inbox/`. */
  put(key: string, document: object): InboxObject;
  goOn(ms: number): void;
  /** What a function works with. `before` stands in front of each of its calls. */
  flow(name: FunctionName, before?: (what: string) => Promise<void>): FlowDeps;
}

class Instant extends Container {
  readonly #before: (what: string) => Promise<void>;

  constructor(timeline: Timeline, before: (what: string) => Promise<void>) {
    super('instant', timeline, new FaultPlan(1, NO_FAULTS, null));
    this.#before = before;
  }

  override async call<T>(what: string, effect: () => T | Promise<T>): Promise<T> {
    await this.#before(what);
    return effect();
  }
}

/** Whoever wants to wait has waited. */
function withoutWaiting(deps: FlowDeps): FlowDeps {
  const after: FlowDeps['clock']['after'] = (_delayMs, run) => {
    queueMicrotask(run);
    return () => {};
  };
  return { ...deps, clock: { ...deps.clock, after } };
}

const NO_FAULTS = { call: 0, event: 0, batch: 0, attempt: 0, outage: 0 };

export function instantFlow(
  queues: Record<string, { concurrency: number }> = { default: { concurrency: 4 } },
): InstantFlow {
  const timeline = new Timeline(Date.UTC(2026, 10, 21), false);
  const faults = new FaultPlan(1, NO_FAULTS, null);
  const [table, buckets, keys] = [new RowTable(), new Buckets(), makeKeys()];
  const attempts = new Attempts(timeline, faults, { staged: () => {}, ended: () => {} }, 1);
  const alarms = new AlarmClock({ timeline, faults, awayUntilMs: () => 0 }, () => {});
  const carrier = (name: string) => new SimulatedQueue(name, { timeline, faults }, async () => null);
  const carriers = {
    submissions: carrier('a'),
    sequencer: carrier('b'),
    timers: carrier('c'),
    callbacks: carrier('d'),
  };
  const told = { trouble: () => {}, malformed: () => {}, info: () => {} };
  const money = {
    isolation: 'container' as const,
    egress: () => ({ allow: [], deny: [] }),
    caps: () => DEFAULT_CAPS,
    prices: LOCAL_PRICES,
  };
  const rest = {
    timeline,
    faults,
    table,
    buckets,
    attempts,
    alarms,
    callbacks: new CallbackDesk(timeline, () => {}),
    keys,
    queues: () => queues,
    told,
    carriers,
    ...money,
  };
  return {
    table,
    put: (key, document) => buckets.put(key, new TextEncoder().encode(JSON.stringify(document))),
    goOn(ms) {
      timeline.nowMs += ms;
    },
    flow(name, before = async () => {}) {
      const platform = {
        ...rest,
        startMs: timeline.nowMs,
        awayUntilMs: () => 0,
        leaseMs: 120_000,
        heartbeatMs: 20_000,
        hasAuthority: false,
        plant: withoutWaiting,
      };
      return flowOf(name, platform, new Instant(timeline, before));
    },
  };
}
