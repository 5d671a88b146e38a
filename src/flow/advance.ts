/**
 * Advance: what became ready is claimed, together with its slot and all its locks, in one transaction.
 */
import { type Claim, claim, claimsNow } from '#core/claim.ts';
import { FREE_LOCK } from '#core/locks.ts';
import { MAX_ENGINE_ACTIONS } from '#core/names.ts';
import {
  type AttemptRow,
  type ItemRow,
  keys,
  type LockRow,
  type LockWaitRow,
  type QueueRow,
  type ReadyRow,
  type RunRow,
  type SpecRow,
  type TodoLocksRow,
} from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type ItemRef, nextWaiter, parkItem, required, unqueueItem } from '#flow/items.ts';
import { type Draft, decide, forget, peek } from '#flow/transaction.ts';
import type { Row } from '#ports/run-store.ts';

const READY_PAGE = 32;
const WAITER_PAGE = 16;
/** Without locks a claim takes three actions, and not many more than these fit into a transaction. */
const MOST_AHEAD = 26;

interface Candidate extends ItemRef {
  queue: string;
  /** Found in the wait list of a lock, and then alone in its decision. */
  isWaiter?: true;
}

/**
 * Claims what it can of a queue, first come first per priority. Each place of the list is looked at once: items of a
 * stopping or paused run stay in it until that reaches them, and looking at them again would never let that happen.
 */
export async function advance(deps: FlowDeps, queue: string): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const range = { prefix: 'ready/', limit: READY_PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(`queue/${queue}`, range);
    if (rows.length === 0) return;
    const candidates = rows.map((row) => ({ ...(row.body as unknown as ReadyRow), queue }));
    const batch = await claimSome(deps, candidates, rows);
    if (batch.full || batch.seen === 0) return;
    after = rows[batch.seen - 1]?.sk;
  }
}

/** Tries the waiters of the locks that `by` (an attempt, or an item that left their lists) released. */
export async function advanceLocks(deps: FlowDeps, by: string): Promise<void> {
  const key = keys.todoLocks(by);
  const todo = await peek<TodoLocksRow>(deps, key);
  for (const name of todo?.names ?? []) await advanceLock(deps, name);
  await forget(deps, key);
}

/** First come first; one that is blocked elsewhere is passed by the next, until the lock is taken or kept for somebody. */
async function advanceLock(deps: FlowDeps, lock: string): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const range = { prefix: 'wait/', limit: WAITER_PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(`lock/${lock}`, range);
    for (const row of rows) {
      const waiter = row.body as unknown as LockWaitRow;
      const batch = await claimSome(deps, [{ ...waiter, isWaiter: true }]);
      const isTaken = batch.attempts.length > 0 && waiter.mode === 'exclusive';
      if (isTaken || batch.held.includes(lock)) return;
    }
    if (rows.length < WAITER_PAGE) return;
    after = rows.at(-1)?.sk;
  }
}

/** @param listed the rows that named the candidates, as a query has just answered them */
async function claimSome(deps: FlowDeps, candidates: Candidate[], listed: readonly Row[] = []): Promise<Batch> {
  let fresh = listed;
  const batch = await decide(deps, (draft) => {
    draft.adopt(fresh);
    fresh = [];
    return claimBatch(deps, draft, candidates);
  });
  for (const { run, id } of batch.attempts) {
    deps.hints.claimed(id);
    deps.hints.runChanged(run);
  }
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
}

async function claimBatch(deps: FlowDeps, draft: Draft, candidates: Candidate[]): Promise<Batch> {
  const batch: Batch = { attempts: [], seen: 0, full: false, held: [] };
  const claims = new Map<string, { queue: string; claims: ClaimedEvent[] }>();
  await readAhead(deps, draft, candidates);
  for (const candidate of candidates) {
    const { run, item, queue } = candidate;
    const specKey = keys.spec(run, item);
    // All that is known to be looked at, in one call; what it locks stands in the first of them.
    await draft.read([specKey, keys.run(run), keys.item(run, item), keys.queue(queue)]);
    const spec = required(await draft.readOne<SpecRow>(specKey), specKey);
    const worst = 4 + 3 * spec.item.locks.length + claims.size;
    if (batch.seen > 0 && draft.actions + worst > MAX_ENGINE_ACTIONS - 2) break;
    const outcome = await claimOne(deps, draft, candidate, spec);
    if (outcome.kind === 'full') {
      batch.full = true;
      break;
    }
    batch.seen += 1;
    if (outcome.kind === 'parked') batch.held.push(...outcome.held);
    if (outcome.kind !== 'claimed') continue;
    batch.attempts.push({ run: candidate.run, id: outcome.event.id });
    const ofRun = claims.get(candidate.run) ?? { queue: candidate.queue, claims: [] };
    ofRun.claims.push(outcome.event);
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

interface ClaimedEvent {
  item: string;
  attempt: number;
  id: string;
  epoch: number;
  locks: AttemptRow['locks'];
}

type Outcome =
  | { kind: 'claimed'; event: ClaimedEvent }
  | { kind: 'parked'; held: string[] }
  | { kind: 'full' | 'stale' };

async function claimOne(deps: FlowDeps, draft: Draft, candidate: Candidate, spec: SpecRow): Promise<Outcome> {
  const { run, queue } = candidate;
  const itemKey = keys.item(run, candidate.item);
  const lockKeys = spec.item.locks.map(({ name }) => keys.lock(name));
  await draft.read(lockKeys);
  const row = required(await draft.readOne<RunRow>(keys.run(run)), keys.run(run));
  const item = required(await draft.readOne<ItemRow>(itemKey), itemKey);
  const isWanted = row.stopping === undefined && row.pausedAtMs === undefined && !item.cancelAsked;
  if (item.state !== 'ready' || item.rank === undefined || !isWanted) return { kind: 'stale' };
  // Parked since the ready list was read. Of two that leave the lists of a lock in one decision, the second would make
  // the first its head again, which the store still shows there: the lock would be kept for somebody who is gone.
  if (item.parked && !candidate.isWaiter) return { kind: 'stale' };
  const rank = item.rank;
  const lockRows = await draft.read<LockRow>(lockKeys);
  const locks = await Promise.all(
    lockRows.map(async (lock, n) => ({
      row: lock,
      next: item.parked ? await nextWaiter(deps, spec.item.locks[n]?.name ?? '', rank) : undefined,
    })),
  );
  const queueRow = required(await draft.readOne<QueueRow>(keys.queue(queue)), keys.queue(queue));
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
  if (verdict.ok) {
    await takeClaim(deps, draft, candidate, spec, item, verdict);
    const { attempt } = verdict.attempt;
    return {
      kind: 'claimed',
      event: { item: candidate.item, attempt, id: verdict.attemptId, epoch: attempt, locks: verdict.attempt.locks },
    };
  }
  if (verdict.obstacle === 'locks') {
    if (!item.parked) await parkItem(draft, candidate, queue, spec, item);
    return { kind: 'parked', held: verdict.names };
  }
  if (item.parked) await unpark(deps, draft, candidate, spec, item);
  if (verdict.obstacle === 'rate') await lookAgain(draft, queue, verdict.untilMs);
  return { kind: 'full' };
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
  await unqueueItem(deps, draft, at.queue, spec, item);
  draft.check(keys.run(at.run));
  draft.put(keys.item(at.run, at.item), won.item);
  draft.put(keys.queue(at.queue), won.queue);
  spec.item.locks.forEach(({ name }, n) => {
    draft.put(keys.lock(name), won.locks[n] ?? FREE_LOCK);
  });
  draft.create(keys.attempt(won.attemptId), won.attempt);
}

/** Its locks are free but its queue is full: it waits among the ready again, at its old place. */
async function unpark(deps: FlowDeps, draft: Draft, at: Candidate, spec: SpecRow, item: ItemRow): Promise<void> {
  await unqueueItem(deps, draft, at.queue, spec, item);
  const { parked: _parked, ...rest } = item;
  draft.put(keys.item(at.run, at.item), rest satisfies ItemRow);
  draft.create(keys.ready(at.queue, item.rank ?? ''), { run: at.run, item: at.item } satisfies ReadyRow);
}
