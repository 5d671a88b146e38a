/**
 * What a committed change of a row asks for. In the deployed shape the table is the only driver: its stream brings every
 * change here, and nothing else starts work. A change that is seen twice asks twice, which every use case bears; one that
 * is never seen is met by the reconciler, because the row still says it.
 */
import { isOver } from '#core/callback.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import type { AttemptRow, RunRow } from '#core/rows.ts';

/** A row before and after one transaction; null where it was or is absent. */
export interface RowChange {
  pk: string;
  sk: string;
  before: object | null;
  after: object | null;
}

/** What a log of the deployment waits for; done by the sequencer alone. */
export type SequencerWork = { do: 'opened' | 'ended'; run: string } | { do: 'publish' };

export type Work =
  | { do: 'advance'; queue: string }
  | { do: 'advance-locks'; by: string }
  | { do: 'cancel-item'; run: string; item: string }
  | { do: 'line-up'; run: string; by: string }
  | { do: 'reopen'; run: string; item: string }
  | { do: 'decide-item'; run: string; item: string }
  | { do: 'spawn'; run: string; item: string }
  | { do: 'extend'; run: string; by: string }
  | { do: 'wake'; run: string; item: string }
  | { do: 'dispatch'; attemptId: string }
  | { do: 'stop-worker'; attemptId: string; handle: string }
  /** Its execution waits with this token, and nobody needs it any more. */
  | { do: 'complete-token'; attemptId: string; token: string }
  | { do: 'timer'; dueMs: number; what: string }
  | { do: 'publish-status'; run: string }
  | { do: 'call-back'; run: string }
  | SequencerWork;

/** The launcher's own row beside an attempt; the flow never reads it. */
export interface ExecutionRow {
  token?: string;
  released?: boolean;
}

/** What a timer is called that ends an attempt which does not end by itself; there is no row of it. */
export const ATTEMPT_TIMER = 'attempt/';

export function workOf(change: RowChange): Work[] {
  const { pk, sk } = change;
  const slash = pk.indexOf('/');
  const kind = slash < 0 ? pk : pk.slice(0, slash);
  const name = slash < 0 ? '' : pk.slice(slash + 1);
  const isCreated = change.before === null && change.after !== null;
  switch (kind) {
    case 'queue':
      return ofQueue(name, change, isCreated);
    case 'todo':
      return isCreated ? ofTodo(sk) : [];
    case 'timers':
      return isCreated ? [{ do: 'timer', dueMs: Number(sk.slice(0, 13)), what: sk.slice(14) }] : [];
    case 'run':
      return ofRun(name, change, isCreated);
    case 'attempt':
      return ofAttempt(name, change);
    default:
      return [];
  }
}

function ofQueue(queue: string, { sk, before, after }: RowChange, isCreated: boolean): Work[] {
  if (sk.startsWith('ready/')) return isCreated ? [{ do: 'advance', queue }] : [];
  if (sk !== 'queue' || after === null) return [];
  const was = (before ?? { concurrency: 0, holders: [] }) as QueueRow;
  const now = after as QueueRow;
  const isFreed = was.holders.some((holder) => !now.holders.includes(holder));
  const isOther = JSON.stringify([was.rate, was.state]) !== JSON.stringify([now.rate, now.state]);
  return isFreed || isOther || now.concurrency > was.concurrency ? [{ do: 'advance', queue }] : [];
}

function ofTodo(sk: string): Work[] {
  const [kind, ...rest] = sk.split('/');
  const [run = '', item = ''] = rest;
  if (kind === 'locks') return [{ do: 'advance-locks', by: rest.join('/') }];
  if (kind === 'retry') return [{ do: 'reopen', run, item }];
  if (kind === 'extend') return [{ do: 'extend', run, by: item }];
  if (kind === 'spawn') return [{ do: 'spawn', run, item }];
  if (kind === 'decide') return [{ do: 'decide-item', run, item }];
  return kind === 'line-up' ? [{ do: 'line-up', run, by: item }] : [{ do: 'cancel-item', run, item }];
}

function ofRun(run: string, change: RowChange, isCreated: boolean): Work[] {
  const { sk, after } = change;
  if (after === null) return [];
  if (sk === 'run') return ofRunRow(run, change.before as RunRow | null, after as RunRow);
  if (sk.startsWith('wake/')) return isCreated ? [{ do: 'wake', run, item: sk.slice('wake/'.length) }] : [];
  return isShown(sk, after, isCreated) ? [{ do: 'publish-status', run }] : [];
}

/** Of the rows of a run, those that its status is made of, but for what is written while nobody can see the run yet. */
export function isShown(sk: string, after: object, isCreated: boolean): boolean {
  if (sk === 'run') return (after as RunRow).state !== 'admitting';
  return sk.startsWith('item/') && !isCreated;
}

function ofRunRow(run: string, before: RunRow | null, after: RunRow): Work[] {
  if (after.state === 'admitting') return [];
  const work: Work[] = [];
  if (before === null || before.state === 'admitting') work.push({ do: 'opened', run });
  const isEnded = before?.completedAtMs === undefined && after.completedAtMs !== undefined;
  if (isEnded || (!before?.aborting && after.aborting)) work.push({ do: 'ended', run });
  if ((after.lateControls?.length ?? 0) > (before?.lateControls?.length ?? 0)) work.push({ do: 'publish' });
  work.push({ do: 'publish-status', run });
  const { callsBack, callback } = after;
  if (callsBack && callback === undefined && isOver(after) && !(before !== null && isOver(before)))
    work.push({ do: 'call-back', run });
  return work;
}

function ofAttempt(attemptId: string, { sk, before, after }: RowChange): Work[] {
  if (after === null) return [];
  if (sk === 'execution') return ofExecution(attemptId, (before ?? {}) as ExecutionRow, after as ExecutionRow);
  if (sk !== 'attempt') return [];
  const was = before as AttemptRow | null;
  const now = after as AttemptRow;
  const work: Work[] = [];
  const isMarked = now.cancel !== undefined && was?.cancel === undefined && now.state !== 'settled';
  if (now.state === 'claimed' && (was === null || isMarked)) work.push({ do: 'dispatch', attemptId });
  // Its worker may not listen. One that is not dispatched has none, and dispatch ends it.
  if (isMarked && was?.state === 'dispatched')
    work.push({ do: 'timer', dueMs: now.expiresAtMs, what: `${ATTEMPT_TIMER}${attemptId}` });
  const { handle } = now;
  if (now.state === 'settled' && was?.state === 'dispatched' && handle !== undefined) {
    work.push({ do: 'stop-worker', attemptId, handle });
  }
  if (was?.state === 'settled' && (now.late?.length ?? 0) > (was.late?.length ?? 0)) work.push({ do: 'publish' });
  return work;
}

function ofExecution(attemptId: string, before: ExecutionRow, after: ExecutionRow): Work[] {
  const { token } = after;
  // Whoever releases it completes the token that it finds there; this is for one that is parked afterwards.
  if (token === undefined || before.released !== true) return [];
  return before.token === token ? [] : [{ do: 'complete-token', attemptId, token }];
}
