/** The lines of an audit bundle, `run-<id>.audit.jsonl`: each by itself, read strictly, its meaning not yet judged. */
import { fromBase64 } from '../crypto/base64.ts';
import { utf8 } from '../crypto/bytes.ts';
import { type Digest, digestOf } from '../crypto/digest.ts';
import { EvidenceError } from '../evidence-error.ts';
import { canonicalize, parseCanonical } from '../json/jcs.ts';
import { anyText, count, hex32, origin } from '../json/scalars.ts';
import { closed, oneOf, requireShape, type Shape } from '../json/shape.ts';
import { type Checkpoint, parseCheckpoint } from '../log/checkpoint.ts';
import { type RunEntry, runEntry } from '../log/log-entry.ts';
import { leafHash } from '../log/merkle.ts';
import { parseNote, type SignedNote } from '../log/note.ts';
import { parseTlogProof, type TlogProof } from '../log/tlog-proof.ts';
import { type OpenedEnvelope, openEnvelope } from './dsse.ts';
import { eventLine } from './event-shapes.ts';
import type { EventLine } from './events.ts';
import { PROVENANCE_PREDICATE, type ProvenanceStatement, provenanceStatement } from './provenance.ts';
import { DEFAULT_LIMITS, type ReadLimits } from './read-limits.ts';
import { type DispatchStatement, dispatchStatement, type RunSealStatement, runSealStatement } from './statement.ts';
import { TEST_RESULT_PREDICATE, type TestResultStatement, testResultStatement } from './test-result.ts';

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
  entry: RunEntry;
  leaf: Uint8Array;
  proof: TlogProof;
  note: SignedNote;
  checkpoint: Checkpoint;
}

export type BundleLine =
  | { kind: 'header'; header: BundleHeader }
  | { kind: 'event'; event: EventLine; leaf: Uint8Array }
  | { kind: 'manifest'; manifest: Signed<DispatchStatement> }
  | { kind: 'provenance'; provenance: Signed<ProvenanceStatement> }
  | { kind: 'test-result'; testResult: Signed<TestResultStatement> }
  | { kind: 'seal'; seal: Signed<RunSealStatement> }
  | { kind: 'log'; record: LogRecord }
  | { kind: 'time'; tsr: Uint8Array }
  | { kind: 'end'; lines: number };

/** How one line is read. Replaced as a whole only by tests that show what strict reading is good for. */
export interface LineRules {
  limits: ReadLimits;
  parse(bytes: Uint8Array, limits: ReadLimits): unknown;
  requireShape<T>(shape: Shape<T>, value: unknown, what: string): asserts value is T;
}

export const STRICT_RULES: LineRules = {
  limits: DEFAULT_LIMITS,
  parse: (bytes, { jsonDepth, jsonNodes }) => parseCanonical(bytes, { maxDepth: jsonDepth, maxNodes: jsonNodes }),
  requireShape,
};

const anyValue: Shape<unknown> = () => undefined;
const headerLine = closed<BundleHeader>({ format: oneOf(BUNDLE_FORMAT), origin, run: hex32 });
const sealLine = closed<Record<'record' | 'dsse', unknown>>({ record: oneOf('seal'), dsse: anyValue });
const logLine = closed<{ record: string; entry: RunEntry; proof: string }>({
  record: oneOf('log'),
  entry: runEntry,
  proof: anyText,
});
const timeLine = closed<Record<'record' | 'tsr', string>>({ record: oneOf('time') as Shape<string>, tsr: anyText });
const endLine = closed<{ end: { lines: number } }>({ end: closed<{ lines: number }>({ lines: count }) });

/** Reads one line. Throws EvidenceError. */
export function readBundleLine(bytes: Uint8Array, rules: LineRules): BundleLine {
  const value = rules.parse(bytes, rules.limits);
  if (typeof value !== 'object' || value === null) throw new EvidenceError('CONTAINER', 'the line is not an object');
  if ('seq' in value) return readEvent(bytes, value, rules);
  if ('payload' in value) return readAttached(value, rules);
  if ('format' in value) {
    rules.requireShape(headerLine, value, 'header');
    return { kind: 'header', header: value };
  }
  if ('dsse' in value) {
    rules.requireShape(sealLine, value, 'seal record');
    return { kind: 'seal', seal: readSeal(value.dsse, rules) };
  }
  if ('entry' in value) return readLogRecord(value, rules);
  if ('tsr' in value) return readTime(value, rules);
  rules.requireShape(endLine, value, 'line');
  return { kind: 'end', lines: value.end.lines };
}

function readEvent(bytes: Uint8Array, value: object, rules: LineRules): BundleLine {
  mustFit(bytes.length, rules.limits.eventBytes, 'an event', 'bytes');
  rules.requireShape(eventLine, value, 'event');
  return { kind: 'event', event: value, leaf: leafHash(bytes) };
}

/** A statement that stands behind the event that names it. */
function readAttached(value: object, rules: LineRules): BundleLine {
  const envelope = openEnvelope(value);
  const statement = rules.parse(envelope.payload, rules.limits);
  switch (predicateTypeOf(statement)) {
    case PROVENANCE_PREDICATE:
      return { kind: 'provenance', provenance: signed(envelope, statement, provenanceStatement, rules) };
    case TEST_RESULT_PREDICATE:
      return { kind: 'test-result', testResult: signed(envelope, statement, testResultStatement, rules) };
    default:
      return { kind: 'manifest', manifest: signed(envelope, statement, dispatchStatement, rules) };
  }
}

function predicateTypeOf(statement: unknown): unknown {
  return typeof statement === 'object' && statement !== null && 'predicateType' in statement
    ? statement.predicateType
    : undefined;
}

function readSeal(value: unknown, rules: LineRules): Signed<RunSealStatement> {
  const envelope = openEnvelope(value);
  return signed(envelope, rules.parse(envelope.payload, rules.limits), runSealStatement, rules);
}

function signed<T>(envelope: OpenedEnvelope, statement: unknown, shape: Shape<T>, rules: LineRules): Signed<T> {
  rules.requireShape(shape, statement, 'statement');
  return { envelope, payloadDigest: digestOf(envelope.payload), statement };
}

function readLogRecord(value: object, rules: LineRules): BundleLine {
  rules.requireShape(logLine, value, 'log record');
  const proof = parseTlogProof(value.proof);
  mustFit(proof.hashes.length, rules.limits.proofHashes, 'a log proof', 'hashes');
  mustFit(utf8(proof.checkpoint).length, rules.limits.noteBytes, 'a checkpoint note', 'bytes');
  const note = parseNote(proof.checkpoint);
  const leaf = leafHash(canonicalize(value.entry));
  return { kind: 'log', record: { entry: value.entry, leaf, proof, note, checkpoint: parseCheckpoint(note.text) } };
}

function readTime(value: object, rules: LineRules): BundleLine {
  rules.requireShape(timeLine, value, 'time record');
  const tsr = fromBase64(value.tsr);
  mustFit(tsr.length, rules.limits.tsrBytes, 'a time stamp response', 'bytes');
  return { kind: 'time', tsr };
}

function mustFit(amount: number, most: number, what: string, unit: string): void {
  if (amount > most) throw new EvidenceError('LIMIT', `${what} has more than ${most} ${unit}`);
}
