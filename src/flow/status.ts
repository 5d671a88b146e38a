/**
 * Status: the document that a client reads instead of the store. Made from the rows when somebody may look, so it costs
 * O(items) of that run each time and nothing when a run is at rest.
 */
import type { AttemptStatus, ItemState, ItemStatus, RunStatus, Waiting } from '@waybill/client/documents';
import { isoTime } from '#core/evidence.ts';
import {
  type AttemptRow,
  type AttemptSummary,
  type ItemRow,
  keys,
  type LockRow,
  type QueueRow,
  type RunRow,
  type SpecRow,
} from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { required } from '#flow/items.ts';
import { peek } from '#flow/transaction.ts';

const PAGE = 500;
const SHOWN_DEPS = 10;

/**
 * Writes the status of a run to the outbox. Several may do so at once, and the last to write may have read first: so each
 * looks again after it has written. Nobody publishes a run any more that is done with, and its client would wait for ever.
 */
export async function publishStatus(deps: FlowDeps, run: string): Promise<void> {
  let published: number | undefined;
  for (;;) {
    const [row] = await deps.store.get([keys.run(run)]);
    if (!row || row.version === published) return;
    const state = row.body as unknown as RunRow;
    // Of a run that was made again from the log nobody knows whose it was.
    if (state.state === 'admitting' || state.recovered) return;
    await publishAs(deps, run, state);
    published = row.version;
  }
}

async function publishAs(deps: FlowDeps, run: string, state: RunRow): Promise<void> {
  const rows = await itemRows(deps, run);
  const queue = await peek<QueueRow>(deps, keys.queue(state.queue));
  const items: ItemStatus[] = [];
  for (const [id, item] of rows)
    items.push(
      await itemStatus(deps, {
        run,
        id,
        queueName: state.queue,
        queue: required(queue, keys.queue(state.queue)),
        item,
        isPaused: state.pausedAtMs !== undefined,
      }),
    );
  const unsandboxed = rows.reduce((sum, [, item]) => sum + item.unsandboxed, 0);
  const warnings: string[] = [];
  if (unsandboxed > 0) warnings.push(`UNSANDBOXED: ${unsandboxed} attempts ran without a sandbox around their blocks`);
  if (state.unbundled !== undefined) warnings.push(`UNSEALED: there is no bundle yet, since ${state.unbundled}`);
  await deps.inbox.publish(state.principal, state.submissionId, statusOf(deps, run, state, items, warnings));
}

/** A heartbeat arrived: its progress belongs into the status of its run. */
export async function showProgress(deps: FlowDeps, attemptId: string): Promise<void> {
  const attempt = await peek<AttemptRow>(deps, keys.attempt(attemptId));
  if (attempt) deps.hints.runChanged(attempt.run);
}

function statusOf(deps: FlowDeps, run: string, row: RunRow, items: ItemStatus[], warnings: string[]): RunStatus {
  const counts = countsOf(items);
  return {
    v: 1,
    run,
    name: row.name,
    queue: row.queue,
    principal: row.principal,
    submissionId: row.submissionId,
    state: row.state === 'admitting' ? 'open' : row.state,
    at: isoTime(deps.clock.nowMs()),
    openedAt: isoTime(row.openedAtMs),
    ...(row.pausedAtMs === undefined ? {} : { pausedAt: isoTime(row.pausedAtMs) }),
    ...(row.completedAtMs === undefined ? {} : { completedAt: isoTime(row.completedAtMs) }),
    ...(row.sealedAtMs === undefined ? {} : { sealedAt: isoTime(row.sealedAtMs) }),
    ...(row.abortedAtMs === undefined || !row.aborting
      ? {}
      : { aborted: { at: isoTime(row.abortedAtMs), reason: row.aborting.reason } }),
    counts,
    items,
    warnings,
    ...(row.bundle ? { bundle: row.bundle } : {}),
  };
}

function countsOf(items: ItemStatus[]): RunStatus['counts'] {
  const states: Record<ItemState, number> = {
    pending: 0,
    ready: 0,
    running: 0,
    suspended: 0,
    done: 0,
    failed: 0,
    skipped: 0,
    cancelled: 0,
    denied: 0,
  };
  let attempts = 0;
  let retries = 0;
  for (const item of items) {
    states[item.state] += 1;
    attempts += item.attempts.length;
    retries += Math.max(0, item.attempts.length - 1);
  }
  return { ...states, items: items.length, attempts, retries };
}

/** All items, in the order of the spec. */
async function itemRows(deps: FlowDeps, run: string): Promise<[string, ItemRow][]> {
  const found: [string, ItemRow][] = [];
  let after: string | undefined;
  do {
    const range = { prefix: 'item/', limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await deps.store.query(`run/${run}`, range);
    for (const { sk, body } of rows) found.push([sk.slice('item/'.length), body as unknown as ItemRow]);
    after = rows.length < PAGE ? undefined : rows.at(-1)?.sk;
  } while (after !== undefined);
  return found.sort(([, a], [, b]) => a.place - b.place);
}

async function itemStatus(deps: FlowDeps, waiter: Waiter): Promise<ItemStatus> {
  const { id, item } = waiter;
  const waiting = await waitingOf(deps, waiter);
  const running = item.state === 'running' ? item.attempts.at(-1) : undefined;
  const progress = running ? (await deps.mailbox.staged(running.id)).heartbeat?.progress : undefined;
  return {
    id,
    state: item.state,
    ...(item.reason === undefined ? {} : { reason: item.reason }),
    ...(item.cause === undefined ? {} : { cause: item.cause }),
    ...(item.detail === undefined ? {} : { detail: item.detail }),
    ...(progress === undefined ? {} : { progress }),
    ...(waiting === undefined ? {} : { waiting }),
    attempts: item.attempts.map(attemptStatus),
  };
}

function attemptStatus({
  attempt,
  id,
  startedAtMs,
  endedAtMs,
  outcome,
  reason,
  exit,
  outputs,
}: AttemptSummary): AttemptStatus {
  return {
    attempt,
    id,
    startedAt: isoTime(startedAtMs),
    ...(endedAtMs === undefined ? {} : { endedAt: isoTime(endedAtMs) }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(reason === undefined ? {} : { reason }),
    ...(exit === undefined ? {} : { exit }),
    outputs,
  };
}

interface Waiter {
  run: string;
  id: string;
  queueName: string;
  queue: QueueRow;
  item: ItemRow;
  isPaused: boolean;
}

/** Everything that holds the item now; when the first of it is gone, the rest still does. */
async function waitingOf(deps: FlowDeps, waiter: Waiter): Promise<Waiting | undefined> {
  const { run, id, queueName, queue, item, isPaused } = waiter;
  const paused = isPaused ? { paused: 'run' as const } : {};
  if (item.state === 'pending') return { ...paused, deps: await unmetDeps(deps, run, id, item) };
  if (item.state !== 'ready') return undefined;
  if (item.notBeforeMs !== undefined) return { ...paused, notBefore: isoTime(item.notBeforeMs) };
  if (item.parked) return { ...paused, locks: await heldLocks(deps, run, id) };
  if (isPaused || item.shelved) return { paused: 'run' };
  return { queue: { name: queueName, concurrency: queue.concurrency, held: queue.holders.length } };
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
