/**
 * Stop: items are brought to their end from outside: because somebody asked for it, or because a deadline is over. Each
 * is called again after a crash and finds what is left.
 */
import { TerminalError } from '@waybill/client/errors';
import { keys, type RunRow, type StoppingReason } from '#core/rows.ts';
import { isTerminal, stoppedAs } from '#core/tally.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { growAll } from '#flow/extend.ts';
import { closeItem, completeRun, type ItemRef, readItem, readRun, unqueueItem } from '#flow/items.ts';
import { holdNoLonger, openItems } from '#flow/open-set.ts';
import { type Draft, decide, forget, peek } from '#flow/transaction.ts';
import { endUnwritten } from '#flow/unwritten.ts';
import { type Marked, markForStop, tellWorkers } from '#flow/worker.ts';

/** A worker has so long from its mark until it is ended: the marks of many others must not take that time from it. */
const TOLD_AT_ONCE = 16;

/** Every claim writes the row of its queue: naming it puts the stop behind all claims that were made before. */
export async function standBehindClaims(draft: Draft, run: RunRow): Promise<void> {
  await draft.read([keys.queue(run.queue)]);
  draft.check(keys.queue(run.queue));
}

/** The run's wall clock is over. */
export async function exceedRunDeadline(deps: FlowDeps, run: string): Promise<void> {
  const stopping = await decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    if (row.completedAtMs !== undefined || row.stopping) return row.stopping !== undefined;
    await standBehindClaims(draft, row);
    draft.put(keys.run(run), { ...row, stopping: 'deadline_exceeded' } satisfies RunRow);
    draft.emit(run, { type: 'run.stopping', data: { reason: 'deadline_exceeded' } });
    return true;
  });
  if (stopping) await stopRun(deps, run);
}

/** Ends every open item of a stopping run. Interrupted, it is called again and finds what is left. */
export async function stopRun(deps: FlowDeps, run: string): Promise<void> {
  const row = await peek<RunRow>(deps, keys.run(run));
  if (!row?.stopping) return;
  if (row.growth) await endGrowth(deps, run);
  for await (const { ids } of openItems(deps, run)) await stopItems(deps, run, ids, row.stopping);
}

/**
 * What was to be there has to be, before it can be ended like all else. Nothing more comes behind the mark of the run; and what
 * cannot be written is ended without its rows.
 */
async function endGrowth(deps: FlowDeps, run: string): Promise<void> {
  try {
    await growAll(deps, run);
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    deps.hints.trouble(run, error);
    await endUnwritten(deps, run);
  }
  const isCompleted = await decide(deps, async (draft) => {
    await readRun(draft, run);
    draft.check(keys.run(run));
    return holdNoLonger(draft, run);
  });
  if (isCompleted) deps.hints.runCompleted(run);
}

export async function cancelItem(deps: FlowDeps, ref: ItemRef): Promise<void> {
  await stopItems(deps, ref.run, [ref.item], 'cancelled');
  await forget(deps, keys.todoCancel(ref.run, ref.item));
}

/** The item's own deadline is over. */
export async function exceedItemDeadline(deps: FlowDeps, ref: ItemRef): Promise<void> {
  await stopItems(deps, ref.run, [ref.item], 'deadline_exceeded');
}

/**
 * Items without an attempt end at once, each in a decision of its own (leaving the wait lists of 32 locks takes 64
 * rows); running ones are told, and end when their attempt is settled.
 */
async function stopItems(deps: FlowDeps, run: string, items: string[], why: StoppingReason): Promise<void> {
  let told: Marked[] = [];
  for (const item of items) {
    const outcome = await decide(deps, (draft) => stopItem(deps, draft, { run, item }, why));
    if (outcome.told) told.push(outcome.told);
    if (told.length === TOLD_AT_ONCE) {
      await tellWorkers(deps, told);
      told = [];
    }
    if (outcome.ended) deps.hints.itemEnded(run, item);
    if (outcome.left) deps.hints.locksReleased(`${run}/${item}`);
    if (outcome.completed) deps.hints.runCompleted(run);
  }
  await tellWorkers(deps, told);
}

interface Stopped {
  told?: Marked;
  ended: boolean;
  completed: boolean;
  /** It left the wait lists of locks, where others may now come first. */
  left: boolean;
}

/**
 * The run's row is named even where it does not change: what asked for the end is recorded with it, and must stand
 * before the end in the order of events. A running attempt is marked here and not later, so that it cannot be settled
 * as a retry in between.
 */
async function stopItem(deps: FlowDeps, draft: Draft, ref: ItemRef, why: StoppingReason): Promise<Stopped> {
  const run = await readRun(draft, ref.run);
  const [spec, item] = await readItem(draft, ref);
  const none: Stopped = { ended: false, completed: false, left: false };
  if (isTerminal(item.state)) return none;
  draft.check(keys.run(ref.run));
  const attempt = item.attempts.at(-1);
  if (item.state === 'running' && attempt) {
    const told = await markForStop(deps, draft, attempt.id, why);
    // Its rows were read one after the other: an attempt that has ended meanwhile may have left it to be tried again.
    if (!told) draft.check(keys.item(ref.run, ref.item));
    return told ? { ...none, told } : none;
  }
  const left = item.parked === true;
  if (left) draft.create(keys.todoLocks(`${ref.run}/${ref.item}`), { names: spec.item.locks.map(({ name }) => name) });
  await unqueueItem(deps, draft, { run: ref.run, queue: run.queue }, spec, item);
  const state = stoppedAs(why);
  const { completed } = await closeItem(draft, ref, spec, { ...item, reason: why }, state);
  draft.emit(ref.run, { type: 'item.closed', data: { items: [{ id: ref.item, state, reason: why }] } });
  if (completed) await completeRun(draft, ref.run, completed);
  return { ended: true, completed: completed !== null, left };
}
