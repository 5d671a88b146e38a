/** What one check of a bundle is. A check follows the lines as they pass and throws Contradiction where they do not hold. */

import type { Digest } from '../crypto/digest.ts';
import type { Trust } from '../keys/trust.ts';
import type { RunOpenedEntry, RunSealedEntry } from '../log/log-entry.ts';
import type { TileRef } from '../log/tiles.ts';
import type { TlogPolicy } from '../log/tlog-policy.ts';
import type { BundleHeader, BundleLine, LogRecord, Signed } from '../record/bundle-line.ts';
import type { EventLine, EventOf } from '../record/events.ts';
import type { Attestations, DispatchedEvent, ReusedEvent, SettledEvent } from '../record/pairing.ts';
import type { ProvenanceStatement } from '../record/provenance.ts';
import type { DispatchStatement, RunSealStatement } from '../record/statement.ts';
import type { PlanBook } from '../replay/plan-book.ts';
import type { AnchorObject } from '../verdict/anchor-object.ts';
import type { AnchorUrls, Fetch } from '../verdict/anchor-online.ts';
import type { AnchorFact, QuorumFact } from '../verdict/facets.ts';
import type { AnchorRule, TsaTrust } from '../verdict/policy.ts';
import type { VerdictCode } from '../verdict/verdict-code.ts';
import type { VerifyState } from '../verdict/verify-state.ts';

export type CheckId =
  | 'container'
  | 'disclosed-events'
  | 'disclosed-attempts'
  | 'identity'
  | 'sequence'
  | 'plan'
  | 'state-machine'
  | 'manifests'
  | 'manifest-signatures'
  | 'hand-off'
  | 'provenance'
  | 'test-results'
  | 'reuse'
  | 'intents'
  | 'attestation-signatures'
  | 'reuse-signatures'
  | 'seal'
  | 'seal-signature'
  | 'log-entries'
  | 'log-inclusion'
  | 'checkpoint-signature'
  | 'witnesses'
  | 'timestamp'
  | 'anchor'
  | 'freshness'
  | 'state';

export type LoggedEntry<Entry> = LogRecord & { entry: Entry };

/** What the lines so far have said, not yet believed. */
export interface BundleFacts {
  header: BundleHeader | undefined;
  plan: PlanBook;
  /** Why the plan cannot be right, found while it was gathered. */
  planProblem: string | undefined;
  opened: (EventLine & EventOf<'run.opened'>) | undefined;
  completed: (EventLine & EventOf<'run.completed'>) | undefined;
  /** Leaf hash of the first event. */
  firstLeaf: Uint8Array | undefined;
  /** Size and root of the tree over the event lines of the file; the root is set when the file has ended. */
  size: number;
  root: Digest | undefined;
  seal: Signed<RunSealStatement> | undefined;
  openedEntry: LoggedEntry<RunOpenedEntry> | undefined;
  sealedEntry: LoggedEntry<RunSealedEntry> | undefined;
  /** A TimeStampResp, not yet read. */
  tsr: Uint8Array | undefined;
}

/** A stretch of time in which a third party vouched for the checkpoint. */
export interface AttestedTime {
  earliestMs: number;
  latestMs: number;
}

/** What checks have shown with the auditor's material; it counts only when no check of the file fails. */
export interface Proven {
  timestamp?: AttestedTime;
  /** Only when the quorum of the policy is met. */
  quorum?: QuorumFact & AttestedTime;
  anchor?: AnchorFact;
}

/** What the auditor supplied beside the file: the only source of trust. */
export interface AuditorMaterial {
  trust: Trust | undefined;
  expectRun: string | undefined;
  tsa: TsaTrust | undefined;
  witnesses: TlogPolicy | undefined;
  anchorRule: AnchorRule | undefined;
  /** What the storage said, or how it can be asked. */
  anchor: { object: AnchorObject } | { urls: AnchorUrls; fetch: Fetch } | undefined;
  state: VerifyState | undefined;
  /** Tiles of the deployment's log. */
  readTile: ((tile: TileRef) => Promise<Uint8Array>) | undefined;
  maxAgeMs: number | null;
  nowMs: number;
}

export interface CheckContext extends AuditorMaterial {
  facts: BundleFacts;
  proven: Proven;
}

/** How a check ended that did not fail. */
export interface Outcome {
  status: 'pass' | 'skip' | 'short' | 'unreachable';
  /** Null when and only when it passed. */
  code: VerdictCode | null;
  detail: string;
}

// biome-ignore lint/suspicious/noConfusingVoidType: most checks end by returning nothing.
type Ended = Outcome | void;

export interface Watcher {
  line?(line: BundleLine): void;
  event?(event: EventLine): void;
  /** A dispatch with the manifest on the line after it; undefined when that line is something else. */
  dispatch?(event: DispatchedEvent, manifest: Signed<DispatchStatement> | undefined): void;
  /** The end of an attempt with the statements on the lines after it. */
  settlement?(event: SettledEvent, attestations: Attestations): void;
  /** A result that was used again, with the provenance on the line after it. */
  reuse?(event: ReusedEvent, provenance: Signed<ProvenanceStatement> | undefined): void;
  /**
   * Awaited now and then: work that a watcher has started aside. Not all of it need be waited for, unless `everything`
   * is asked for.
   */
  settle?(everything: boolean): Promise<void>;
  /** The file has ended. Without an outcome of its own the check has passed. */
  finish?(): Ended | Promise<Ended>;
}

export interface Check {
  id: CheckId;
  /** What holds when the check passes, in one sentence. */
  claim: string;
  /** What a contradiction means that carries no code of its own, and what unreadable material of the file means. */
  code: VerdictCode;
  /** Whether it needs the auditor's keys; skipped without them. */
  needsTrust?: true;
  start(context: CheckContext): Watcher;
}
