/**
 * Reconcile: what a hint should have started and did not, because it was lost or the process died. It looks only at rows
 * that stand for unfinished work: unsealed runs, todo rows, due timers, and the attempts that hold a slot.
 */
import { type ItemRow, keys, type QueueRow, type RunRow } from '#core/rows.ts';
import { advance, advanceLocks } from '#flow/advance.ts';
import { cancelItem, exceedItemDeadline, exceedRunDeadline, stopRun } from '#flow/control.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { makeReady, readItem, readRun } from '#flow/items.ts';
import { readyRoots, wakeDependents } from '#flow/readiness.ts';
import { decide, forget } from '#flow/transaction.ts';
import { checkAttempt } from '#flow/worker.ts';
import type { Row } from '#ports/run-store.ts';

const PAGE = 200;

/** Looks at the attempts that hold a slot of the queue, and claims what can be claimed. `restarted`: this process just began. */
export async function sweepQueue(deps: FlowDeps, queue: string, restarted: boolean): Promise<void> {
  const [row] = await deps.store.get([keys.queue(queue)]);
  const holders = (row?.body as unknown as QueueRow | undefined)?.holders ?? [];
  await Promise.all(holders.map((attemptId) => checkAttempt(deps, attemptId, restarted)));
  await advance(deps, queue);
}

/** Takes up every run that is not sealed where it was left. */
export async function resumeRuns(deps: FlowDeps): Promise<void> {
  for await (const row of pages(deps, 'runs', '')) await resumeRun(deps, row.sk);
}

export async function hasOpenRuns(deps: FlowDeps): Promise<boolean> {
  return (await deps.store.query('runs', { prefix: '', limit: 1 })).length > 0;
}

async function resumeRun(deps: FlowDeps, run: string): Promise<void> {
  const [row] = await deps.store.get([keys.run(run)]);
  const state = row?.body as unknown as RunRow | undefined;
  // An admission that was cut off is taken up with its inbox object, which is still there.
  if (!state || state.state === 'admitting') return;
  deps.hints.runOpened(run);
  if (state.state === 'open') await readyRoots(deps, run);
  for await (const wake of pages(deps, `run/${run}`, 'wake/')) {
    await wakeDependents(deps, { run, item: wake.sk.slice('wake/'.length) });
  }
  if (state.stopping) await stopRun(deps, run);
  if (state.completedAtMs !== undefined) deps.hints.runCompleted(run);
}

/** Works off todo rows: released locks, cancels of items. */
export async function resumeTodos(deps: FlowDeps): Promise<void> {
  for await (const row of pages(deps, 'todo', '')) {
    const [kind, ...rest] = row.sk.split('/');
    const [run = '', item = ''] = rest;
    if (kind === 'locks') await advanceLocks(deps, rest.join('/'));
    else await cancelItem(deps, { run, item });
  }
}

/** Works off the timers that are due. Resolves with when the next one is, or null. */
export async function fireTimers(deps: FlowDeps): Promise<number | null> {
  for (;;) {
    const rows = await deps.store.query('timers', { prefix: '', limit: PAGE });
    for (const row of rows) {
      const dueMs = Number(row.sk.slice(0, 13));
      if (dueMs > deps.clock.nowMs()) return dueMs;
      await fireTimer(deps, row.sk.slice(14));
      await forget(deps, row);
    }
    if (rows.length < PAGE) return null;
  }
}

async function fireTimer(deps: FlowDeps, what: string): Promise<void> {
  const [kind, run = '', item = ''] = what.split('/');
  if (kind === 'run') await exceedRunDeadline(deps, run);
  else if (kind === 'item') await exceedItemDeadline(deps, { run, item });
  else await endBackOff(deps, run, item);
}

async function endBackOff(deps: FlowDeps, run: string, item: string): Promise<void> {
  const queue = await decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    const [spec, state] = await readItem(draft, { run, item });
    if (!isBackingOff(state) || row.stopping) return null;
    makeReady(deps, draft, { run, item }, row.queue, spec, state);
    return row.queue;
  });
  if (queue !== null) deps.hints.queueChanged(queue);
}

function isBackingOff(item: ItemRow): boolean {
  return item.state === 'ready' && item.rank === undefined;
}

async function* pages(deps: FlowDeps, pk: string, prefix: string): AsyncGenerator<Row> {
  let after: string | undefined;
  do {
    const rows = await deps.store.query(pk, { prefix, limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* rows;
    after = rows.length < PAGE ? undefined : rows.at(-1)?.sk;
  } while (after !== undefined);
}
