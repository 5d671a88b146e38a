/**
 * Settle: what a worker staged is hashed again, stored, parsed and judged; the outcome, the release of everything the
 * attempt held and the event are one transaction.
 *
 * Whoever comes second changes nothing: a result that was delivered twice, a stop notice after a result, a late result
 * of an attempt that was declared lost. A staged result beats every other sign of how the attempt ended.
 */
import type { OutputRef } from '@waybill/client/documents';
import { type ErrorCode, WaybillError } from '@waybill/client/errors';
import { type Digest, digestOf, type EventOf } from '@waybill/verify';
import { type Ending, type Judgement, judge, LAUNCH_DEFERRED } from '#core/attempt.ts';
import { isoTime } from '#core/evidence.ts';
import { FREE_LOCK, releaseLock } from '#core/locks.ts';
import { WORKER_EXIT } from '#core/mailbox-protocol.ts';
import {
  type AttemptRow,
  type ItemRow,
  keys,
  type LockRow,
  type OpenRow,
  type QueueRow,
  type SpecRow,
  type TodoLocksRow,
} from '#core/rows.ts';
import { without } from '#core/sets.ts';
import { noteLate } from '#flow/addendum.ts';
import { attestEnd } from '#flow/attestations.ts';
import { type Collected, collect, NOTHING_STAGED } from '#flow/collect.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type SignStatement, signOnce } from '#flow/envelope.ts';
import { closeItem, completeRun, readItem, readRun, required } from '#flow/items.ts';
import { type Draft, decide } from '#flow/transaction.ts';
import type { StopNotice } from '#ports/launcher.ts';

type SettledEvent = EventOf<'attempt.settled'>;

/** What a worker said does not fit into the records; that is the worker's fault and ends its attempt. */
const UNRECORDABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['EVENT_INVALID', 'ROW_TOO_LARGE']);

interface Settled {
  run: string;
  item: string;
  queue: string;
  /** It released locks for which somebody waits. */
  awaited: boolean;
  next: Judgement['next'];
  completed: boolean;
  retryAtMs?: number;
}

/** The worker ended, or was ended. With a staged result that result counts; without one the attempt was lost. */
export async function settleStopped(deps: FlowDeps, notice: StopNotice): Promise<boolean> {
  if (await settle(deps, notice.attemptId)) return true;
  const { attemptId, cause, detail } = notice;
  const exit = NOT_STARTED.has(cause) ? null : notice.exit;
  const settled = await settleWith(deps, attemptId, {
    ...NOTHING_STAGED,
    ending: endingOf(notice),
    exit,
    ...(detail === '' ? {} : { detail }),
  });
  if (!settled) await noteLate(deps, attemptId, 'late-stop', async () => null);
  return settled;
}

/** A result was staged. False when there is none, or when the attempt has been settled before. */
export async function settle(deps: FlowDeps, attemptId: string): Promise<boolean> {
  const collected = await collect(deps, attemptId);
  if (collected === null) {
    await noteLate(deps, attemptId, 'late-result', () => stagedResult(deps, attemptId));
    return false;
  }
  try {
    return await settleWith(deps, attemptId, collected);
  } catch (error) {
    if (!(error instanceof WaybillError) || !UNRECORDABLE.has(error.code)) throw error;
    const ending: Ending = { outcome: 'contract_error', reason: 'event_invalid' };
    return settleWith(deps, attemptId, { ...NOTHING_STAGED, result: collected.result, ending, detail: error.message });
  }
}

async function stagedResult(deps: FlowDeps, attemptId: string): Promise<Digest | null> {
  const { result } = await deps.mailbox.staged(attemptId, 'result');
  return result === null ? null : digestOf(result);
}

/** The attempt ended without a worker, or its worker was given up. */
export async function settleWithout(
  deps: FlowDeps,
  attemptId: string,
  ending: Ending,
  detail?: string,
): Promise<boolean> {
  return settleWith(deps, attemptId, { ...NOTHING_STAGED, ending, ...(detail === undefined ? {} : { detail }) });
}

/** Whatever ran of a task that was never whole says nothing, its exit code neither. */
const NOT_STARTED: ReadonlySet<StopNotice['cause']> = new Set<StopNotice['cause']>(['start_failed', 'no_room']);

function endingOf({ cause, exit }: StopNotice): Ending {
  if (cause === 'no_room') return LAUNCH_DEFERRED;
  if (cause === 'start_failed') return { outcome: 'lost', reason: 'start_failed' };
  // Whoever is stopped and does not end in time is killed as well.
  const killed = exit === 137 && cause !== 'interrupted';
  if (cause === 'out_of_memory' || killed) return { outcome: 'failed', reason: 'out_of_memory' };
  // The worker refused its lease: nothing ran, and the same lease would be refused again.
  if (exit === WORKER_EXIT.contractError) return { outcome: 'contract_error', reason: 'lease_refused' };
  return { outcome: 'lost', reason: cause === 'interrupted' ? 'interrupted' : 'no_result' };
}

async function settleWith(deps: FlowDeps, attemptId: string, collected: Collected): Promise<boolean> {
  const sign = signOnce(deps.signer);
  const settled = await decide(deps, (draft) => record(deps, draft, sign, attemptId, collected));
  if (settled === null) return false;
  tellOthers(deps, attemptId, settled);
  await deps.store.durable();
  await deps.mailbox.close(attemptId);
  return true;
}

function tellOthers({ hints }: FlowDeps, attemptId: string, settled: Settled): void {
  if (settled.awaited) hints.locksReleased(attemptId);
  if (settled.retryAtMs !== undefined) hints.timerSet(settled.retryAtMs);
  else hints.itemEnded(settled.run, settled.item);
  hints.queueChanged(settled.queue);
  hints.runChanged(settled.run);
  if (settled.completed) hints.runCompleted(settled.run);
}

async function record(
  deps: FlowDeps,
  draft: Draft,
  sign: SignStatement,
  attemptId: string,
  collected: Collected,
): Promise<Settled | null> {
  const attempt = await draft.readOne<AttemptRow>(keys.attempt(attemptId));
  if (!attempt || attempt.state === 'settled') return null;
  const ref = { run: attempt.run, item: attempt.item };
  await draft.read([keys.spec(ref.run, ref.item), keys.item(ref.run, ref.item), keys.queue(attempt.queue)]);
  const [spec, item] = await readItem(draft, ref);
  const ending = collected.result === null && attempt.givenUp ? attempt.givenUp : collected.ending;
  const judgement = judge(ending, {
    item,
    plan: spec.item,
    cancel: attempt.cancel,
    hasResult: collected.result !== null,
    fraction: deps.chance.fraction(),
  });
  const { manifest: _told, ...rest } = attempt;
  const fence = attempt.state === 'dispatched' && collected.result === null ? { fenced: true as const } : {};
  draft.put(keys.attempt(attemptId), { ...rest, state: 'settled', ...fence } satisfies AttemptRow);
  const awaited = await release(draft, attempt, attemptId, judgement.deferred === true);
  const { root, retryAtMs } = await moveItem(deps, draft, { attempt, spec, item, judgement, collected });
  // The end of a run may put off the time of this decision, which the statements repeat.
  if (root) draft.atLeastMs((await readRun(draft, attempt.run)).openedAtMs);
  const { digests, envelopes } = await attestEnd(sign, attempt, {
    origin: deps.origin,
    attemptId,
    spec: spec.digest,
    outcome: judgement.outcome,
    outputs: collected.outputs,
    blocks: collected.claimed.blocks,
    endedAtMs: draft.atMs,
  });
  draft.emit(
    attempt.run,
    settledEvent(attemptId, attempt, judgement, { ...collected, retryAtMs, attestations: digests }),
    envelopes,
  );
  if (root) await completeRun(draft, attempt.run, root);
  return {
    ...ref,
    queue: attempt.queue,
    awaited,
    next: judgement.next,
    completed: root !== null,
    ...(retryAtMs === undefined ? {} : { retryAtMs }),
  };
}

/** Gives the slot and all locks back. Resolves with whether somebody waits for one of them. */
async function release(draft: Draft, attempt: AttemptRow, attemptId: string, isDeferred: boolean): Promise<boolean> {
  const queueKey = keys.queue(attempt.queue);
  const queue = required(await draft.readOne<QueueRow>(queueKey), queueKey);
  const holders = without(queue.holders, attemptId);
  const narrowed = isDeferred ? { narrowed: { slots: holders.length, sinceMs: draft.atMs } } : {};
  draft.put(queueKey, { ...queue, holders, ...narrowed } satisfies QueueRow);
  const names: string[] = [];
  for (const { name } of attempt.locks) {
    const lock = (await draft.readOne<LockRow>(keys.lock(name))) ?? FREE_LOCK;
    draft.put(keys.lock(name), releaseLock(lock, attemptId));
    if (lock.head) names.push(name);
  }
  if (names.length > 0) draft.create(keys.todoLocks(attemptId), { names } satisfies TodoLocksRow);
  return names.length > 0;
}

interface Move {
  attempt: AttemptRow;
  spec: SpecRow;
  item: ItemRow;
  judgement: Judgement;
  collected: Collected;
}

async function moveItem(
  deps: FlowDeps,
  draft: Draft,
  { attempt, spec, item, judgement, collected }: Move,
): Promise<{ root: OpenRow | null; retryAtMs?: number }> {
  const ref = { run: attempt.run, item: attempt.item };
  const { outcome, reason, next, spent, lost, deferred, retryAfterMs = 0 } = judgement;
  const { outputs, claimed, detail } = collected;
  const exit = collected.exit ?? claimed.exit ?? null;
  const putOff = deferred === true ? { deferred } : {};
  const ended = { endedAtMs: deps.clock.nowMs(), outcome, reason, exit, outputs, ...putOff };
  const attempts = item.attempts
    .filter((each) => each.deferred !== true)
    .map((each) =>
      each.attempt === attempt.attempt ? { ...each, ...ended } : { ...each, outputs: each.outputs.filter(isLog) },
    );
  const { deferred: before = 0, ...rest } = item;
  const moved: ItemRow = {
    ...rest,
    attempts,
    ...(deferred === true ? { deferred: before + 1 } : {}),
    spent: item.spent + (spent ? 1 : 0),
    lost: item.lost + (lost ? 1 : 0),
    ...(next === 'done' ? {} : { reason }),
    ...(detail === undefined ? {} : { detail }),
  };
  if (next !== 'retry') return { root: (await closeItem(draft, ref, spec, moved, next)).completed };
  const retryAtMs = draft.atMs + retryAfterMs;
  draft.put(keys.item(ref.run, ref.item), { ...moved, state: 'ready', notBeforeMs: retryAtMs } satisfies ItemRow);
  draft.create(keys.timer(retryAtMs, `retry/${ref.run}/${ref.item}`), {});
  return { root: null, retryAtMs };
}

/** Of earlier attempts the row keeps the log only, and of launches that were put off the last: a row has a limit, and their events say more. */
function isLog({ kind }: OutputRef): boolean {
  return kind === 'log';
}

function settledEvent(
  id: string,
  attempt: AttemptRow,
  judgement: Judgement,
  ended: Collected & { retryAtMs: number | undefined; attestations: Digest[] },
): SettledEvent {
  const { outcome, reason, next, spent } = judgement;
  const { exit, result, outputs, attestations, claimed, retryAtMs } = ended;
  return {
    type: 'attempt.settled',
    data: {
      item: attempt.item,
      attempt: attempt.attempt,
      id,
      epoch: attempt.attempt,
      outcome,
      reason,
      next,
      spent,
      ...(retryAtMs === undefined ? {} : { retryAt: isoTime(retryAtMs) }),
      exit,
      result,
      outputs,
      attestations,
      claimed,
    },
  };
}
