import type { Digest, TlogPolicy } from '@waybill/verify';
import type { EgressSettings } from '#core/egress-settings.ts';
import type { IntentPolicy } from '#core/intent.ts';
import type { Isolation } from '#core/mailbox-protocol.ts';
import type { Pricing } from '#core/price-table.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { Chance, Clock } from '#ports/clock.ts';
import type { Inbox } from '#ports/inbox.ts';
import type { Launcher } from '#ports/launcher.ts';
import type { Mailbox } from '#ports/mailbox.ts';
import type { RootLedger } from '#ports/root-ledger.ts';
import type { RunStore } from '#ports/run-store.ts';
import type { Scheduler } from '#ports/scheduler.ts';
import type { Signer } from '#ports/signer.ts';
import type { TimestampAuthority } from '#ports/timestamp-authority.ts';
import type { Witness } from '#ports/witness.ts';

/**
 * What happened, for a composition root that wants to act at once. Each hint only repeats what a row says (a ready row,
 * a todo row, a wake row, a timer, an unsealed run), so a lost one costs time until the next sweep and nothing else.
 */
export interface Hints {
  /** Items of the queue may have become claimable, or a slot free. */
  queueChanged(queue: string): void;
  /** `by` released locks for which somebody waits. */
  locksReleased(by: string): void;
  /** The attempt holds its claim and wants to be dispatched. */
  claimed(attemptId: string): void;
  /** The item is terminal; its dependents have not been told. */
  itemEnded(run: string, item: string): void;
  runOpened(run: string): void;
  /** Something that its status shows. */
  runChanged(run: string): void;
  runCompleted(run: string): void;
  /** So many events of the run wait for their place in its record. */
  eventsWritten(run: string, count: number): void;
  /** Entries of the log wait for a checkpoint that nobody else asks for. */
  entered(): void;
  /** Something of the run failed and it goes on without: for the operator to know. */
  trouble(run: string, error: unknown): void;
  /** An outsider who would have made the evidence stronger did not answer. Nothing is left to do. */
  outage(about: string, error: unknown): void;
  timerSet(dueMs: number): void;
}

/** Those outside who make the evidence stronger. The flow goes on without whoever does not answer. */
export interface Outsiders {
  witnesses: readonly Witness[];
  /** Whose cosignatures are enough; null when nobody is asked. */
  witnessPolicy: TlogPolicy | null;
  timestampAuthority: TimestampAuthority | null;
  /** Nobody is waited for longer. */
  outsiderWaitMs: number;
}

export const NO_OUTSIDERS: Outsiders = {
  witnesses: [],
  witnessPolicy: null,
  timestampAuthority: null,
  outsiderWaitMs: 10_000,
};

/** What runs the blocks of an attempt, as manifests name it. */
export type Executable = Digest | 'in-process';

/** Names of the secrets that are kept, as of now. */
export interface KnownSecrets extends Iterable<string> {
  has(name: string): boolean;
}

/** Everything a use case may touch. Composition roots (embedded, Lambdas, tests) choose the adapters. */
export interface FlowDeps extends Outsiders {
  origin: string;
  store: RunStore;
  inbox: Inbox;
  artifacts: Artifacts;
  ledger: RootLedger;
  signer: Signer;
  /** Gives an attempt the secrets that it asks for; absent where this process gives none. */
  release?(attemptId: string): Promise<void>;
  mailbox: Mailbox;
  launcher: Launcher;
  scheduler: Scheduler;
  clock: Clock;
  chance: Chance;
  /** By what attempts reserve and are charged. */
  pricing: Pricing;
  hints: Hints;
  /** Which intents pass; all are denied where it is absent. */
  intentPolicy?: IntentPolicy;
  /** Whom specs may name to be told of the end of a run; nobody where it is absent. */
  callbacks?: ReadonlySet<string>;
  /** By queue: which hosts outside its items may reach; none where it is absent. */
  egress?: EgressSettings;
  /** What the launcher's probe found, and what a run may therefore do. */
  worker: {
    isolation: Isolation;
    /** In the environment `default`. */
    executable: Executable;
    /** In the other environments of the deployment, by name; absent where there is but one. */
    environments?: ReadonlyMap<string, Executable>;
    allowUnsandboxedAgents: boolean;
    /** Somebody answers where attempts ask for secrets: for all of them, or for those of a set, where it is known which there are. */
    givesSecrets?: true | KnownSecrets;
    /** Models with which attempts are given a session; absent where nobody gives any. */
    givesModels?: ReadonlySet<string>;
    /** An attempt without a heartbeat for this long is lost. */
    leaseMs: number;
    /** How much longer than usual a start may take, before there is a first heartbeat. */
    startMs: number;
    heartbeatMs: number;
    /** Workers outlive the process that launched them, so a restart may find them at work. */
    survivesRestart: boolean;
  };
  /**
   * Runs decisions one after another where one process makes them all, so that they need not collide in the store;
   * where many processes decide it just calls, and conflicts are retried.
   */
  lane<T>(decision: () => Promise<T>): Promise<T>;
}
