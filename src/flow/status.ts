/**
 * Status: the document that a client reads instead of the store. Made from the rows when somebody may look, so it costs
 * O(items) of that run each time and nothing when a run is at rest.
 */
import type { AttemptStatus, ItemState, ItemStatus, RunStatus } from '@waybill/client/documents';
import { LAUNCH_DEFERRED } from '#core/attempt.ts';
import { isoTime } from '#core/evidence.ts';
import type { QueueRow, ReadyRow } from '#core/queue-rows.ts';
import { type AttemptRow, type AttemptSummary, type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import { capsShown } from '#flow/caps-shown.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { isLettingPass, required } from '#flow/items.ts';
import { knownQueues } from '#flow/queues.ts';
import { peek } from '#flow/transaction.ts';
import { isReadFor, type Waiter, waitingOf } from '#flow/waiting.ts';

const PAGE = 500;
const LINE_LOOKED_AT = 32;

/**
 * Writes the status of a run to the outbox. Several may do so at once, and the last to write may have read first: so each
 * looks again after it has written. Nobody publishes a run any more that is done with, and its client would wait for ever.
 */
export async function publishStatus(deps: FlowDeps, run: string, prepared?: PreparedStatus): Promise<void> {
  let next = prepared ?? (await prepareStatus(deps, run));
  while (next !== null) {
    const { version, status } = next;
    await deps.store.durable();
    await deps.inbox.publish(status.principal, status.submissionId, status);
    next = await prepareStatus(deps, run, version);
  }
}

export interface PreparedStatus {
  /** Of the run's row that it was made from. */
  version: number;
  status: RunStatus;
}

/** The status of a run as it is now. Null when there is none that anybody may see, or the run still has the version `known`. */
export async function prepareStatus(deps: FlowDeps, run: string, known?: number): Promise<PreparedStatus | null> {
  const [row] = await deps.store.get([keys.run(run)]);
  if (!row || row.version === known) return null;
  const state = row.body as unknown as RunRow;
  // Of a run that was made again from the log nobody knows whose it was.
  if (state.state === 'admitting' || state.recovered) return null;
  return { version: row.version, status: await describe(deps, run, state) };
}

async function describe(deps: FlowDeps, run: string, state: RunRow): Promise<RunStatus> {
  const rows = await itemRows(deps, run);
  const queue = await peek<QueueRow>(deps, keys.queue(state.queue));
  const { caps, waiting } = await capsShown(deps, run, state);
  const shortFirst = waiting.includes(state.queue) ? await firstInLine(deps, state.queue) : null;
  const specs = await specsOf(deps, run, rows, state.completedAtMs !== undefined);
  const items: ItemStatus[] = [];
  for (const [id, item] of rows)
    items.push(
      await itemStatus(deps, {
        run,
        id,
        queueName: state.queue,
        queue: required(queue, keys.queue(state.queue)),
        item,
        spec: specs.get(id),
        isPaused: state.pausedAtMs !== undefined,
        owner: state.principal,
        caps,
        shortFirst,
      }),
    );
  const unsandboxed = rows.reduce((sum, [, item]) => sum + item.unsandboxed, 0);
  const warnings: string[] = [];
  if (unsandboxed > 0) warnings.push(`UNSANDBOXED: ${unsandboxed} attempts ran without a sandbox around their blocks`);
  const madeSo = rows.filter(([, { reused }]) => reused?.isUnsandboxed).length;
  if (madeSo > 0) warnings.push(`UNSANDBOXED: ${madeSo} items took over what was made without a sandbox`);
  const { callback } = state;
  if (callback !== undefined && callback.state !== 'delivered')
    warnings.push(
      `${callback.state.toUpperCase()}: the callback to ${callback.endpoint}: ${callback.detail}; it is not sent again`,
    );
  if (state.unbundled !== undefined) warnings.push(`UNSEALED: there is no bundle yet, since ${state.unbundled}`);
  const costMicroUsd = rows.reduce((sum, [, item]) => sum + (item.costMicroUsd ?? 0), 0);
  return {
    ...statusOf(deps, run, state, items, warnings),
    ...(costMicroUsd === 0 ? {} : { costMicroUsd }),
    ...(caps.length === 0 ? {} : { caps }),
  };
}

/** Runs with attempts that hold a slot: their workers may have told of progress. */
export async function runsAtWork(deps: FlowDeps): Promise<string[]> {
  const queues = await deps.store.get((await knownQueues(deps)).map((name) => keys.queue(name)));
  const holders = queues.flatMap((row) => (row?.body as unknown as QueueRow | undefined)?.holders ?? []);
  const attempts = await deps.store.get(holders.map((id) => keys.attempt(id)));
  return [...new Set(attempts.flatMap((row) => (row ? [(row.body as unknown as AttemptRow).run] : [])))];
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
    ...(row.deadlineAtMs === undefined ? {} : { deadlineAt: isoTime(row.deadlineAtMs) }),
    ...(row.growth?.mostItems === undefined ? {} : { openEnded: row.growth.closed ? 'closed' : 'open' }),
    ...(row.growth?.extending === undefined ? {} : { extending: true as const }),
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
  const again = { retries: 0, questions: 0, requeues: 0, lost: 0, putOff: 0 };
  for (const item of items) {
    states[item.state] += 1;
    // Of launches that were put off only the last is listed.
    const newest = item.attempts.at(-1)?.attempt ?? 0;
    attempts += newest;
    again.putOff += newest - item.attempts.length;
    for (const attempt of item.attempts.slice(0, -1)) again[followedFor(attempt)] += 1;
  }
  const { retries, ...others } = again;
  const happened = Object.fromEntries(Object.entries(others).filter(([, count]) => count > 0));
  return { ...states, items: items.length, attempts, retries, ...happened };
}

/** Why there is another attempt behind this one. */
function followedFor({ outcome, reason }: AttemptStatus): 'retries' | 'questions' | 'requeues' | 'lost' | 'putOff' {
  const isAnswered = reason === 'needs_input';
  const isSentBack = reason === 'requeued';
  if (outcome === 'deferred' && isAnswered) return 'questions';
  if (outcome === 'deferred' && reason === LAUNCH_DEFERRED.reason) return 'putOff';
  if (outcome === 'cancelled' && isSentBack) return 'requeues';
  return outcome === 'lost' ? 'lost' : 'retries';
}

/** Who is claimed first as soon as it can be paid for: of a run that is paused or ends nothing is. */
async function firstInLine(deps: FlowDeps, queue: string): Promise<ReadyRow | null> {
  const line = await deps.store.query(`queue/${queue}`, { prefix: 'ready/', limit: LINE_LOOKED_AT });
  const refs = line.map(({ body }) => body as unknown as ReadyRow);
  const ids = [...new Set(refs.map(({ run }) => run))];
  const runs = await deps.store.get(ids.map((id) => keys.run(id)));
  const isGoing = ({ run }: ReadyRow): boolean => {
    const row = runs[ids.indexOf(run)]?.body as unknown as RunRow | undefined;
    return row !== undefined && row.stopping === undefined && row.pausedAtMs === undefined;
  };
  return refs.find(isGoing) ?? null;
}

/** By item, of those whose status says what is in their specs; of a run that has ended, also what of them was let pass. */
async function specsOf(
  deps: FlowDeps,
  run: string,
  rows: [string, ItemRow][],
  hasEnded: boolean,
): Promise<Map<string, SpecRow>> {
  const isRead = (item: ItemRow): boolean => isReadFor(item) || (hasEnded && item.state === 'failed');
  const ids = rows.filter(([, item]) => isRead(item)).map(([id]) => id);
  const specs = ids.length === 0 ? [] : await deps.store.get(ids.map((id) => keys.spec(run, id)));
  return new Map(specs.flatMap((row, n) => (row ? [[ids[n] ?? '', row.body as unknown as SpecRow] as const] : [])));
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

/** Of what is done nothing goes on. */
function shownCheckpoint({ state, checkpoint }: ItemRow): Pick<ItemStatus, 'checkpoint'> {
  if (checkpoint === undefined || state === 'done') return {};
  const { attempt, sizeBytes } = checkpoint;
  return { checkpoint: { attempt, sizeBytes } };
}

async function itemStatus(deps: FlowDeps, waiter: Waiter): Promise<ItemStatus> {
  const { id, item, spec } = waiter;
  const isLetPass = item.state === 'failed' && spec !== undefined && isLettingPass(spec);
  const waiting = await waitingOf(deps, waiter);
  const running = item.state === 'running' ? item.attempts.at(-1) : undefined;
  // Before its first beat there is none, and asking costs.
  const mayBeat = running !== undefined && deps.clock.nowMs() - running.startedAtMs >= deps.worker.heartbeatMs;
  const progress = mayBeat ? (await deps.mailbox.staged(running.id, 'heartbeat')).heartbeat?.progress : undefined;
  return {
    id,
    state: item.state,
    ...(item.addedBy === undefined ? {} : { addedBy: item.addedBy }),
    ...(item.reason === undefined ? {} : { reason: item.reason }),
    ...(item.exceeded === undefined ? {} : { exceeded: item.exceeded }),
    ...(item.cause === undefined ? {} : { cause: item.cause }),
    ...(isLetPass ? { isLetPass } : {}),
    ...(item.detail === undefined ? {} : { detail: item.detail }),
    ...(item.usageProblem === undefined ? {} : { usageProblem: item.usageProblem }),
    ...(item.egress === undefined ? {} : { egress: item.egress }),
    ...(progress === undefined ? {} : { progress }),
    ...(waiting === undefined ? {} : { waiting }),
    ...shownCheckpoint(item),
    ...(item.intents === undefined ? {} : { intents: item.intents }),
    ...(item.reused === undefined ? {} : { reused: item.reused }),
    ...(item.costMicroUsd === undefined ? {} : { costMicroUsd: item.costMicroUsd }),
    ...(item.modelMicroUsd === undefined ? {} : { modelMicroUsd: item.modelMicroUsd }),
    ...(item.cutMicroUsd === undefined ? {} : { cutMicroUsd: item.cutMicroUsd }),
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
  costMicroUsd,
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
    ...(costMicroUsd === undefined ? {} : { costMicroUsd }),
    outputs,
  };
}
