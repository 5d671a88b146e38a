/** What one check of a bundle is. A check follows the lines as they pass and throws Contradiction where they do not hold. */
import type { BundleHeader, BundleLine, LogRecord, Signed } from '../bundle-line.ts';
import type { Digest } from '../digest.ts';
import type { EventLine, EventOf } from '../events.ts';
import type { RunOpenedEntry, RunSealedEntry } from '../log-entry.ts';
import type { Attestations, DispatchedEvent, SettledEvent } from '../pairing.ts';
import type { PlanBook } from '../plan-book.ts';
import type { DispatchStatement, RunSealStatement } from '../statement.ts';
import type { Trust } from '../trust.ts';

export type CheckId =
  | 'container'
  | 'identity'
  | 'sequence'
  | 'plan'
  | 'state-machine'
  | 'manifests'
  | 'manifest-signatures'
  | 'hand-off'
  | 'provenance'
  | 'test-results'
  | 'attestation-signatures'
  | 'seal'
  | 'seal-signature'
  | 'log-entries'
  | 'log-inclusion'
  | 'checkpoint-signature';

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
}

export interface CheckContext {
  facts: BundleFacts;
  trust: Trust | undefined;
  expectRun: string | undefined;
}

export interface Watcher {
  line?(line: BundleLine): void;
  event?(event: EventLine): void;
  /** A dispatch with the manifest on the line after it; undefined when that line is something else. */
  dispatch?(event: DispatchedEvent, manifest: Signed<DispatchStatement> | undefined): void;
  /** The end of an attempt with the statements on the lines after it. */
  settlement?(event: SettledEvent, attestations: Attestations): void;
  /** Awaited now and then, and before the end: work that a watcher has started aside. */
  settle?(): Promise<void>;
  /** The file has ended. */
  finish?(): Promise<void> | void;
}

export interface Check {
  id: CheckId;
  /** What holds when the check passes, in one sentence. */
  claim: string;
  /** Whether it needs the auditor's keys; skipped without them. */
  needsTrust?: true;
  start(context: CheckContext): Watcher;
}
