/** Rows of the record: the events of a run before they have their places, its tree, its seal, the deployment log. `rows.ts` has their keys. */
import type { OutputRef } from '@waybill/client/documents';
import type { Digest, DsseEnvelope, ReusedFrom, TreeState, TrustedKey } from '@waybill/verify';

/** An event line on both sides of its place, so that it is rendered once: before anybody knows which place it gets. */
export interface UnplacedLine {
  head: string;
  tail: string;
}

/** An event as it will be in the record, but for its place. */
export interface EventRow extends UnplacedLine {
  /** The statements that the event names, in its order. */
  envelopes?: readonly DsseEnvelope[];
}

/** What of an attempt's manifest the statements about its end repeat: kept with the attempt until it is settled. */
export interface ManifestFacts {
  /** Of its payload. */
  payload: Digest;
  issuedAtMs: number;
  plan: Digest;
  executable: Digest | 'in-process';
  /** The bundle of a git source. */
  source?: Digest;
  inputs: { key: string; sha256: Digest }[];
  /** What it may have, and the digest of the key to which that was sealed. */
  secrets?: { names: string[]; sealedTo?: Digest };
}

/** A result that may be used again, and what is signed about the attempt that made it. */
export interface ReuseRow {
  from: ReusedFrom;
  /** Without the log. */
  outputs: OutputRef[];
  /** Payload digest of the statement in the envelope. */
  provenance: Digest;
  envelope: DsseEnvelope;
}

/** The run's own tree, and the one batch of events that is being moved from the outbox to the record. */
export interface RunTreeRow {
  /** Everything up to here stands in segments. */
  tree: TreeState;
  /** Its rows, by their keys without `event/`, in the order of their places; and the tree when they have them. */
  batch?: { rows: string[]; after: TreeState };
  /** Size of the newest prefix that was entered in the log as run.checkpoint. */
  entered?: number;
}

export interface SealRow {
  envelope: DsseEnvelope;
  size: number;
  root: Digest;
  payload: Digest;
  sealedAtMs: number;
}

export interface LogHeadRow {
  tree: TreeState;
  /** Next runSeq. */
  runSeq: number;
  /** The tree of the newest checkpoint that is in the ledger. */
  published: TreeState;
  /** Runs that were opened and neither sealed nor aborted, by the entries. */
  open: number;
  /** When an entry was appended last. */
  lastAtMs: number;
  /** Lines of anchor.receipt entries that wait for the next entry. */
  receipts?: string[];
}

/** Digest of the settings that were entered last. */
export interface LogPolicyRow {
  policy: Digest;
}

/** What a witness saw last, as far as we know. */
export interface WitnessRow {
  size: number;
}

/** What the entries of the log say about the keys, so that nobody has to read all of them. */
export interface LogKeysRow {
  keys: TrustedKey[];
}

export interface LogEntryRow {
  /** The entry's JCS bytes, as a string. */
  line: string;
}
