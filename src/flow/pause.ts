/**
 * Pause: a run of which nothing more is claimed until it is resumed. What runs goes on. What waits leaves the lists of its
 * queue and of its locks, so that it holds up nobody, and lines up again at their ends when the run is resumed.
 *
 * The run's own row decides from the moment of the control; the lists follow, item by item, and a todo row stands until
 * they have. Deadlines go on.
 */
import { type ItemRow, keys, type RunRow } from '#core/rows.ts';
import { chunk } from '#core/sets.ts';
import type { Answer } from '#flow/answer.ts';
import { type Asked, accepted, controlId, dedupedAs, emitControl } from '#flow/asked.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { makeReady, readItem, readRun, unqueueItem } from '#flow/items.ts';
import { openItems } from '#flow/open-set.ts';
import { standBehindClaims } from '#flow/stop.ts';
import { type Draft, decide, forget } from '#flow/transaction.ts';

/** At most two rows an item that holds no place in the list of a lock. */
const MOVED_PER_DECISION = 24;

/** Answers a pause or its end; one that changes nothing is deduped. */
export async function acceptPause(
  deps: FlowDeps,
  draft: Draft,
  asked: Asked,
  verb: 'pause' | 'resume',
): Promise<Answer> {
  const { run, row } = asked;
  const isPaused = row.pausedAtMs !== undefined;
  if (isPaused === (verb === 'pause')) return dedupedAs(run);
  await standBehindClaims(draft, row);
  const { pausedAtMs: _past, ...rest } = row;
  const next: RunRow = verb === 'pause' ? { ...rest, pausedAtMs: draft.atMs } : rest;
  draft.put(keys.run(run), next);
  draft.create(keys.todoLineUp(run, controlId(asked)), {});
  emitControl(deps, draft, asked, verb);
  return accepted(run);
}

/** Brings the lists to what the run's row says. Interrupted, or done twice, it finds what is left. */
export async function lineUp(deps: FlowDeps, run: string, by: string): Promise<void> {
  for await (const { ids } of openItems(deps, run)) await lineUpItems(deps, run, by, ids);
  await forget(deps, keys.todoLineUp(run, by));
}

async function lineUpItems(deps: FlowDeps, run: string, by: string, ids: readonly string[]): Promise<void> {
  const rows = await deps.store.get(ids.map((id) => keys.item(run, id)));
  // One that was added and is not written yet begins behind this, as the row of the run says by then.
  const items = ids.flatMap((id, n) => (rows[n] ? [{ id, item: rows[n].body as unknown as ItemRow }] : []));
  const waiting = items.filter(({ item }) => item.state === 'ready' && (item.rank !== undefined || item.shelved));
  // Leaving the lists of 32 locks takes 64 rows.
  const alone = waiting.filter(({ item }) => item.parked).map(({ id }) => [id]);
  const together = waiting.filter(({ item }) => !item.parked).map(({ id }) => id);
  const batches = [...alone, ...chunk(together, MOVED_PER_DECISION)];
  for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
    const ids = batch;
    const moved = await decide(deps, (draft) => moveBatch(deps, draft, run, by, ids));
    if (moved.queue !== undefined) deps.hints.queueChanged(moved.queue);
    for (const each of moved.left) deps.hints.locksReleased(each);
    batches.push(...moved.alone.map((id) => [id]));
  }
}

interface Moved {
  /** In which something may be claimed now. */
  queue?: string;
  /** Who left the lists of locks, where others may now come first. */
  left: string[];
  /** Who came into lists of locks only now, and has to leave them in a decision of his own. */
  alone: string[];
}

async function moveBatch(
  deps: FlowDeps,
  draft: Draft,
  run: string,
  by: string,
  ids: readonly string[],
): Promise<Moved> {
  const row = await readRun(draft, run);
  const moved: Moved = { left: [], alone: [] };
  await draft.read(ids.flatMap((id) => [keys.item(run, id), keys.spec(run, id)]));
  for (const id of ids) {
    const ref = { run, item: id };
    const [spec, item] = await readItem(draft, ref);
    if (item.state !== 'ready' || row.stopping) continue;
    if (row.pausedAtMs === undefined && item.shelved) {
      if (makeReady(deps, draft, ref, row, spec, item)) moved.queue = row.queue;
    } else if (row.pausedAtMs !== undefined && item.parked && ids.length > 1) {
      moved.alone.push(id);
    } else if (row.pausedAtMs !== undefined && item.rank !== undefined) {
      await unqueueItem(deps, draft, { run, queue: row.queue }, spec, item);
      const { rank: _rank, parked, short: _short, ...rest } = item;
      draft.put(keys.item(run, id), { ...rest, shelved: true } satisfies ItemRow);
      if (parked) moved.left.push(`${run}/${id}/${by}`);
      if (parked)
        draft.create(keys.todoLocks(`${run}/${id}/${by}`), { names: spec.item.locks.map(({ name }) => name) });
    }
  }
  if (draft.actions > 0) draft.check(keys.run(run));
  return moved;
}
