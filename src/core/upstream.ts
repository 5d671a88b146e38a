/** How an item that has ended looks to those that depend on it. */
import type { UpstreamEnd } from '@waybill/verify';
import type { AttemptSummary, ItemRow, SpecRow } from '#core/rows.ts';
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

/** What a done item hands on, and of which attempt: 0 where it took over what another one had made. */
export function leftBy(
  row: Pick<ItemRow, 'state' | 'attempts' | 'reused'>,
): Pick<AttemptSummary, 'attempt' | 'outputs'> | undefined {
  if (row.state !== 'done') return undefined;
  return row.reused === undefined ? row.attempts.at(-1) : { attempt: 0, outputs: row.reused.outputs };
}

export function endOf(
  id: string,
  row: Pick<ItemRow, 'reason'> & { state: TerminalState },
  spec: SpecRow['item'],
): UpstreamEnd {
  return { id, state: row.state, isLeftOut: isLeftOut(row), lettingPass: spec.onError === 'continue' };
}
