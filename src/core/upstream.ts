/** How an item that has ended looks to those that depend on it. */
import type { UpstreamEnd } from '@waybill/verify';
import type { ItemRow, SpecRow } from '#core/rows.ts';
import type { TerminalState } from '#core/tally.ts';

/** The reason of an item whose own condition did not hold. */
export const CONDITION_FALSE = 'condition_false';
/** The reason of one that cannot do without such an item. */
export const UPSTREAM_SKIPPED = 'upstream_skipped';
export const UPSTREAM_FAILED = 'upstream_failed';

/** It was left out by a condition, its own or one upstream: nothing went wrong with it. */
export function isLeftOut({ state, reason }: Pick<ItemRow, 'state' | 'reason'>): boolean {
  return state === 'skipped' && (reason === CONDITION_FALSE || reason === UPSTREAM_SKIPPED);
}

export function endOf(
  id: string,
  row: Pick<ItemRow, 'reason'> & { state: TerminalState },
  spec: SpecRow['item'],
): UpstreamEnd {
  return { id, state: row.state, isLeftOut: isLeftOut(row), lettingPass: spec.onError === 'continue' };
}
