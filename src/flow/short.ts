/**
 * Short: items for which the cap of their run leaves nothing now. They stand in no list of their queue and of no lock, so that
 * they hold up nobody, and are tried again, first come first, when an attempt of the run gives something back. One that no
 * rest of the cap can pay for any more is denied.
 */

import type { Exceeded } from '@waybill/client/documents';
import type { EventOf } from '@waybill/verify';
import { reservationOf } from '#core/cost.ts';
import { moneyKeys, type RunPurseRow, type ShortRow } from '#core/money-rows.ts';
import { capOf, dayOf, leftOf, neverFits } from '#core/purse.ts';
import type { LockRow, TodoLocksRow } from '#core/queue-rows.ts';
import { type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { closeItem, completeRun, type ItemRef, readItem, readRun, unqueueItem } from '#flow/items.ts';
import { ledgerOf, runPurse } from '#flow/payment.ts';
import { type Draft, decide } from '#flow/transaction.ts';

/** What the next attempt of an item may cost. */
export function neededBy({ pricing, worker }: FlowDeps, { item }: SpecRow): number {
  return reservationOf(item, pricing, worker.startMs);
}

/** Who stands in lists, as the caller has read it. */
export interface Waiter extends ItemRef {
  queue: string;
  spec: SpecRow;
  row: ItemRow;
  /** Its waiters the caller tries one after the other anyway. */
  lock?: string;
}

/**
 * From wherever it waits to the list of those of its run that wait for money. The caller has read what it waits in.
 * Resolves as `leaveLists` does.
 */
export async function putShort(deps: FlowDeps, draft: Draft, waiter: Waiter): Promise<string | undefined> {
  const { run, item: id, row: item } = waiter;
  if (item.short) return undefined;
  const left = await leaveLists(deps, draft, waiter);
  const { parked: _parked, ...rest } = item;
  draft.put(keys.item(run, id), { ...rest, short: true } satisfies ItemRow);
  draft.create(moneyKeys.short(run, item.rank ?? ''), { item: id } satisfies ShortRow);
  const purse = await runPurse(draft, run);
  draft.put(moneyKeys.runPurse(run), { ...purse, awaited: true } satisfies RunPurseRow);
  return left;
}

/**
 * Out of every list it waits in. Others may come first then on the locks whose lists it leaves, and the locks are free: resolves
 * with the name under which that stands to be done, once it is hinted; undefined where nobody waits there.
 */
export async function leaveLists(
  deps: FlowDeps,
  draft: Draft,
  { run, item, queue, spec, row, lock: tried }: Waiter,
): Promise<string | undefined> {
  await unqueueItem(deps, draft, { run, queue }, spec, row);
  if (row.parked !== true) return undefined;
  const isAwaited = (name: string): boolean => draft.seen<LockRow>(keys.lock(name))?.head !== undefined;
  const names = spec.item.locks.map(({ name }) => name).filter((name) => name !== tried && isAwaited(name));
  if (names.length === 0) return undefined;
  // It may leave them again before this is done.
  const left = `${run}/${item}/${deps.chance.hex(4)}`;
  draft.create(keys.todoLocks(left), { names } satisfies TodoLocksRow);
  return left;
}

/** Nobody waits any more. One that comes to wait meanwhile is not lost: it writes the purse too. */
export async function nobodyShort(deps: FlowDeps, run: string): Promise<void> {
  await decide(deps, async (draft) => {
    const purse = await runPurse(draft, run);
    const [first] = await deps.store.query(`run/${run}`, { prefix: 'short/', limit: 1 });
    if (first !== undefined || !purse.awaited) return;
    const { awaited: _awaited, ...rest } = purse;
    draft.put(moneyKeys.runPurse(run), rest satisfies RunPurseRow);
  });
}

/** ready -> denied, if that is still so. */
export async function denyItem(deps: FlowDeps, ref: ItemRef): Promise<void> {
  await endReady(deps, ref, async (draft, run, spec) => {
    const neededMicroUsd = neededBy(deps, spec);
    const exceeded = await whyNever(deps, draft, ref.run, run.capMicroUsd, neededMicroUsd);
    if (exceeded === null) return null;
    draft.check(moneyKeys.runPurse(ref.run));
    const reason = exceeded.cap === 'run' ? 'run_cap_exhausted' : 'deployment_cap_exceeded';
    return { closed: { state: 'denied', reason, neededMicroUsd }, exceeded };
  });
}

interface Ending {
  closed: Closed;
  exceeded?: Exceeded;
}

type Closed = Omit<EventOf<'item.closed'>['data']['items'][number], 'id' | 'state'> & { state: 'denied' | 'failed' };

/** Ends an item that stands in line, without an attempt. `why`: how, or null where that is not so any more. */
export async function endReady(
  deps: FlowDeps,
  ref: ItemRef,
  why: (draft: Draft, run: RunRow, spec: SpecRow, item: ItemRow) => Promise<Ending | null>,
): Promise<void> {
  const ended = await decide(deps, async (draft) => {
    const run = await readRun(draft, ref.run);
    const [spec, item] = await readItem(draft, ref);
    const ending = await why(draft, run, spec, item);
    const isWaiting = item.state === 'ready' && item.rank !== undefined && !run.stopping;
    if (ending === null || !isWaiting) return null;
    const { closed, exceeded } = ending;
    draft.check(keys.run(ref.run));
    const left = await leaveLists(deps, draft, { ...ref, queue: run.queue, spec, row: item });
    const ended: ItemRow = { ...item, reason: closed.reason, ...(exceeded === undefined ? {} : { exceeded }) };
    const { completed } = await closeItem(draft, ref, spec, ended, closed.state);
    draft.emit(ref.run, { type: 'item.closed', data: { items: [{ id: ref.item, ...closed }] } });
    if (completed) await completeRun(draft, ref.run, completed);
    return { left, isCompleted: completed !== null };
  });
  if (ended === null) return;
  deps.hints.itemEnded(ref.run, ref.item);
  if (ended.left !== undefined) deps.hints.locksReleased(ended.left);
  if (ended.isCompleted) deps.hints.runCompleted(ref.run);
}

async function whyNever(
  deps: FlowDeps,
  draft: Draft,
  run: string,
  capMicroUsd: number | undefined,
  neededMicroUsd: number,
): Promise<Extract<Exceeded, { cap: unknown }> | null> {
  const { spentMicroUsd } = await runPurse(draft, run);
  if (capMicroUsd !== undefined && neededMicroUsd > capMicroUsd - spentMicroUsd)
    return { cap: 'run', neededMicroUsd, leftMicroUsd: capMicroUsd - spentMicroUsd, limitMicroUsd: capMicroUsd };
  const ledger = await ledgerOf(draft, dayOf(deps.clock.nowMs()));
  const cap = neededMicroUsd > 0 ? neverFits(ledger.caps, neededMicroUsd) : undefined;
  if (cap === undefined) return null;
  const limitMicroUsd = capOf(ledger.caps, cap) ?? 0;
  return { cap, neededMicroUsd, leftMicroUsd: leftOf(ledger, cap), limitMicroUsd };
}
