/** Waiting: what holds an item that does not run. */
import type { Waiting } from '@waybill/client/documents';
import { slotsOf } from '#core/claim.ts';
import { isoTime } from '#core/evidence.ts';
import { type ItemRow, keys, type LockRow, type QueueRow, type RunRow, type SpecRow } from '#core/rows.ts';
import { nextStartMs } from '#core/start-rate.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { peek } from '#flow/transaction.ts';

const SHOWN_DEPS = 10;

export interface Waiter {
  run: string;
  id: string;
  queueName: string;
  queue: QueueRow;
  item: ItemRow;
  isPaused: boolean;
}

/** Everything that holds the item now; when the first of it is gone, the rest still does. */
export async function waitingOf(deps: FlowDeps, waiter: Waiter): Promise<Waiting | undefined> {
  const { run, id, queueName, queue, item, isPaused } = waiter;
  const paused = isPaused ? { paused: 'run' as const } : {};
  if (item.state === 'pending') return { ...paused, deps: await unmetDeps(deps, run, id, item) };
  if (item.state === 'suspended') return { gate: await gateOf(deps, run, id, item) };
  if (item.state !== 'ready') return undefined;
  if (item.notBeforeMs !== undefined) return { ...paused, notBefore: isoTime(item.notBeforeMs) };
  if (item.parked) return { ...paused, locks: await heldLocks(deps, run, id) };
  if (isPaused || item.shelved) return { paused: 'run' };
  const held = {
    queue: { name: queueName, concurrency: slotsOf(queue, deps.clock.nowMs()), held: queue.holders.length },
  };
  return { ...(queue.state === 'paused' ? { paused: 'queue' as const } : {}), ...held, ...rateOf(deps, queue) };
}

async function gateOf(deps: FlowDeps, run: string, id: string, item: ItemRow): Promise<NonNullable<Waiting['gate']>> {
  const wanted = (await peek<SpecRow>(deps, keys.spec(run, id)))?.item.gate;
  const owner = (await peek<RunRow>(deps, keys.run(run)))?.principal ?? '';
  const { approved = [], rejected = [], expiresAtMs } = item.gate ?? {};
  return {
    approved: approved.length,
    rejected: rejected.length,
    approvals: wanted?.approvals ?? 1,
    reviewers: wanted === undefined || wanted.reviewers.length === 0 ? [owner] : wanted.reviewers,
    ...(expiresAtMs === undefined ? {} : { expires: isoTime(expiresAtMs) }),
  };
}

function rateOf(deps: FlowDeps, { rate, bucket }: QueueRow): Pick<Waiting, 'rate'> {
  const nowMs = deps.clock.nowMs();
  const nextMs = rate === undefined ? nowMs : nextStartMs(rate, bucket, nowMs);
  return rate === undefined || nextMs <= nowMs ? {} : { rate: { ...rate, next: isoTime(nextMs) } };
}

async function unmetDeps(
  deps: FlowDeps,
  run: string,
  id: string,
  item: ItemRow,
): Promise<NonNullable<Waiting['deps']>> {
  if (!item.waitingOn[0]?.startsWith('#'))
    return { first: item.waitingOn.slice(0, SHOWN_DEPS), count: item.waitingOn.length };
  const rows = await deps.store.get(item.waitingOn.map((chunk) => keys.wait(run, id, Number(chunk.slice(1)))));
  const ids = rows.flatMap((row) => (row?.body as { ids?: string[] } | undefined)?.ids ?? []);
  return { first: ids.slice(0, SHOWN_DEPS), count: ids.length };
}

async function heldLocks(deps: FlowDeps, run: string, id: string): Promise<NonNullable<Waiting['locks']>> {
  const wanted = (await peek<SpecRow>(deps, keys.spec(run, id)))?.item.locks ?? [];
  const rows = await deps.store.get(wanted.map(({ name }) => keys.lock(name)));
  const locks = wanted.map(({ name }, n) => ({
    name,
    holders: (rows[n]?.body as unknown as LockRow | undefined)?.holders ?? [],
  }));
  return locks
    .filter(({ holders }) => holders.length > 0)
    .map(({ name, holders }) => ({ name, holders: holders.map((holder) => ({ run: holder.run, item: holder.item })) }));
}
