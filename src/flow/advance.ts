/**
 * Advance: what became ready is claimed, together with its slot and all its locks, in one transaction.
 */
import type { AttemptClaim, EventOf } from '@waybill/verify';
import { type Claim, claim, claimsNow } from '#core/claim.ts';
import { FREE_LOCK } from '#core/locks.ts';
import type { ShortRow } from '#core/money-rows.ts';
import { MAX_ENGINE_ACTIONS } from '#core/names.ts';
import type { LockRow, LockWaitRow, QueueRow, ReadyRow, TodoLocksRow } from '#core/queue-rows.ts';
import { type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { failFull, isFull } from '#flow/full-record.ts';
import { gather, stopWaiting, takeBack } from '#flow/gather.ts';
import { type ItemRef, nextWaiter, parkItem, required, unqueueItem } from '#flow/items.ts';
import { type Payment, pay } from '#flow/payment.ts';
import { denyItem, leaveLists, neededBy, nobodyShort, putShort } from '#flow/short.ts';
import { type Draft, decide, forget, peek } from '#flow/transaction.ts';
import type { Row } from '#ports/run-store.ts';

const READY_PAGE = 32;
const WAITER_PAGE = 16;
/** Without locks a claim takes three actions, and not many more than these fit into a transaction. */
const MOST_AHEAD = 26;

interface Candidate extends ItemRef {
  queue: string;
  /** Its place in the list in which it was found. */
  rank: string;
  /** Found in the wait list of a lock, or among those that wait for money; then alone in its decision. */
  from?: 'lock' | 'short';
  /** The lock in whose list it was found; all who wait in it are tried. */
  lock?: string;
}

/**
 * Claims what it can of a queue, first come first per priority. Each place of the list is looked at once: items of a
 * stopping or paused run stay in it until that reaches them, and looking at them again would never let that happen.
 * @param mayWait it may stand among those that wait for money of the deployment; known by itself where it paid while somebody did
 */
export async function advance(deps: FlowDeps, queue: string, mayWait = false): Promise<void> {
  const { isShort, isAsked } = await advanceReady(deps, queue);
  const isListed = !isShort && (mayWait || isAsked) && (await stopWaiting(deps, queue));
  // Somebody may have come short meanwhile and seen it among them still.
  if (isListed) await advanceReady(deps, queue);
}

async function advanceReady(deps: FlowDeps, queue: string): Promise<{ isShort: boolean; isAsked: boolean }> {
  let isAsked = false;
  let after: string | undefined;
  for (let gathered = false; ; ) {
    const range = { prefix: 'ready/', limit: READY_PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(`queue/${queue}`, range);
    if (rows.length === 0) return { isShort: false, isAsked };
    const candidates = rows.map((row) => ({ ...(row.body as unknown as ReadyRow), queue, rank: rankIn(row) }));
    const batch = await claimSome(deps, candidates, rows);
    isAsked ||= batch.isAsked;
    if (batch.neededMicroUsd !== undefined && !gathered) {
      gathered = true;
      if (await gather(deps, queue, batch.neededMicroUsd, candidates.slice(batch.seen))) continue;
    }
    if (batch.full || batch.seen === 0) return { isShort: batch.neededMicroUsd !== undefined, isAsked };
    after = rows[batch.seen - 1]?.sk;
  }
}

/** Tries who waits for what `by` (an attempt, or an item that left the lists of locks) gave back: locks, and money. */
export async function advanceLocks(deps: FlowDeps, by: string): Promise<void> {
  const key = keys.todoLocks(by);
  const todo = await peek<TodoLocksRow>(deps, key);
  if (todo?.takeBack) await takeBack(deps);
  for (const name of todo?.names ?? []) await advanceLock(deps, name);
  if (todo?.run !== undefined) await advanceShort(deps, todo.run);
  for (const queue of todo?.queues ?? []) await advance(deps, queue, true);
  await forget(deps, key);
}

/** First come first, until one does not fit into what is left. */
async function advanceShort(deps: FlowDeps, run: string): Promise<void> {
  const queue = (await peek<RunRow>(deps, keys.run(run)))?.queue ?? '';
  for (let after: string | undefined; ; ) {
    const range = { prefix: 'short/', limit: WAITER_PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(`run/${run}`, range);
    for (const row of rows) {
      const { item } = row.body as unknown as ShortRow;
      const batch = await claimSome(deps, [{ run, item, queue, rank: rankIn(row), from: 'short' }]);
      if (batch.isShort) return;
    }
    if (rows.length < WAITER_PAGE) break;
    after = rows.at(-1)?.sk;
  }
  await nobodyShort(deps, run);
}

/** First come first; one that is blocked elsewhere is passed by the next, until the lock is taken or kept for somebody. */
async function advanceLock(deps: FlowDeps, lock: string): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const range = { prefix: 'wait/', limit: WAITER_PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(`lock/${lock}`, range);
    for (const row of rows) {
      const waiter = row.body as unknown as LockWaitRow;
      const batch = await claimSome(deps, [{ ...waiter, rank: rankIn(row), from: 'lock', lock }]);
      const isTaken = batch.attempts.length > 0 && waiter.mode === 'exclusive';
      if (isTaken || batch.held.includes(lock)) return;
    }
    if (rows.length < WAITER_PAGE) return;
    after = rows.at(-1)?.sk;
  }
}

/** Of a row of a list, whose key is a prefix and the rank. */
function rankIn({ sk }: Row): string {
  return sk.slice(sk.indexOf('/') + 1);
}

/** @param listed the rows that named the candidates, as a query has just answered them */
async function claimSome(deps: FlowDeps, candidates: Candidate[], listed: readonly Row[] = []): Promise<Batch> {
  let fresh = listed;
  const batch = await decide(deps, (draft) => {
    draft.adopt(fresh);
    fresh = [];
    return claimBatch(deps, draft, candidates);
  });
  for (const { id } of batch.attempts) deps.hints.claimed(id);
  if (batch.left !== undefined) deps.hints.locksReleased(batch.left);
  for (const ref of batch.never) await denyItem(deps, ref);
  for (const ref of batch.overfull) await failFull(deps, ref);
  const [first] = candidates;
  if (batch.isRelisted && first !== undefined) deps.hints.queueChanged(first.queue);
  return batch;
}

interface Batch {
  attempts: { run: string; id: string }[];
  /** Candidates that were dealt with: claimed, parked or found stale. */
  seen: number;
  /** No slot is left. */
  full: boolean;
  /** Locks that could not be had. */
  held: string[];
  /** Of a run whose cap leaves nothing now. */
  isShort: boolean;
  /** Locks that somebody waits for have a waiter less, and are to be tried under this name; only one decides alone. */
  left?: string;
  /** It waits among the ready again. */
  isRelisted: boolean;
  /** More than the ledger would give the queue. */
  neededMicroUsd?: number;
  /** Something was paid for while a queue waited for money, be it this one. */
  isAsked: boolean;
  /** No cap will ever pay for these. */
  never: ItemRef[];
  /** Another attempt does not fit into the rows of these. */
  overfull: ItemRef[];
}

async function claimBatch(deps: FlowDeps, draft: Draft, candidates: Candidate[]): Promise<Batch> {
  const none = { attempts: [], seen: 0, full: false, held: [], isShort: false, isRelisted: false, isAsked: false };
  const batch: Batch = { ...none, never: [], overfull: [] };
  const claims = new Map<string, EventOf<'attempt.claimed'>['data']>();
  await readAhead(deps, draft, candidates);
  for (const candidate of candidates) {
    const { run, item, queue } = candidate;
    const specKey = keys.spec(run, item);
    // All that is known to be looked at, in one call; what it locks stands in the first of them.
    await draft.read([specKey, keys.run(run), keys.item(run, item), keys.queue(queue)]);
    const spec = required(draft.seen<SpecRow>(specKey), specKey);
    const worst = 7 + 3 * spec.item.locks.length + claims.size;
    if (batch.seen > 0 && draft.actions + worst > MAX_ENGINE_ACTIONS - 2) break;
    const outcome = await claimOne(deps, draft, candidate, spec);
    if (outcome.left !== undefined) batch.left = outcome.left;
    if (outcome.kind === 'full') {
      batch.full = true;
      batch.isRelisted = outcome.isRelisted === true;
      if (outcome.neededMicroUsd !== undefined) batch.neededMicroUsd = outcome.neededMicroUsd;
      break;
    }
    batch.seen += 1;
    if (outcome.kind === 'never') batch.never.push({ run, item });
    if (outcome.kind === 'overfull') batch.overfull.push({ run, item });
    if (outcome.kind === 'short') batch.isShort = true;
    if (outcome.kind === 'parked') batch.held.push(...outcome.held);
    if (outcome.kind !== 'claimed') continue;
    batch.isAsked ||= outcome.isAsked;
    batch.attempts.push({ run: candidate.run, id: outcome.event.id });
    const ofRun = claims.get(candidate.run) ?? { claims: [], queue: candidate.queue };
    ofRun.claims.push(outcome.event);
    if (outcome.event.reservedMicroUsd !== undefined) ofRun.prices = deps.pricing.digest;
    claims.set(candidate.run, ofRun);
  }
  for (const [run, data] of claims) draft.emit(run, { type: 'attempt.claimed', data });
  return batch;
}

/** All at once what the claims will look at that the queue will let be made; what is not claimed is paid for nothing. */
async function readAhead(deps: FlowDeps, draft: Draft, candidates: Candidate[]): Promise<void> {
  const [first] = candidates;
  if (first === undefined) return;
  const queue = await draft.readOne<QueueRow>(keys.queue(first.queue));
  const claimable = queue === null ? 0 : claimsNow(queue, deps.clock.nowMs());
  const likely = candidates.slice(0, Math.min(claimable, MOST_AHEAD));
  await draft.read(likely.flatMap(({ run, item }) => [keys.run(run), keys.spec(run, item), keys.item(run, item)]));
}

type Outcome = { left?: string | undefined } & (
  | { kind: 'claimed'; event: AttemptClaim; isAsked: boolean }
  | { kind: 'parked'; held: string[] }
  | { kind: 'full'; isRelisted?: boolean; neededMicroUsd?: number }
  | { kind: 'stale' | 'short' | 'never' | 'overfull' }
);

async function claimOne(deps: FlowDeps, draft: Draft, candidate: Candidate, spec: SpecRow): Promise<Outcome> {
  const { run, queue } = candidate;
  const itemKey = keys.item(run, candidate.item);
  const lockKeys = spec.item.locks.map(({ name }) => keys.lock(name));
  const row = required(draft.seen<RunRow>(keys.run(run)), keys.run(run));
  const item = required(draft.seen<ItemRow>(itemKey), itemKey);
  const isWanted = row.stopping === undefined && row.pausedAtMs === undefined && !item.cancelAsked;
  if (item.state !== 'ready' || item.rank === undefined || !isWanted) return { kind: 'stale' };
  // It lined up anew since the list was read, and is met again at its new place: here it would pass those in between.
  if (item.rank !== candidate.rank) return { kind: 'stale' };
  // In another list by now. Among the ready it would pass those before it; and of two that leave the lists of a lock in one
  // decision, the second would make the first its head again, which the store still shows there: the lock would be kept for somebody who
  // is gone.
  const list = item.parked ? 'lock' : item.short ? 'short' : undefined;
  if (list !== candidate.from) return { kind: 'stale' };
  if (isFull(item)) return { kind: 'overfull' };
  const rank = item.rank;
  const lockRows = lockKeys.length === 0 ? [] : await draft.read<LockRow>(lockKeys);
  const locks = lockRows.map((lock) => ({ row: lock, next: undefined as string | undefined }));
  if (item.parked) {
    const waiters = spec.item.locks.map(({ name }) => nextWaiter(deps, name, rank));
    for (const [n, next] of (await Promise.all(waiters)).entries()) if (locks[n]) locks[n].next = next;
  }
  const queueRow = required(draft.seen<QueueRow>(keys.queue(queue)), keys.queue(queue));
  const verdict = claim({
    run,
    queueName: queue,
    plan: spec.item,
    item,
    queue: queueRow,
    locks,
    nowMs: deps.clock.nowMs(),
    leaseMs: deps.worker.leaseMs,
  });
  if (verdict.ok) return takeIfPaid(deps, draft, candidate, { spec, item, row, queueRow }, verdict);
  if (verdict.obstacle === 'locks') {
    if (!item.parked) await parkItem(deps, draft, candidate, spec, item);
    return { kind: 'parked', held: verdict.names };
  }
  if (verdict.obstacle === 'rate') await lookAgain(draft, queue, verdict.untilMs);
  return standInLine(deps, draft, candidate, spec, item);
}

interface Candidacy {
  spec: SpecRow;
  item: ItemRow;
  row: RunRow;
  queueRow: QueueRow;
}

const FREE: Payment = { kind: 'paid', attempt: {} };

/** Nothing but money is in the way any more. */
async function takeIfPaid(
  deps: FlowDeps,
  draft: Draft,
  at: Candidate,
  { spec, item, row, queueRow }: Candidacy,
  won: Extract<Claim, { ok: true }>,
): Promise<Outcome> {
  const neededMicroUsd = neededBy(deps, spec);
  const payer = { run: at.run, row, queue: queueRow };
  const isFree = neededMicroUsd === 0 && row.capMicroUsd === undefined;
  const payment = isFree ? FREE : await pay(deps, draft, payer, neededMicroUsd);
  switch (payment.kind) {
    case 'never':
      return { kind: 'never' };
    case 'short-of-run':
      return { kind: 'short', left: await putShort(deps, draft, { ...at, spec, row: item }) };
    case 'short-of-deployment':
      if (payment.untilMs !== null) await lookAgain(draft, at.queue, payment.untilMs);
      return { ...(await standInLine(deps, draft, at, spec, item)), neededMicroUsd };
  }
  const attempt = { ...won.attempt, ...payment.attempt };
  const queue = payment.purse === undefined ? won.queue : { ...won.queue, purse: payment.purse };
  await takeClaim(deps, draft, at, spec, item, { ...won, attempt, queue });
  const { attempt: number, locks, reserved } = attempt;
  const event = { attempt: number, epoch: number, id: won.attemptId, item: at.item, locks };
  const reserving = reserved === undefined ? {} : { reservedMicroUsd: reserved.microUsd };
  return { kind: 'claimed', event: { ...event, ...reserving }, isAsked: payment.purse?.asked === true };
}

/** What it waited for apart is there, and its queue has no room for it. */
async function standInLine(
  deps: FlowDeps,
  draft: Draft,
  at: Candidate,
  spec: SpecRow,
  item: ItemRow,
): Promise<Extract<Outcome, { kind: 'full' }>> {
  const isRelisted = item.parked === true || item.short === true;
  return { kind: 'full', isRelisted, left: isRelisted ? await unpark(deps, draft, at, spec, item) : undefined };
}

/** Once for each moment, however many look before. */
async function lookAgain(draft: Draft, queue: string, atMs: number): Promise<void> {
  const key = keys.timer(atMs, `queue/${queue}`);
  if ((await draft.readOne(key)) === null) draft.put(key, {});
}

async function takeClaim(
  deps: FlowDeps,
  draft: Draft,
  at: Candidate,
  spec: SpecRow,
  item: ItemRow,
  won: Extract<Claim, { ok: true }>,
): Promise<void> {
  await unqueueItem(deps, draft, at, spec, item);
  draft.check(keys.run(at.run));
  draft.put(keys.item(at.run, at.item), won.item);
  draft.put(keys.queue(at.queue), won.queue);
  spec.item.locks.forEach(({ name }, n) => {
    draft.put(keys.lock(name), won.locks[n] ?? FREE_LOCK);
  });
  draft.create(keys.attempt(won.attemptId), won.attempt);
}

/** It waits among the ready again, at its old place. Resolves as `leaveLists` does. */
async function unpark(
  deps: FlowDeps,
  draft: Draft,
  at: Candidate,
  spec: SpecRow,
  item: ItemRow,
): Promise<string | undefined> {
  const left = await leaveLists(deps, draft, { ...at, spec, row: item });
  const { parked: _parked, short: _short, ...rest } = item;
  draft.put(keys.item(at.run, at.item), rest satisfies ItemRow);
  draft.create(keys.ready(at.queue, item.rank ?? ''), { run: at.run, item: at.item } satisfies ReadyRow);
  return left;
}
