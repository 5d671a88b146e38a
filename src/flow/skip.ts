/**
 * Skip: an item that has not started is passed over because somebody said so. It ends as skipped, and so does what depends
 * on it, as if it had failed; unlike a cancel or a failure that is no stain on the run, whose state the other items decide.
 */
import { keys, type RunRow } from '#core/rows.ts';
import { isTerminal } from '#core/tally.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import { type Asked, accepted, askedItem, dedupedAs, emitControl } from '#flow/asked.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { closeItem, completeRun, readItem, unqueueItem } from '#flow/items.ts';
import type { Draft } from '#flow/transaction.ts';

/** What of a skip others have to be told. */
export interface Skipped {
  item: string;
  /** It left the lists of locks, where others may now come first. */
  left: boolean;
  completed: boolean;
}

/** Of it nothing would be recorded, so that a retry of the cause would open it against that wish. */
function refuseCaused(item: string, cause: string): Answer {
  const problem = `item ${item} was skipped already, because of ${cause}`;
  const fix = `Skip it when a retry of ${cause} has opened it again.`;
  return refuse('invalid', { code: 'ITEM_STATE', path: 'spec.item', problem, fix });
}

export async function acceptSkip(
  deps: FlowDeps,
  draft: Draft,
  asked: Asked,
  id: string,
): Promise<Answer & { skipped?: Skipped }> {
  const { run, row } = asked;
  const found = await askedItem(draft, run, id);
  if ('status' in found) return found;
  if (found.state === 'skipped') return found.cause === undefined ? dedupedAs(run) : refuseCaused(id, found.cause);
  if (found.state === 'running' || isTerminal(found.state)) {
    const isRunning = found.state === 'running';
    const fix = isRunning ? 'Cancel it, or let it end.' : 'Nothing is left to pass over.';
    const problem = isRunning ? `item ${id} is running` : `item ${id} has ended as ${found.state}`;
    return refuse('invalid', { code: 'ITEM_STATE', path: 'spec.item', problem, fix });
  }
  const ref = { run, item: id };
  const [spec, item] = await readItem(draft, ref);
  const left = item.parked === true;
  if (left) draft.create(keys.todoLocks(`${run}/${id}`), { names: spec.item.locks.map(({ name }) => name) });
  await unqueueItem(deps, draft, { run, queue: row.queue }, spec, item);
  draft.put(keys.run(run), { ...row } satisfies RunRow);
  emitControl(deps, draft, asked, 'skip', id);
  const { completed } = await closeItem(draft, ref, spec, { ...item, reason: 'skip_requested' }, 'skipped');
  draft.emit(run, { type: 'item.closed', data: { items: [{ id, state: 'skipped', reason: 'skip_requested' }] } });
  if (completed) await completeRun(draft, run, completed);
  return { ...accepted(run), skipped: { item: id, left, completed: completed !== null } };
}
