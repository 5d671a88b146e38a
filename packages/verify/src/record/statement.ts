/** The statements with a predicate of ours: a dispatch manifest for each attempt, a seal for each run. */
import type { Digest } from '../crypto/digest.ts';
import { count, digest, hex32, itemId, name, ordinal, origin, outputName, sealedName, time } from '../json/scalars.ts';
import { closed, integer, listOf, oneOf, requireShape, type Shape, text } from '../json/shape.ts';
import { executable, fencedLock, isolation, plannedRead, runCounts, sealedSource } from './event-shapes.ts';
import type { FencedLock, Isolation, PlannedRead, RunCounts, SealedSource } from './events.ts';
import { type Statement, statementShape } from './in-toto.ts';

export const DISPATCH_PREDICATE = 'https://waybill.dev/attestation/dispatch/v1';
export const RUN_SEAL_PREDICATE = 'https://waybill.dev/attestation/run-seal/v1';

/** Bytes that an attempt is given, and the attempt that made them. */
export interface ManifestInput {
  key: string;
  sha256: Digest;
  sizeBytes: number;
  /** Attempt 0: the item took the output over from an earlier attempt. */
  from: { item: string; attempt: number; output: string };
}

export interface DispatchPredicate {
  origin: string;
  run: string;
  item: string;
  attempt: number;
  attemptId: string;
  epoch: number;
  nonce: string;
  issuedAt: string;
  expiresAt: string;
  plan: Digest;
  spec: Digest;
  /** SHA-256 of the job document in JCS. */
  job: Digest;
  source: SealedSource;
  inputs: ManifestInput[];
  /** As the plan pins them; they stand beside the inputs. */
  reads?: PlannedRead[];
  /** Names of the secrets that it may ask for, and `model:<name>` for sessions with models: sorted, unique. */
  secrets?: string[];
  locks: FencedLock[];
  isolation: Isolation;
  executable: Digest | 'in-process';
  timeoutMs: number;
}

export interface RunSealPredicate {
  origin: string;
  run: string;
  runSeq: number;
  /** Events in the run's tree. */
  size: number;
  root: Digest;
  plan: Digest;
  submission: Digest;
  state: 'done' | 'failed' | 'cancelled';
  counts: RunCounts;
  openedAt: string;
  completedAt: string;
  sealedAt: string;
  /** Index of the run's `run.opened` entry in the deployment log. */
  openedIndex: number;
}

/** Subject: `attempt/<attemptId>`, the digest of the item's spec. */
export type DispatchStatement = Statement<typeof DISPATCH_PREDICATE, DispatchPredicate>;
/** Subject: `run/<run>`, the root of the run's event tree. */
export type RunSealStatement = Statement<typeof RUN_SEAL_PREDICATE, RunSealPredicate>;

export const dispatchStatement: Shape<DispatchStatement> = statementShape(
  DISPATCH_PREDICATE,
  subjectOf('attempt'),
  closed<DispatchPredicate>({
    origin,
    run: hex32,
    item: itemId,
    attempt: ordinal,
    attemptId: hex32,
    epoch: ordinal,
    nonce: hex32,
    issuedAt: time,
    expiresAt: time,
    plan: digest,
    spec: digest,
    job: digest,
    source: sealedSource,
    inputs: listOf(
      closed<ManifestInput>({
        key: name,
        sha256: digest,
        sizeBytes: count,
        from: closed<ManifestInput['from']>({ item: itemId, attempt: count, output: outputName }),
      }),
    ),
    reads: { optional: listOf(plannedRead, 1) },
    secrets: { optional: secretNames },
    locks: listOf(fencedLock),
    isolation,
    executable,
    timeoutMs: integer(1),
  }),
  1,
);

/** For whoever acts on a manifest. Throws EvidenceError `SHAPE` unless the value is a complete dispatch statement. */
export function requireDispatchStatement(value: unknown): DispatchStatement {
  requireShape(dispatchStatement, value, 'the dispatch manifest');
  return value;
}

export const runSealStatement: Shape<RunSealStatement> = statementShape(
  RUN_SEAL_PREDICATE,
  subjectOf('run'),
  closed<RunSealPredicate>({
    origin,
    run: hex32,
    runSeq: count,
    size: ordinal,
    root: digest,
    plan: digest,
    submission: digest,
    state: oneOf('done', 'failed', 'cancelled'),
    counts: runCounts,
    openedAt: time,
    completedAt: time,
    sealedAt: time,
    openedIndex: count,
  }),
  1,
);

function secretNames(value: unknown): string | undefined {
  const problem = listOf(sealedName, 1)(value);
  if (problem !== undefined) return problem;
  const names = value as string[];
  return names.every((each, n) => n === 0 || (names[n - 1] ?? '') < each)
    ? undefined
    : ' is not sorted, each name once';
}

function subjectOf(kind: string): Shape<string> {
  return text(new RegExp(`^${kind}/[0-9a-f]{32}$`), `${kind}/<id>`);
}
