/**
 * Retry: an item that failed is tried again because somebody said so, while its run is open; and one that waits for its
 * next attempt gets it at once. What was skipped because of the failure waits again.
 *
 * The item is opened first, and kept from becoming ready until everything downstream is open too: it holds the run open
 * meanwhile. What ends in between is told again to whoever was opened behind its back. A todo row stands until that is done.
 */

import { CONTROL_LIMITS } from '@waybill/client/limits';
import { RECORD_FULL, TOO_MANY_OUTPUTS } from '@waybill/verify';
import { type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import { isTerminal, tallyOf } from '#core/tally.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import { type Asked, accepted, askedItem, dedupedAs, emitControl } from '#flow/asked.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { type ItemRef, isLettingPass, makeReady, readItem } from '#flow/items.ts';
import { fillRow } from '#flow/open-set.ts';
import type { Draft } from '#flow/transaction.ts';

/** `tell-end`: the end of the item has to be told to its dependents first, and then asked again. */
type Outcome = Answer & { next?: 'tell-end' | 'advance' | 'reopen' };

export async function acceptRetry(deps: FlowDeps, draft: Draft, asked: Asked, id: string): Promise<Outcome> {
  const { run, row } = asked;
  const found = await askedItem(draft, run, id);
  if ('status' in found) return found;
  const ref = { run, item: id };
  const [spec, item] = await readItem(draft, ref);
  if (!isTerminal(item.state)) {
    // One that was never tried waits for a time of its own, which no retry brings nearer.
    const isBackingOff = item.state === 'ready' && item.notBeforeMs !== undefined && item.attempt > 0;
    if (!isBackingOff || item.cancelAsked) return dedupedAs(run);
    emitControl(deps, draft, asked, 'retry', id);
    draft.put(keys.run(run), { ...row } satisfies RunRow);
    return { ...accepted(run), ...(makeReady(deps, draft, ref, row, spec, item) ? { next: 'advance' } : {}) };
  }
  const problem = problemOf(item, isLate(deps, row, spec));
  if (problem !== null) return refuse('invalid', { code: 'ITEM_STATE', path: 'spec.item', ...problem });
  if ((await draft.readOne(keys.wake(run, id))) !== null) return { ...accepted(run), next: 'tell-end' };
  emitControl(deps, draft, asked, 'retry', id);
  draft.put(keys.run(run), { ...row } satisfies RunRow);
  draft.create(keys.todoRetry(run, id), {});
  await openItem(draft, ref, spec, { ...item, spent: 0, lost: 0, reopening: true });
  draft.emit(run, { type: 'item.reopened', data: { items: [id] } });
  return { ...accepted(run), next: 'reopen' };
}

/** @param isOver its deadline is, whatever it failed for: the timer of that has fired and will not again */
function problemOf(item: ItemRow, isOver: boolean): { problem: string; fix: string } | null {
  const { state, reason, cause, cancelAsked, passed, reopened = 0 } = item;
  const ended = { problem: `the item has ended as ${state}`, fix: 'Submit the run under a new id.' };
  if (state === 'skipped' && cause !== undefined) return { ...ended, fix: `Retry ${cause}, because of which it was.` };
  if (state !== 'failed') return ended;
  if (reason === RECORD_FULL) return { ...ended, problem: 'nothing more of it fits into its record' };
  if (reopened >= CONTROL_LIMITS.retriesPerItem) return { ...ended, problem: `it was opened again ${reopened} times` };
  if (passed) return { ...ended, problem: 'others have gone on after its failure, as the plan lets them' };
  if (cancelAsked) return { ...ended, problem: 'somebody asked to cancel the item' };
  if (reason === TOO_MANY_OUTPUTS) return { ...ended, problem: 'it would find the same outputs, which are too many' };
  return isOver || reason === 'deadline_exceeded' ? { ...ended, problem: 'the deadline of the item is over' } : null;
}

export function isLate(deps: FlowDeps, { openedAtMs }: RunRow, { item }: SpecRow): boolean {
  return item.deadlineMs !== undefined && openedAtMs + item.deadlineMs <= deps.clock.nowMs();
}

/** Terminal -> pending: back into the open set, its numbers down the tree. */
export async function openItem(draft: Draft, ref: ItemRef, spec: SpecRow, item: ItemRow): Promise<void> {
  if (!isTerminal(item.state)) throw new RangeError(`item ${ref.item} is open`);
  await fillRow(draft, ref.run, spec.openChunk, [ref.item], tallyOf(item, item.state, isLettingPass(spec)));
  const { reason: _reason, cause: _cause, exceeded: _exceeded, detail: _detail, ...rest } = item;
  const reopened = (item.reopened ?? 0) + 1;
  draft.put(keys.item(ref.run, ref.item), { ...rest, state: 'pending', reopened } satisfies ItemRow);
}
