/**
 * Reconcile: what a hint should have started and did not, because it was lost or the process died. It looks only at rows
 * that stand for unfinished work: unsealed runs, todo rows, due timers, and the attempts that hold a slot.
 */
import { RetryableError } from '@waybill/client/errors';
import type { QueueRow } from '#core/queue-rows.ts';
import { type ItemRow, keys, type RunRow } from '#core/rows.ts';
import { concludeAbort } from '#flow/abort.ts';
import { advance, advanceLocks } from '#flow/advance.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { extend } from '#flow/extend.ts';
import { expireGate } from '#flow/gate.ts';
import { makeReady, readItem, readRun } from '#flow/items.ts';
import { lineUp } from '#flow/pause.ts';
import { readyRoots, wakeAll } from '#flow/readiness.ts';
import { reopen } from '#flow/reopen.ts';
import { spawn, weighItem } from '#flow/spawn.ts';
import { cancelItem, exceedItemDeadline, exceedRunDeadline, stopRun } from '#flow/stop.ts';
import { decide, forget, peek } from '#flow/transaction.ts';
import { nextRows } from '#flow/turns.ts';
import { checkAttempt } from '#flow/worker.ts';
import type { Row } from '#ports/run-store.ts';

const PAGE = 200;
const PUT_OFF_MS = 1_000;

/**
 * Looks at the attempts that hold a slot of the queue, and claims what can be claimed. `restarted`: this process just
 * began. An attempt that cannot be judged now is reported to `onTrouble` and holds up nothing but itself.
 */
export async function sweepQueue(
  deps: FlowDeps,
  queue: string,
  restarted: boolean,
  onTrouble: OnTrouble,
): Promise<void> {
  const holders = (await peek<QueueRow>(deps, keys.queue(queue)))?.holders ?? [];
  const check = (attemptId: string): Promise<void> =>
    checkAttempt(deps, attemptId, restarted).catch((error: unknown) => onTrouble(attemptId, error));
  await Promise.all(holders.map(check));
  await advance(deps, queue);
}

/** Told of work that could not be taken up now; it is met again, and everything else goes on. */
export type OnTrouble = (about: string, error: unknown) => void;

/** Takes up every run that is not sealed where it was left. */
export async function resumeRuns(deps: FlowDeps, onTrouble: OnTrouble): Promise<void> {
  for await (const row of pages(deps, 'runs', '')) {
    await resumeRun(deps, row.sk).catch((error: unknown) => onTrouble(row.sk, error));
  }
}

/**
 * Runs that are not sealed, for somebody who looks at so many of them at a time: those that `whose` looked at longest ago.
 * They count as looked at once `turnTaken` has said so.
 */
export async function nextRuns(deps: FlowDeps, whose: string, limit: number): Promise<string[]> {
  return (await nextRows(deps, 'runs', whose, limit)).map(({ sk }) => sk);
}

export async function hasOpenRuns(deps: FlowDeps): Promise<boolean> {
  return (await deps.store.query('runs', { prefix: '', limit: 1 })).length > 0;
}

/** Takes up one that is not sealed. */
export async function resumeRun(deps: FlowDeps, run: string): Promise<void> {
  const state = await peek<RunRow>(deps, keys.run(run));
  // An admission that was cut off is taken up with its inbox object, which is still there.
  if (!state || state.state === 'admitting') return;
  deps.hints.runOpened(run);
  if (state.state === 'open') await readyRoots(deps, run);
  await wakeAll(deps, run);
  if (state.stopping) await stopRun(deps, run);
  if (state.completedAtMs !== undefined) deps.hints.runCompleted(run);
}

/** Works off todo rows: released locks, cancels of items, pauses and their ends, retries, items to be weighed. */
export async function resumeTodos(deps: FlowDeps, onTrouble: OnTrouble): Promise<void> {
  for await (const row of pages(deps, 'todo', '')) {
    const [kind, ...rest] = row.sk.split('/');
    await resumeTodo(deps, kind, rest).catch((error: unknown) => onTrouble(row.sk, error));
  }
}

async function resumeTodo(deps: FlowDeps, kind: string | undefined, rest: string[]): Promise<void> {
  const [run = '', what = ''] = rest;
  if (kind === 'locks') return advanceLocks(deps, rest.join('/'));
  if (kind === 'retry') return reopen(deps, { run, item: what });
  if (kind === 'decide') return weighItem(deps, { run, item: what }).then(() => {});
  if (kind === 'extend') return extend(deps, run, what);
  if (kind === 'spawn') return spawn(deps, { run, item: what });
  return kind === 'line-up' ? lineUp(deps, run, what) : cancelItem(deps, { run, item: what });
}

/** Brings a run to its end that was asked to abort and has not ended by itself. False: not yet. */
export type EndAbort = (run: string) => Promise<boolean>;

/**
 * Works off the timers that are due; one that cannot be now is put off. Resolves with when the next one is, or null.
 * @param endAbort for a process that may not write the ledger: it asks one that may
 */
export async function fireTimers(
  deps: FlowDeps,
  onTrouble: OnTrouble,
  endAbort: EndAbort = (run) => concludeAbort(deps, run, true).then(() => true),
): Promise<number | null> {
  for (;;) {
    const rows = await deps.store.query('timers', { prefix: '', limit: PAGE });
    for (const row of rows) {
      const dueMs = Number(row.sk.slice(0, 13));
      if (dueMs > deps.clock.nowMs()) return dueMs;
      const isDone = await fireTimer(deps, row.sk.slice(14), endAbort).catch((error: unknown) => {
        onTrouble(row.sk, error);
        return false;
      });
      await (isDone ? forget(deps, row) : putOff(deps, row));
    }
    if (rows.length < PAGE) return null;
  }
}

/** One that somebody else has put off meanwhile is theirs: two that do this at once must not make two timers of one. */
async function putOff(deps: FlowDeps, row: Row): Promise<void> {
  await decide(deps, async (draft) => {
    const later = keys.timer(deps.clock.nowMs() + PUT_OFF_MS, row.sk.slice(14));
    const [found] = await draft.read([row, later]);
    if (found === null) return;
    draft.delete(row);
    draft.put(later, {});
  });
}

/** False: not yet. A run that is still being admitted has no opening event that its end could stand behind. */
async function fireTimer(deps: FlowDeps, what: string, endAbort: EndAbort): Promise<boolean> {
  const [kind, run = '', item = ''] = what.split('/');
  if (kind === 'queue') return advance(deps, run).then(() => true);
  if ((await peek<RunRow>(deps, keys.run(run)))?.state === 'admitting') return false;
  if (kind === 'abort') {
    // Its stop may have been cut off. What of it waits in line would never leave once the run is out, and others behind it
    // would wait for ever: what may succeed later is waited for. What never will, such as a row that is gone, is why runs
    // are aborted.
    await stopRun(deps, run).catch((error: unknown) => {
      if (error instanceof RetryableError) throw error;
      deps.hints.trouble(run, error);
    });
    return endAbort(run);
  }
  if (kind === 'gate') await expireGate(deps, { run, item });
  else if (kind === 'run') await exceedRunDeadline(deps, run);
  else if (kind === 'item') await exceedItemDeadline(deps, { run, item });
  else await endBackOff(deps, run, item);
  return true;
}

async function endBackOff(deps: FlowDeps, run: string, item: string): Promise<void> {
  const queue = await decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    const [spec, state] = await readItem(draft, { run, item });
    if (!isBackingOff(state, deps.clock.nowMs()) || row.stopping) return null;
    draft.check(keys.run(run));
    return makeReady(deps, draft, { run, item }, row, spec, state) ? row.queue : null;
  });
  if (queue !== null) deps.hints.queueChanged(queue);
}

/** Its back-off is over. A timer that a crash left behind may be of an earlier one. */
function isBackingOff(item: ItemRow, nowMs: number): boolean {
  return item.state === 'ready' && item.rank === undefined && !item.shelved && (item.notBeforeMs ?? 0) <= nowMs;
}

async function* pages(deps: FlowDeps, pk: string, prefix: string): AsyncGenerator<Row> {
  let after: string | undefined;
  do {
    const rows = await deps.store.query(pk, { prefix, limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* rows;
    after = rows.length < PAGE ? undefined : rows.at(-1)?.sk;
  } while (after !== undefined);
}
