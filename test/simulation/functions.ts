/** The functions of a deployment, as they are deployed, over simulated ports: one pool of containers for each. */

import type { EgressPolicy } from '@waybill/client/egress';
import { RetryableError } from '@waybill/client/errors';
import type { Isolation } from '#core/mailbox-protocol.ts';
import type { Caps } from '#core/money-rows.ts';
import { type PriceTable, pricingOf } from '#core/price-table.ts';
import type { QueueDefinitions } from '#core/queue-definition.ts';
import { type Executable, type FlowDeps, NO_OUTSIDERS } from '#flow/deps.ts';
import { createLane } from '#flow/lane.ts';
import { release } from '#flow/release.ts';
import { advanceRecords } from '#lambdas/advance/advance-records.ts';
import { dispatchRecords } from '#lambdas/dispatch/dispatch-records.ts';
import { notifyMessages } from '#lambdas/notify/notify-messages.ts';
import { reconcile } from '#lambdas/reconcile/reconcile.ts';
import { beginOnce, sequenceMessages } from '#lambdas/seal/sequence-messages.ts';
import { unstaged } from '#lambdas/seal/unstaged.ts';
import { settleMessages } from '#lambdas/settle/settle-messages.ts';
import type { BatchResponse } from '#lambdas/shared/batch.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { toldOf } from '#lambdas/shared/platform-events.ts';
import { watchedMailbox } from '#lambdas/shared/remembered-mailbox.ts';
import { quietHints, type Told } from '#lambdas/shared/told.ts';
import { fillSlot } from '#lambdas/slot/fill-slot.ts';
import { takeInMessages } from '#lambdas/submit/take-in.ts';
import type { InboxObject } from '#ports/inbox.ts';
import type { AlarmClock } from './alarm-clock.ts';
import { launcherOf, mailboxOf } from './attempt-ports.ts';
import { type Attempts, SIMULATED_WORKER } from './attempts.ts';
import { CALLBACK_NAMES, type CallbackDesk } from './callback-desk.ts';
import type { SimulatedQueue } from './carriers.ts';
import { Container } from './container.ts';
import type { FaultPlan } from './faults.ts';
import { KINDS } from './left-files.ts';
import { artifactsOf, type Buckets, inboxOf, ledgerOf, namedObject } from './object-stores.ts';
import { type DeploymentKeys, signerOf } from './quick-signer.ts';
import { type RowTable, runStoreOf } from './row-table.ts';
import type { SecretDesk } from './secret-desk.ts';
import type { Timeline } from './timeline.ts';

export type FunctionName =
  | 'advance'
  | 'dispatch'
  | 'submit'
  | 'settle'
  | 'seal'
  | 'notify'
  | 'slot'
  | 'timers'
  | 'reconcile'
  | 'release';

/** What containers of all functions share. */
export interface Platform {
  startMs: number;
  timeline: Timeline;
  faults: FaultPlan;
  table: RowTable;
  buckets: Buckets;
  attempts: Attempts;
  alarms: AlarmClock;
  /** Absent: nobody is given secrets. */
  secrets?: SecretDesk;
  callbacks: CallbackDesk;
  /** Until when nothing runs; in the past when all does. */
  awayUntilMs(): number;
  keys: DeploymentKeys;
  queues(): QueueDefinitions;
  caps(): Caps;
  prices: PriceTable;
  isolation: Isolation;
  /** What a queue may reach by now. */
  egress(queue: string): EgressPolicy;
  leaseMs: number;
  heartbeatMs: number;
  hasAuthority: boolean;
  told: Told;
  carriers: Readonly<Record<'submissions' | 'sequencer' | 'timers' | 'callbacks', SimulatedQueue>>;
  /** Puts bugs into what a container is given; what it is given, by default. */
  plant(deps: FlowDeps, container: Container): FlowDeps;
}

type Handle = (event: object) => Promise<BatchResponse>;

interface Deployed {
  container: Container;
  handle: Handle;
  isBusy: boolean;
}

const TIMEOUT_MS = 300_000;
/** What it is sending is left to it for less than that of the others. */
const NOTIFY_TIMEOUT_MS = 60_000;
const ENVIRONMENT_LEAVES_MS = 270_000;
const NOTHING_FAILED: BatchResponse = { batchItemFailures: [] };

export class Functions {
  readonly #platform: Platform;
  readonly #pools = new Map<FunctionName, Deployed[]>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** All that is under way is cut off, of one function or of all. */
  cutOff(only?: FunctionName): void {
    for (const [name, pool] of this.#pools) {
      if (only !== undefined && name !== only) continue;
      for (const { container } of pool.splice(0)) container.die('an outage');
    }
  }

  /** Null: its container died, or nothing runs. */
  async invoke(name: FunctionName, event: object): Promise<BatchResponse | null> {
    const { timeline, awayUntilMs } = this.#platform;
    if (timeline.nowMs < awayUntilMs()) return null;
    const pool = this.#pools.get(name) ?? [];
    this.#pools.set(name, pool);
    let deployed = pool.find(({ isBusy }) => !isBusy);
    if (deployed === undefined) {
      deployed = this.#deploy(name);
      pool.push(deployed);
    }
    const { container, handle } = deployed;
    const mine = deployed;
    mine.isBusy = true;
    container.sinceStep = timeline.steps;
    const startedAt = timeline.steps;
    timeline.after(name === 'notify' ? NOTIFY_TIMEOUT_MS : TIMEOUT_MS, () => {
      if (mine.isBusy && container.sinceStep === startedAt) container.die('its timeout');
    });
    const death = new Promise<null>((resolve) => {
      container.onDeath = () => resolve(null);
    });
    try {
      const answer = await Promise.race([handle(event), death]);
      const place = pool.indexOf(mine);
      if (answer === null && place >= 0) pool.splice(place, 1);
      return answer;
    } finally {
      mine.isBusy = false;
    }
  }

  #deploy(name: FunctionName): Deployed {
    const container = new Container(name, this.#platform.timeline, this.#platform.faults);
    return { container, handle: handlerOf(name, this.#platform, container), isBusy: false };
  }
}

function handlerOf(name: FunctionName, platform: Platform, container: Container): Handle {
  const { told, carriers } = platform;
  const flow = flowOf(name, platform, container);
  const inForce = keysInForce(flow);
  const { submissions, sequencer, timers, callbacks } = carriers;
  const sends = {
    sequencer: sequencer.portOf(container),
    timers: timers.portOf(container),
    callbacks: callbacks.portOf(container),
  };
  switch (name) {
    case 'advance': {
      const notifier = { notify: async () => {} };
      return (event) => advanceRecords({ flow, ...sends, notifier, completeToken: async () => {} }, event, told);
    }
    case 'dispatch':
      return (event) => dispatchRecords({ flow, keysInForce: inForce }, event, told);
    case 'submit': {
      const objectOf = (key: string, version: string | undefined): InboxObject => ({
        ...namedObject(key.slice('inbox/'.length)),
        ...(version === undefined ? {} : { version }),
      });
      return (event) => takeInMessages({ flow, objectOf }, event, told);
    }
    case 'settle':
      return (event) => settleMessages({ flow, keysInForce: inForce }, event, told);
    case 'seal': {
      const settings = { format: 'waybill-settings/v1' };
      const duties = { flow, keysInForce: inForce, settings, heartbeatMs: 3_600_000, begin: beginOnce(flow) };
      return (event) => sequenceMessages(duties, event, told);
    }
    case 'notify':
      // Asked each time: an operator changes it.
      return (event) => notifyMessages({ ...platform.callbacks.dutiesOf(container), flow }, event, told);
    case 'slot':
      return async (event) => {
        await fillSlot(flow, event, told);
        return NOTHING_FAILED;
      };
    case 'release':
      return async (event) => {
        await flow.release?.((event as { attemptId: string }).attemptId);
        return NOTHING_FAILED;
      };
    default: {
      const { asked, remembered } = watchedMailbox(flow.mailbox, flow.clock);
      const duties = {
        flow: { ...flow, mailbox: asked },
        glances: remembered,
        keysInForce: inForce,
        get queues() {
          return platform.queues();
        },
        get caps() {
          return platform.caps();
        },
        submissions: submissions.portOf(container),
        ...sends,
        arrivalOf,
      };
      return async (event) => (await reconcile(duties, event, told)) ?? NOTHING_FAILED;
    }
  }
}

export function arrivalOf({ key, version }: InboxObject): object {
  return toldOf(`inbox/${key}`, version);
}

/** What a function works with. */
export function flowOf(name: FunctionName, platform: Platform, container: Container): FlowDeps {
  const { timeline, table, buckets, attempts, alarms, keys, told } = platform;
  const skewMs = (container.faults.draw('clock').bits % 400) - 200;
  const clock: FlowDeps['clock'] = {
    nowMs: () => timeline.nowMs + skewMs,
    after(delayMs, run) {
      let isCancelled = false;
      timeline.after(delayMs, () => {
        if (!isCancelled && !container.isDead) run();
      });
      return () => {
        isCancelled = true;
      };
    },
  };
  const mailbox = name === 'seal' ? unstaged : mailboxOf(attempts, container);
  const deps: FlowDeps = {
    ...NO_OUTSIDERS,
    timestampAuthority: name === 'seal' && platform.hasAuthority ? absentAuthority(container) : null,
    origin: keys.origin,
    store: runStoreOf(table, container),
    inbox: inboxOf(buckets, container),
    artifacts: artifactsOf(buckets, container),
    ledger: ledgerOf(buckets, container),
    signer: signerOf(keys, container),
    mailbox: name === 'advance' ? watchedMailbox(mailbox, clock).remembered : mailbox,
    launcher: launcherOf(attempts, container),
    scheduler: alarms.portOf(container),
    clock,
    chance: chanceOf(container),
    hints: quietHints(told),
    pricing: pricingOf(platform.prices),
    intentPolicy: { allow: [KINDS[0]] },
    callbacks: new Set(CALLBACK_NAMES),
    egress: egressOf(platform),
    worker: {
      isolation: platform.isolation,
      executable: SIMULATED_WORKER,
      get environments() {
        return environmentsAt(platform);
      },
      allowUnsandboxedAgents: false,
      ...(platform.secrets === undefined ? {} : { givesSecrets: true as const }),
      leaseMs: platform.leaseMs,
      startMs: 0,
      heartbeatMs: platform.heartbeatMs,
      survivesRestart: true,
    },
    lane: name === 'seal' ? createLane() : (decision) => decision(),
  };
  const planted = platform.plant(deps, container);
  const keeping = platform.secrets?.keepingOf(container);
  if (keeping !== undefined) planted.release = (attemptId) => release(planted, keeping, attemptId);
  return planted;
}

/** Asked each time: an operator changes it. */
function egressOf({ egress }: Platform): NonNullable<FlowDeps['egress']> {
  return {
    get default() {
      return egress('default');
    },
    get slow() {
      return egress('slow');
    },
  };
}

/** One is taken away some time after the first runs have come. */
function environmentsAt({ timeline, startMs }: Platform): ReadonlyMap<string, Executable> {
  const names = timeline.nowMs < startMs + ENVIRONMENT_LEAVES_MS ? ['python', 'leaving'] : ['python'];
  return new Map(names.map((name) => [name, SIMULATED_WORKER]));
}

function chanceOf(container: Container): FlowDeps['chance'] {
  const draw = (): number => container.faults.draw('chance').bits;
  const word = (): string => draw().toString(16).padStart(8, '0');
  return {
    hex: (bytes) =>
      Array.from({ length: Math.ceil(bytes / 4) }, word)
        .join('')
        .slice(0, 2 * bytes),
    fraction: () => draw() / 2 ** 32,
  };
}

/** It is away, or it never answers. */
function absentAuthority(container: Container): NonNullable<FlowDeps['timestampAuthority']> {
  return {
    async stamp() {
      if (container.faults.draw('authority').bits % 2 === 0) return new Promise(() => {});
      throw new RetryableError({ code: 'TSA_UNREACHABLE', path: 'tsa', problem: 'it is away', fix: 'Try again.' });
    },
  };
}
