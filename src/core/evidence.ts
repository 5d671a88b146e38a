/**
 * The bytes of the evidence: event lines, in-toto statements, log entries. What they mean stands in docs/formats.
 */
import {
  canonicalize,
  DISPATCH_PREDICATE,
  type Digest,
  type DispatchPredicate,
  type DispatchStatement,
  RUN_SEAL_PREDICATE,
  type RunEvent,
  type RunOpenedEntry,
  type RunSealedEntry,
  type RunSealPredicate,
  type RunSealStatement,
  STATEMENT_TYPE,
} from '@waybill/verify';
import type { EventRow, RunRow, Tally } from '#core/rows.ts';

export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** The leaf bytes of an event, as a string without its newline. */
export function eventLine(origin: string, run: string, seq: number, row: EventRow): string {
  const { event, salt } = row;
  return canonicalize({ v: 1, origin, run, seq, at: isoTime(row.atMs), type: event.type, salt, data: event.data });
}

/** The dispatch manifest: JCS bytes of an in-toto statement about this one attempt. */
export function dispatchStatement(predicate: DispatchPredicate): string {
  const statement: DispatchStatement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: `attempt/${predicate.attemptId}`, digest: { sha256: stripped(predicate.spec) } }],
    predicateType: DISPATCH_PREDICATE,
    predicate,
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

export function openedEvent(row: RunRow, pseudonym: string, edges: number): RunEvent {
  const { name, queue, submission, plan, items, source } = row;
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
    },
  };
}
