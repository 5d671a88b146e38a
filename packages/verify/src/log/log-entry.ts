/** The entries of a deployment's log: what happened to its runs, its keys, its settings and its anchors. */
import type { Digest } from '../crypto/digest.ts';
import { count, digest, hex32, hex64, ordinal, origin, reasonCode, time } from '../json/scalars.ts';
import { choose, closed, nullable, oneOf, requireShape, type Shape, text } from '../json/shape.ts';

interface EntryFrame<Type extends string> {
  v: 1;
  origin: string;
  type: Type;
  at: string;
}

interface RunFrame<Type extends string> extends EntryFrame<Type> {
  /** Dense from 0 over the runs of the deployment, so that a missing run shows. */
  runSeq: number;
  run: string;
}

export interface RunOpenedEntry extends RunFrame<'run.opened'> {
  /** Leaf hash of the run's first event. */
  event: Digest;
}

/** How far the record of an open run has come: a prefix of its tree. */
export interface RunCheckpointEntry extends RunFrame<'run.checkpoint'> {
  size: number;
  root: Digest;
}

export interface RunSealedEntry extends RunFrame<'run.sealed'> {
  size: number;
  root: Digest;
  /** SHA-256 of the seal's DSSE payload. */
  seal: Digest;
}

/** The run will never be sealed; `size` and `root` are how far its record came. */
export interface RunAbortedEntry extends RunFrame<'run.aborted'> {
  size: number;
  root: Digest;
  reason: string;
}

/** What happened to a run after its seal. */
export interface RunAddendumEntry extends RunFrame<'run.addendum'> {
  kind: 'late-result' | 'late-control' | 'late-stop';
  /** What came, where it has bytes. */
  object: Digest | null;
  attempt?: string;
}

export type KeyUse = 'attest' | 'log';
export type KeyAlgorithm = 'ecdsa-p256-sha256' | 'ed25519';

/** `note` is a signed note over the entry without `note` and `at`. */
export interface KeyAddedEntry extends EntryFrame<'key.added'> {
  use: KeyUse;
  alg: KeyAlgorithm;
  keyid: string;
  /** Base64 of the SPKI DER. */
  spki: string;
  /** First log index for which the key is valid. */
  from: number;
  note: string;
}

export interface KeyRetiredEntry extends EntryFrame<'key.retired'> {
  use: KeyUse;
  keyid: string;
  /** First log index for which the key no longer is valid. */
  to: number;
  note: string;
}

export interface KeyRevokedEntry extends EntryFrame<'key.revoked'> {
  use: KeyUse;
  keyid: string;
  to: number;
  reason: string;
  note: string;
}

export interface PolicyChangedEntry extends EntryFrame<'policy.changed'> {
  /** The canonical document of the engine's settings. */
  policy: Digest;
}

/** An anchored checkpoint, as the anchor's keeper acknowledged it. */
export interface AnchorReceiptEntry extends EntryFrame<'anchor.receipt'> {
  size: number;
  /** The bytes of the checkpoint note. */
  object: Digest;
  key: string;
  version: string | null;
  lockedUntil: string | null;
}

/** Nothing happened, and this was said. */
export interface HeartbeatEntry extends EntryFrame<'heartbeat'> {
  /** Runs that are opened and neither sealed nor aborted. */
  open: number;
}

/** The two entries that a bundle carries. */
export type RunEntry = RunOpenedEntry | RunSealedEntry;

export type LogEntry =
  | RunEntry
  | RunCheckpointEntry
  | RunAbortedEntry
  | RunAddendumEntry
  | KeyAddedEntry
  | KeyRetiredEntry
  | KeyRevokedEntry
  | PolicyChangedEntry
  | AnchorReceiptEntry
  | HeartbeatEntry;

export type LogEntryType = LogEntry['type'];

const frame = { v: oneOf(1), origin, at: time };
const runFrame = { ...frame, runSeq: count, run: hex32 };
const keyFrame = { ...frame, use: oneOf('attest', 'log'), keyid: hex64 };
/** A tile holds entries of at most 65,535 bytes. */
const MAX_NOTE_LENGTH = 32_768;
const note: Shape<string> = (value) =>
  typeof value === 'string' && value.endsWith('\n') && value.length <= MAX_NOTE_LENGTH ? undefined : ' is no note';
const objectName: Shape<string> = text(/^[!-~]{1,1024}$/, 'a name of printable ASCII');

export const runOpenedEntry: Shape<RunOpenedEntry> = closed<RunOpenedEntry>({
  ...runFrame,
  type: oneOf('run.opened'),
  event: digest,
});
export const runSealedEntry: Shape<RunSealedEntry> = closed<RunSealedEntry>({
  ...runFrame,
  type: oneOf('run.sealed'),
  size: count,
  root: digest,
  seal: digest,
});

const SHAPES: { [T in LogEntryType]: Shape<Extract<LogEntry, { type: T }>> } = {
  'run.opened': runOpenedEntry,
  'run.sealed': runSealedEntry,
  'run.checkpoint': closed<RunCheckpointEntry>({
    ...runFrame,
    type: oneOf('run.checkpoint'),
    size: ordinal,
    root: digest,
  }),
  'run.aborted': closed<RunAbortedEntry>({
    ...runFrame,
    type: oneOf('run.aborted'),
    size: count,
    root: digest,
    reason: reasonCode,
  }),
  'run.addendum': closed<RunAddendumEntry>({
    ...runFrame,
    type: oneOf('run.addendum'),
    kind: oneOf('late-result', 'late-control', 'late-stop'),
    object: nullable(digest),
    attempt: { optional: hex32 },
  }),
  'key.added': closed<KeyAddedEntry>({
    ...keyFrame,
    type: oneOf('key.added'),
    alg: oneOf('ecdsa-p256-sha256', 'ed25519'),
    spki: text(/^[A-Za-z0-9+/]{40,1000}={0,2}$/, 'base64 of a public key'),
    from: count,
    note,
  }),
  'key.retired': closed<KeyRetiredEntry>({ ...keyFrame, type: oneOf('key.retired'), to: count, note }),
  'key.revoked': closed<KeyRevokedEntry>({
    ...keyFrame,
    type: oneOf('key.revoked'),
    to: count,
    reason: reasonCode,
    note,
  }),
  'policy.changed': closed<PolicyChangedEntry>({ ...frame, type: oneOf('policy.changed'), policy: digest }),
  'anchor.receipt': closed<AnchorReceiptEntry>({
    ...frame,
    type: oneOf('anchor.receipt'),
    size: ordinal,
    object: digest,
    key: objectName,
    version: nullable(objectName),
    lockedUntil: nullable(time),
  }),
  heartbeat: closed<HeartbeatEntry>({ ...frame, type: oneOf('heartbeat'), open: count }),
};

const BY_TYPE = new Map<unknown, Shape<LogEntry>>(Object.entries(SHAPES) as [string, Shape<never>][]);

const logEntry: Shape<LogEntry> = choose((entry) => BY_TYPE.get(entry.type));

/** The shape of the two entries that a bundle carries. */
export const runEntry: Shape<RunEntry> = choose((entry): Shape<RunEntry> | undefined => {
  if (entry.type === 'run.opened') return runOpenedEntry as Shape<RunEntry>;
  return entry.type === 'run.sealed' ? (runSealedEntry as Shape<RunEntry>) : undefined;
});

/** Throws EvidenceError `SHAPE` unless the value is an entry of a known type. */
export function requireLogEntry(value: unknown): LogEntry {
  requireShape(logEntry, value, 'log entry');
  return value;
}
