/**
 * Requeue: an item gives up its turn. One that runs is stopped, and what its attempt may still say is fenced off; one that is
 * ready leaves its place. Either lines up again behind what is ready by then, and has the retries that it had: it spends none.
 * What was done is done: a result that is there before the worker ended still counts.
 */
import { CONTROL_LIMITS } from '@waybill/client/limits';
import { rankOf } from '#core/claim.ts';
import { type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import { isTerminal } from '#core/tally.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import { type Asked, accepted, askedItem, controlId, dedupedAs, emitControl } from '#flow/asked.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { makeReady, readItem, unqueueItem } from '#flow/items.ts';
import type { Draft } from '#flow/transaction.ts';
import { type Marked, markForStop } from '#flow/worker.ts';

/** What others have to be told of it. */
export interface Requeued {
  /** Its worker is to be told to stop. */
  marked?: Marked;
  /** Who left the lists of locks, where others may now come first. */
  left?: string;
}

export async function acceptRequeue(
  deps: FlowDeps,
  draft: Draft,
  asked: Asked,
  id: string,
): Promise<Answer & { requeued?: Requeued }> {
  const { run, row } = asked;
  const found = await askedItem(draft, run, id);
  if ('status' in found) return found;
  if (found.state === 'running') return stopAttempt(deps, draft, asked, id, found);
  if (found.state !== 'ready')
    return refuse('invalid', { code: 'ITEM_STATE', path: 'spec.item', ...problemOf(id, found) });
  const [spec, item] = await readItem(draft, { run, item: id });
  // In no list at all: it lines up at the end by itself once its time has come, or its run is resumed.
  const isUnlisted = item.rank === undefined || row.pausedAtMs !== undefined;
  if (isUnlisted || isLast(deps, run, spec, item)) return dedupedAs(run);
  const left = item.parked ? `${run}/${id}/${controlId(asked)}` : undefined;
  if (left) draft.create(keys.todoLocks(left), { names: spec.item.locks.map(({ name }) => name) });
  await unqueueItem(deps, draft, { run, queue: row.queue }, spec, item);
  const { rank: _rank, parked: _parked, ...rest } = item;
  makeReady(deps, draft, { run, item: id }, row, spec, rest);
  draft.put(keys.run(run), { ...row } satisfies RunRow);
  emitControl(deps, draft, asked, 'requeue', id);
  return { ...accepted(run), requeued: left === undefined ? {} : { left } };
}

/** The mark stands with the control, so that nothing of the attempt can be settled in between as if nobody had asked. */
async function stopAttempt(
  deps: FlowDeps,
  draft: Draft,
  asked: Asked,
  id: string,
  item: ItemRow,
): Promise<Answer & { requeued?: Requeued }> {
  const { run, row } = asked;
  const times = item.attempts.filter(({ reason }) => reason === 'requeued').length;
  if (times >= CONTROL_LIMITS.requeuesPerItem) {
    const problem = `item ${id} was stopped ${times} times to be sent back, and may not be once more`;
    const fix = 'Let it end, or cancel it.';
    return refuse('invalid', { code: 'ITEM_STATE', path: 'spec.item', problem, fix });
  }
  const attempt = item.attempts.at(-1)?.id ?? '';
  const marked = await markForStop(deps, draft, attempt, 'requeued');
  // It is being stopped already, for this or for good.
  if (marked === null) return dedupedAs(run);
  draft.put(keys.run(run), { ...row } satisfies RunRow);
  emitControl(deps, draft, asked, 'requeue', id);
  return { ...accepted(run), requeued: { marked } };
}

/** It became ready in this very millisecond. */
function isLast(deps: FlowDeps, run: string, { item }: SpecRow, { rank }: ItemRow): boolean {
  return rank === rankOf(item.priority, deps.clock.nowMs(), run, item.id);
}

function problemOf(id: string, { state }: ItemRow): { problem: string; fix: string } {
  if (isTerminal(state)) {
    const anew = 'Submit the run under a new id to have it done anew.';
    const fix = state === 'failed' ? 'Retry it.' : state === 'done' ? `Nothing is left to send back. ${anew}` : anew;
    return { problem: `item ${id} has ended as ${state}`, fix };
  }
  const fix = 'It stands in no queue, and lines up behind the others when it becomes ready.';
  return { problem: `item ${id} is ${state}`, fix };
}
