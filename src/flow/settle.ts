/**
 * Settle: what a worker staged is hashed again, stored, parsed and judged; the outcome, the release of everything the
 * attempt held and the event are one transaction.
 *
 * Whoever comes second changes nothing: a result that was delivered twice, a stop notice after a result, a late result
 * of an attempt that was declared lost. A staged result beats every other sign of how the attempt ended.
 */

import type { OutputRef } from '@waybill/client/documents';
import { type ErrorCode, WaybillError } from '@waybill/client/errors';
import { type Digest, digestOf, type EventOf, recipeOf, type SettledCost } from '@waybill/verify';
import { type Ending, type Judgement, judge, LAUNCH_DEFERRED } from '#core/attempt.ts';
import { costOf, withCost } from '#core/cost.ts';
import { isoTime } from '#core/evidence.ts';
import { FREE_LOCK, releaseLock } from '#core/locks.ts';
import { WORKER_EXIT } from '#core/mailbox-protocol.ts';
import type { LockRow, QueueRow, TodoLocksRow } from '#core/queue-rows.ts';
import { type AttemptRow, type ItemRow, keys, type OpenRow, type SpecRow } from '#core/rows.ts';
import { without } from '#core/sets.ts';
import { noteLate } from '#flow/addendum.ts';
import { attestEnd } from '#flow/attestations.ts';
import { charge } from '#flow/charge.ts';
import { leftToGoOn } from '#flow/checkpoint.ts';
import { type Collected, collect, NOTHING_STAGED } from '#flow/collect.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type SignStatement, signOnce } from '#flow/envelope.ts';
import { judgeIntents } from '#flow/intents.ts';
import { closeItem, completeRun, readRun, required, seenItem } from '#flow/items.ts';
import { keepResult } from '#flow/reuse.ts';
import { type Draft, decide } from '#flow/transaction.ts';
import type { StopNotice } from '#ports/launcher.ts';

type SettledEvent = EventOf<'attempt.settled'>;

/** What a worker said does not fit into the records; that is the worker's fault and ends its attempt. */
const UNRECORDABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['EVENT_INVALID', 'ROW_TOO_LARGE']);

interface Settled {
  run: string;
  item: string;
  queue: string;
  principal: string;
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
    ...(NOT_STARTED.has(cause) ? { neverStarted: true as const } : {}),
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
  const putOff = ending === LAUNCH_DEFERRED ? { neverStarted: true as const } : {};
  return settleWith(deps, attemptId, {
    ...NOTHING_STAGED,
    ending,
    ...putOff,
    ...(detail === undefined ? {} : { detail }),
  });
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
  await deps.mailbox.close(attemptId, settled.principal);
  return true;
}

function tellOthers({ hints }: FlowDeps, attemptId: string, settled: Settled): void {
  if (settled.awaited) hints.locksReleased(attemptId);
  if (settled.retryAtMs !== undefined) hints.timerSet(settled.retryAtMs);
  else if (settled.next !== 'suspended') hints.itemEnded(settled.run, settled.item);
  hints.queueChanged(settled.queue);
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
  const [spec, item] = seenItem(draft, ref);
  const ending = collected.result === null && attempt.givenUp ? attempt.givenUp : collected.ending;
  const judgement = judge(ending, {
    item,
    plan: spec.item,
    cancel: attempt.cancel,
    hasResult: collected.result !== null,
    asks: collected.question !== undefined,
    fraction: deps.chance.fraction(),
  });
  const { manifest: _told, ...rest } = attempt;
  const fence = attempt.state === 'dispatched' && collected.result === null ? { fenced: true as const } : {};
  draft.put(keys.attempt(attemptId), { ...rest, state: 'settled', ...fence } satisfies AttemptRow);
  const cost = chargeable(deps, { attempt, spec, collected });
  const { awaited, reached } = await release(
    draft,
    attempt,
    attemptId,
    judgement.deferred === true,
    cost?.microUsd ?? 0,
  );
  const said = saidTo(deps, attempt, attemptId, judgement, collected);
  const { root, retryAtMs } = await moveItem(deps, draft, { attempt, spec, item, judgement, collected, cost, said });
  // The end of a run may put off the time of this decision, which the statements repeat.
  if (root) draft.atLeastMs((await readRun(draft, attempt.run)).openedAtMs);
  const { digests, envelopes } = await attestEnd(sign, attempt, {
    origin: deps.origin,
    attemptId,
    spec: spec.digest,
    recipe: spec.item.effect === 'pure' ? recipeOf(spec.item) : undefined,
    outcome: judgement.outcome,
    outputs: collected.outputs,
    blocks: collected.claimed.blocks,
    endedAtMs: draft.atMs,
  });
  const left = { outputs: collected.outputs, provenance: digests[0], envelope: envelopes[0] };
  if (judgement.next === 'done') await keepResult(draft, attempt, attemptId, spec.item, left);
  draft.emit(
    attempt.run,
    settledEvent(attemptId, attempt, judgement, { ...collected, retryAtMs, attestations: digests, cost }),
    envelopes,
  );
  if (reached) draft.emit(attempt.run, reached);
  if (said) draft.emit(attempt.run, said.event);
  if (root) await completeRun(draft, attempt.run, root);
  return {
    ...ref,
    queue: attempt.queue,
    principal: attempt.principal ?? '',
    awaited,
    next: judgement.next,
    completed: root !== null,
    ...(retryAtMs === undefined ? {} : { retryAtMs }),
  };
}

/** Intents of an attempt that did not succeed are nobody's wish. */
function saidTo(
  deps: FlowDeps,
  attempt: AttemptRow,
  id: string,
  { next }: Judgement,
  { intents = [] }: Collected,
): Move['said'] {
  return next === 'done' && intents.length > 0 ? judgeIntents(deps, attempt, id, intents) : undefined;
}

/** Undefined where there was no worker. One that could not be started may have had its image pulled, which is paid for. */
function chargeable(
  deps: FlowDeps,
  { attempt, spec, collected }: Pick<Move, 'attempt' | 'spec' | 'collected'>,
): SettledCost | undefined {
  if (attempt.state !== 'dispatched' || collected.ending === LAUNCH_DEFERRED) return undefined;
  const reservedMicroUsd = attempt.reserved?.microUsd ?? 0;
  const tookMs = deps.clock.nowMs() - attempt.claimedAtMs;
  const { claimed, neverStarted } = collected;
  const started = neverStarted ? { neverStarted } : {};
  return costOf({ item: spec.item, reservedMicroUsd, tookMs, claimed, ...started }, deps.pricing);
}

/** Gives back the slot, all locks, and what is left of what was reserved. Resolves with whether somebody waits for any of it. */
async function release(
  draft: Draft,
  attempt: AttemptRow,
  attemptId: string,
  isDeferred: boolean,
  spentMicroUsd: number,
): Promise<{ awaited: boolean; reached?: EventOf<'cap.reached'> }> {
  const queueKey = keys.queue(attempt.queue);
  const queue = required(draft.seen<QueueRow>(queueKey), queueKey);
  const holders = without(queue.holders, attemptId);
  const narrowed = isDeferred ? { narrowed: { slots: holders.length, sinceMs: draft.atMs } } : {};
  const charged = await charge(draft, attempt, { ...queue, holders, ...narrowed }, spentMicroUsd);
  draft.put(queueKey, charged.queue);
  const names: string[] = [];
  for (const { name } of attempt.locks) {
    const lock = (await draft.readOne<LockRow>(keys.lock(name))) ?? FREE_LOCK;
    draft.put(keys.lock(name), releaseLock(lock, attemptId));
    if (lock.head) names.push(name);
  }
  const awaited = names.length > 0 || Object.keys(charged.awaited).length > 0;
  if (awaited) draft.create(keys.todoLocks(attemptId), { names, ...charged.awaited } satisfies TodoLocksRow);
  return { awaited, ...(charged.reached ? { reached: charged.reached } : {}) };
}

interface Move {
  attempt: AttemptRow;
  spec: SpecRow;
  item: ItemRow;
  judgement: Judgement;
  collected: Collected;
  cost: SettledCost | undefined;
  said: ReturnType<typeof judgeIntents> | undefined;
}

async function moveItem(
  deps: FlowDeps,
  draft: Draft,
  { attempt, spec, item, judgement, collected, cost, said }: Move,
): Promise<{ root: OpenRow | null; retryAtMs?: number }> {
  const ref = { run: attempt.run, item: attempt.item };
  const { outcome, reason, next, spent, lost, deferred, retryAfterMs = 0 } = judgement;
  const { outputs, claimed, detail, usageProblem } = collected;
  const exit = collected.exit ?? claimed.exit ?? null;
  const putOff = deferred === true ? { deferred } : {};
  const costing = cost === undefined ? {} : { costMicroUsd: cost.microUsd };
  const ended = { endedAtMs: deps.clock.nowMs(), outcome, reason, exit, outputs, ...putOff, ...costing };
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
    ...(cost === undefined ? {} : withCost(item, cost)),
    ...(said === undefined ? {} : { intents: said.judged }),
    ...(next === 'done' ? {} : { reason }),
    ...(detail === undefined ? {} : { detail }),
    ...(usageProblem === undefined ? {} : { usageProblem }),
    ...leftToGoOn(judgement, collected, attempt.attempt),
    ...(claimed.egress === undefined ? {} : { egress: claimed.egress }),
  };
  const { question } = collected;
  if (next === 'suspended' && question !== undefined) {
    const { text, ...ref } = question;
    const talk = [...(item.talk ?? []), { attempt: attempt.attempt, question: ref }];
    draft.put(keys.item(attempt.run, attempt.item), { ...moved, state: next, asking: text, talk } satisfies ItemRow);
    return { root: null };
  }
  if (next === 'suspended') throw new RangeError(`item ${attempt.item} is suspended and asks nothing`);
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
  ended: Collected & { retryAtMs: number | undefined; attestations: Digest[]; cost: SettledCost | undefined },
): SettledEvent {
  const { outcome, reason, next, spent } = judgement;
  const { exit, result, outputs, attestations, claimed, retryAtMs, cost, invalid } = ended;
  const { checkpoint } = leftToGoOn(judgement, ended, attempt.attempt);
  return {
    type: 'attempt.settled',
    data: {
      // In the order of the canonical form, which is then written faster.
      attempt: attempt.attempt,
      attestations,
      ...(checkpoint === undefined ? {} : { checkpoint: checkpoint.sha256 }),
      claimed,
      ...(cost === undefined ? {} : { cost }),
      epoch: attempt.attempt,
      exit,
      id,
      ...(invalid === undefined || reason !== 'output_invalid' ? {} : { invalid }),
      item: attempt.item,
      ...(attempt.reserved && ended.neverStarted ? { neverStarted: true as const } : {}),
      next,
      outcome,
      outputs,
      ...(next === 'suspended' && ended.question !== undefined ? { question: ended.question.sha256 } : {}),
      reason,
      result,
      ...(retryAtMs === undefined ? {} : { retryAt: isoTime(retryAtMs) }),
      spent,
    },
  };
}
