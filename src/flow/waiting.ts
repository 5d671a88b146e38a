/** Waiting: what holds an item that does not run. */
import type { CapStatus, Waiting } from '@waybill/client/documents';
import { rankOf, slotsOf } from '#core/claim.ts';
import { isoTime } from '#core/evidence.ts';
import { FREE_LOCK, lockVerdict } from '#core/locks.ts';
import type { LockRow, LockWaitRow, QueueRow, ReadyRow } from '#core/queue-rows.ts';
import { type ItemRow, keys, type SpecRow } from '#core/rows.ts';
import { nextStartMs } from '#core/start-rate.ts';
import type { FlowDeps } from '#flow/deps.ts';

const SHOWN_DEPS = 10;

export interface Waiter {
  run: string;
  id: string;
  queueName: string;
  queue: QueueRow;
  item: ItemRow;
  /** Of one that `isReadFor` names. */
  spec: SpecRow | undefined;
  isPaused: boolean;
  /** Who submitted the run. */
  owner: string;
  caps: readonly CapStatus[];
  /** Who comes first in its queue, which waits for money of the deployment; null where it does not. */
  shortFirst: ReadyRow | null;
}

/** What its spec says has to be shown too: many are read in one call. */
export function isReadFor({ state, parked, shelved }: ItemRow): boolean {
  return state === 'suspended' || (state === 'ready' && (parked === true || shelved === true));
}

/** Everything that holds the item now; when the first of it is gone, the rest still does. */
export async function waitingOf(deps: FlowDeps, waiter: Waiter): Promise<Waiting | undefined> {
  const { run, id, queue, item, isPaused } = waiter;
  const paused = isPaused ? { paused: 'run' as const } : {};
  if (item.state === 'pending') return { ...paused, deps: await unmetDeps(deps, run, id, item) };
  if (item.asking !== undefined) return questionOf(item, item.asking);
  if (item.state === 'suspended') return { gate: gateOf(waiter) };
  if (item.state !== 'ready') return undefined;
  if (item.notBeforeMs !== undefined) return { ...paused, notBefore: isoTime(item.notBeforeMs) };
  if (item.parked) return { ...paused, locks: await locksOf(deps, waiter) };
  if (item.short) return { ...paused, ...capOf(waiter, ['run']) };
  if (isPaused || item.shelved) {
    const locks = await locksOf(deps, waiter);
    const state = queue.state === 'paused' ? { state: 'paused' as const } : {};
    const held = { queue: { ...queueOf(deps, waiter), ...state }, ...rateOf(deps, queue) };
    return { paused: 'run', ...(locks.length === 0 ? {} : { locks }), ...held };
  }
  return {
    ...(queue.state === 'paused' ? { paused: 'queue' as const } : {}),
    queue: queueOf(deps, waiter),
    ...rateOf(deps, queue),
    ...moneyOf(waiter),
  };
}

function queueOf({ clock }: FlowDeps, { queueName, queue }: Waiter): NonNullable<Waiting['queue']> {
  const { concurrency, holders } = queue;
  const gone = concurrency === 0 ? { state: 'gone' as const } : {};
  return { name: queueName, concurrency: slotsOf(queue, clock.nowMs()), held: holders.length, ...gone };
}

/** It is the first that comes short: the others wait for that one, whatever they may cost. */
function moneyOf(waiter: Waiter): Pick<Waiting, 'behind' | 'cap'> {
  const { run, id, shortFirst } = waiter;
  if (shortFirst === null) return {};
  const isFirst = shortFirst.run === run && shortFirst.item === id;
  return isFirst ? capOf(waiter, ['day', 'month', 'account']) : { behind: shortFirst };
}

/** The tightest of them. */
function capOf({ caps }: Waiter, names: readonly CapStatus['cap'][]): Pick<Waiting, 'cap'> {
  const [cap] = caps.filter((one) => names.includes(one.cap)).toSorted((a, b) => a.leftMicroUsd - b.leftMicroUsd);
  return cap === undefined ? {} : { cap };
}

function questionOf({ talk = [] }: ItemRow, text: string): Waiting {
  const last = talk.at(-1);
  return last === undefined ? {} : { question: { text, sha256: last.question.sha256, attempt: last.attempt } };
}

function gateOf({ spec, item, owner }: Waiter): NonNullable<Waiting['gate']> {
  const wanted = spec?.item.gate;
  const { approved = [], rejected = [], expiresAtMs, reviewed } = item.gate ?? {};
  return {
    approved: approved.length,
    rejected: rejected.length,
    approvals: wanted?.approvals ?? 1,
    reviewers: wanted === undefined || wanted.reviewers.length === 0 ? [owner] : wanted.reviewers,
    ...(expiresAtMs === undefined ? {} : { expires: isoTime(expiresAtMs) }),
    ...(wanted?.reviews === undefined ? {} : { reviews: wanted.reviews }),
    ...(reviewed === undefined ? {} : { reviewed }),
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

/** Those that the item cannot have now. One that left the lists of a paused run has no rank: it is asked with the one that a resume gives it. */
async function locksOf(deps: FlowDeps, { run, id, item, spec }: Waiter): Promise<NonNullable<Waiting['locks']>> {
  const { locks: wanted = [], priority = 0 } = spec?.item ?? {};
  if (wanted.length === 0) return [];
  const rank = item.rank ?? rankOf(priority, deps.clock.nowMs(), run, id);
  const rows = await deps.store.get(wanted.map(({ name }) => keys.lock(name)));
  const holder = { attempt: '', run, item: id };
  const locks = wanted.map(({ name, mode }, n) => {
    const row = (rows[n]?.body as unknown as LockRow | undefined) ?? FREE_LOCK;
    return { name, row, verdict: lockVerdict(row, { mode, rank, holder }) };
  });
  const kept = locks.filter(({ verdict }) => verdict === 'kept');
  const heads =
    kept.length === 0
      ? []
      : await deps.store.get(kept.map(({ name, row }) => keys.lockWait(name, row.head?.rank ?? '')));
  const firsts = new Map(kept.map(({ name }, n) => [name, heads[n]?.body as unknown as LockWaitRow | undefined]));
  return locks
    .filter(({ verdict }) => verdict !== 'free')
    .map(({ name, row: { holders } }) => {
      const first = firsts.get(name);
      return {
        name,
        holders: holders.map((one) => ({ run: one.run, item: one.item })),
        ...(first === undefined ? {} : { keptFor: { run: first.run, item: first.item } }),
      };
    });
}
