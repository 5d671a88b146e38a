/**
 * The bytes of the evidence: event lines, in-toto statements, log entries. What they mean stands in docs/formats.
 */
import {
  type AnchorReceiptEntry,
  canonicalize,
  DISPATCH_PREDICATE,
  type Digest,
  type DispatchPredicate,
  type DispatchStatement,
  type HeartbeatEntry,
  type PolicyChangedEntry,
  RUN_SEAL_PREDICATE,
  type RunAbortedEntry,
  type RunAddendumEntry,
  type RunCheckpointEntry,
  type RunEvent,
  type RunOpenedEntry,
  type RunSealedEntry,
  type RunSealPredicate,
  type RunSealStatement,
  STATEMENT_TYPE,
  TreeBuilder,
  type TreeState,
} from '@waybill/verify';
import type { UnplacedLine } from '#core/record-rows.ts';
import type { RunRow, Tally } from '#core/rows.ts';

let [lastMs, lastTime] = [0, '1970-01-01T00:00:00.000Z'];

/** Many things happen within one millisecond. */
export function isoTime(atMs: number): string {
  if (atMs !== lastMs) [lastTime, lastMs] = [new Date(atMs).toISOString(), atMs];
  return lastTime;
}

export interface SaltedEvent {
  atMs: number;
  salt: string;
  event: RunEvent;
}

/** An event as its line will say it, but for its place. */
export type UnplacedEvent = { at: string; origin: string; run: string; salt: string; seq: 0; v: 1 } & RunEvent;

export function unplacedEvent(origin: string, run: string, { atMs, salt, event }: SaltedEvent): UnplacedEvent {
  // In the order of the canonical form, which is then written faster.
  return { at: isoTime(atMs), data: event.data, origin, run, salt, seq: 0, type: event.type, v: 1 } as UnplacedEvent;
}

/** Renders an event. The keys of a line are sorted, so that `seq` is followed by the type and the version and no more. */
export function unplacedLine(event: UnplacedEvent): UnplacedLine {
  const tail = `,"type":"${event.type}","v":1}`;
  const line = canonicalize(event);
  return { head: line.slice(0, -tail.length - 1), tail };
}

/** The leaf bytes of an event, as a string without its newline. */
export function eventLine({ head, tail }: UnplacedLine, seq: number): string {
  return `${head}${seq}${tail}`;
}

/** The dispatch manifest: JCS bytes of an in-toto statement about this one attempt. */
export function dispatchStatement(predicate: DispatchPredicate): string {
  const statement: DispatchStatement = {
    _type: STATEMENT_TYPE,
    predicate,
    predicateType: DISPATCH_PREDICATE,
    subject: [{ digest: { sha256: stripped(predicate.spec) }, name: `attempt/${predicate.attemptId}` }],
  };
  return canonicalize(statement);
}

export interface SealFacts {
  origin: string;
  run: string;
  row: RunRow;
  size: number;
  root: Digest;
  counts: Tally;
  sealedAtMs: number;
}

/** The seal: what the run came to, over the root of its event tree. The run must be complete and entered in the log. */
export function sealStatement({ origin, run, row, size, root, counts, sealedAtMs }: SealFacts): string {
  const { runSeq, openedIndex, completedAtMs, state } = row;
  if (runSeq === undefined || openedIndex === undefined || completedAtMs === undefined || !isFinal(state)) {
    throw new RangeError(`run ${run} cannot be sealed in state ${state}`);
  }
  const statement: RunSealStatement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: `run/${run}`, digest: { sha256: stripped(root) } }],
    predicateType: RUN_SEAL_PREDICATE,
    predicate: {
      origin,
      run,
      runSeq,
      size,
      root,
      plan: row.plan,
      submission: row.submission,
      state,
      counts,
      openedAt: isoTime(row.openedAtMs),
      completedAt: isoTime(completedAtMs),
      sealedAt: isoTime(sealedAtMs),
      openedIndex,
    },
  };
  return canonicalize(statement);
}

function isFinal(state: RunRow['state']): state is RunSealPredicate['state'] {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}

function stripped(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** Lowercase hex of bytes. */
export function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

export function openedEntry(origin: string, run: string, runSeq: number, event: string, atMs: number): RunOpenedEntry {
  return { v: 1, origin, type: 'run.opened', at: isoTime(atMs), runSeq, run, event: `sha256:${event}` };
}

export function sealedEntry(
  origin: string,
  run: string,
  runSeq: number,
  seal: { payload: Digest; size: number; root: Digest },
  atMs: number,
): RunSealedEntry {
  const { payload, size, root } = seal;
  return { v: 1, origin, type: 'run.sealed', at: isoTime(atMs), runSeq, run, size, root, seal: payload };
}

/** The root of a tree, as documents carry it. */
export function rootOf(tree: TreeState): Digest {
  return `sha256:${hexOf(TreeBuilder.from(tree).root())}`;
}

export function checkpointEntry(
  origin: string,
  run: string,
  runSeq: number,
  tree: TreeState,
  atMs: number,
): RunCheckpointEntry {
  const frame = { v: 1, origin, type: 'run.checkpoint', at: isoTime(atMs) } as const;
  return { ...frame, runSeq, run, size: tree.size, root: rootOf(tree) };
}

export function abortedEntry(
  origin: string,
  atMs: number,
  { tree, ...about }: { runSeq: number; run: string; tree: TreeState; reason: string },
): RunAbortedEntry {
  return { v: 1, origin, type: 'run.aborted', at: isoTime(atMs), ...about, size: tree.size, root: rootOf(tree) };
}

export function addendumEntry(
  origin: string,
  atMs: number,
  about: Pick<RunAddendumEntry, 'runSeq' | 'run' | 'kind' | 'object' | 'attempt'>,
): RunAddendumEntry {
  return { v: 1, origin, type: 'run.addendum', at: isoTime(atMs), ...about };
}

export function policyEntry(origin: string, atMs: number, policy: Digest): PolicyChangedEntry {
  return { v: 1, origin, type: 'policy.changed', at: isoTime(atMs), policy };
}

export function heartbeatEntry(origin: string, atMs: number, open: number): HeartbeatEntry {
  return { v: 1, origin, type: 'heartbeat', at: isoTime(atMs), open };
}

export function anchorReceiptEntry(
  origin: string,
  atMs: number,
  receipt: Pick<AnchorReceiptEntry, 'size' | 'object' | 'key' | 'version' | 'lockedUntil'>,
): AnchorReceiptEntry {
  return { v: 1, origin, type: 'anchor.receipt', at: isoTime(atMs), ...receipt };
}

export function openedEvent(row: RunRow, pseudonym: string, edges: number): RunEvent {
  const { name, queue, submission, plan, items, source, growth: { mostItems } = {} } = row;
  return {
    type: 'run.opened',
    data: {
      name,
      queue,
      principal: `hmac-sha256:${pseudonym}`,
      submission,
      plan,
      items,
      edges,
      source,
      ...(row.deadlineAtMs === undefined ? {} : { deadline: isoTime(row.deadlineAtMs) }),
      ...(row.capMicroUsd === undefined ? {} : { capMicroUsd: row.capMicroUsd }),
      ...(mostItems === undefined ? {} : { openEnded: { mostItems } }),
    },
  };
}
