/** The lines of an audit bundle, `run-<id>.audit.jsonl`: each by itself, read strictly, its meaning not yet judged. */
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { type Digest, digestOf } from './digest.ts';
import { type OpenedEnvelope, openEnvelope } from './dsse.ts';
import { MAX_EVENT_BYTES } from './event-line.ts';
import { eventLine } from './event-shapes.ts';
import type { EventLine } from './events.ts';
import { EvidenceError } from './evidence-error.ts';
import { canonicalize, parseCanonical } from './jcs.ts';
import { type LogEntry, logEntry } from './log-entry.ts';
import { leafHash } from './merkle.ts';
import { parseNote, type SignedNote } from './note.ts';
import { count, hex32, origin } from './scalars.ts';
import { closed, oneOf, requireShape, type Shape } from './shape.ts';
import { type DispatchStatement, dispatchStatement, type RunSealStatement, runSealStatement } from './statement.ts';
import { parseTlogProof, type TlogProof } from './tlog-proof.ts';

export const BUNDLE_FORMAT = 'waybill-audit/v1';

export interface BundleHeader {
  format: typeof BUNDLE_FORMAT;
  origin: string;
  run: string;
}

/** A signed statement: the envelope, what it says, and the digest by which others name it. */
export interface Signed<Statement> {
  envelope: OpenedEnvelope;
  payloadDigest: Digest;
  statement: Statement;
}

export interface LogRecord {
  entry: LogEntry;
  leaf: Uint8Array;
  proof: TlogProof;
  note: SignedNote;
  checkpoint: Checkpoint;
}

export type BundleLine =
  | { kind: 'header'; header: BundleHeader }
  | { kind: 'event'; event: EventLine; leaf: Uint8Array }
  | { kind: 'manifest'; manifest: Signed<DispatchStatement> }
  | { kind: 'seal'; seal: Signed<RunSealStatement> }
  | { kind: 'log'; record: LogRecord }
  | { kind: 'end'; lines: number };

/** How one line is read. Replaced as a whole only by tests that show what strict reading is good for. */
export interface LineRules {
  parse(bytes: Uint8Array): unknown;
  requireShape<T>(shape: Shape<T>, value: unknown, what: string): asserts value is T;
}

export const STRICT_RULES: LineRules = { parse: (bytes) => parseCanonical(bytes), requireShape };

const anyValue: Shape<unknown> = () => undefined;
const anyText: Shape<string> = (value) => (typeof value === 'string' ? undefined : ' is not a string');
const headerLine = closed<BundleHeader>({ format: oneOf(BUNDLE_FORMAT), origin, run: hex32 });
const sealLine = closed<Record<'record' | 'dsse', unknown>>({ record: oneOf('seal'), dsse: anyValue });
const logLine = closed<{ record: string; entry: LogEntry; proof: string }>({
  record: oneOf('log'),
  entry: logEntry,
  proof: anyText,
});
const endLine = closed<{ end: { lines: number } }>({ end: closed<{ lines: number }>({ lines: count }) });

/** Reads one line. Throws EvidenceError. */
export function readBundleLine(bytes: Uint8Array, rules: LineRules): BundleLine {
  const value = rules.parse(bytes);
  if (typeof value !== 'object' || value === null) throw new EvidenceError('CONTAINER', 'the line is not an object');
  if ('seq' in value) return readEvent(bytes, value, rules);
  if ('payload' in value) return { kind: 'manifest', manifest: readSigned(value, dispatchStatement, rules) };
  if ('format' in value) {
    rules.requireShape(headerLine, value, 'header');
    return { kind: 'header', header: value };
  }
  if ('dsse' in value) {
    rules.requireShape(sealLine, value, 'seal record');
    return { kind: 'seal', seal: readSigned(value.dsse, runSealStatement, rules) };
  }
  if ('entry' in value) return readLogRecord(value, rules);
  rules.requireShape(endLine, value, 'line');
  return { kind: 'end', lines: value.end.lines };
}

function readEvent(bytes: Uint8Array, value: object, rules: LineRules): BundleLine {
  if (bytes.length > MAX_EVENT_BYTES)
    throw new EvidenceError('LIMIT', `an event is longer than ${MAX_EVENT_BYTES} bytes`);
  rules.requireShape(eventLine, value, 'event');
  return { kind: 'event', event: value, leaf: leafHash(bytes) };
}

function readSigned<T>(value: unknown, shape: Shape<T>, rules: LineRules): Signed<T> {
  const envelope = openEnvelope(value);
  const statement = rules.parse(envelope.payload);
  rules.requireShape(shape, statement, 'statement');
  return { envelope, payloadDigest: digestOf(envelope.payload), statement };
}

function readLogRecord(value: object, rules: LineRules): BundleLine {
  rules.requireShape(logLine, value, 'log record');
  const proof = parseTlogProof(value.proof);
  const note = parseNote(proof.checkpoint);
  const leaf = leafHash(canonicalize(value.entry));
  return { kind: 'log', record: { entry: value.entry, leaf, proof, note, checkpoint: parseCheckpoint(note.text) } };
}
