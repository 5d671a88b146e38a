/** What changed between two statuses of a run, for outputs that cannot be redrawn. */
import type { ItemStatus, RunStatus } from '@waybill/client/documents';
import { safeCell } from '../safe-text.ts';
import { attemptText, markOf, noteOf, STATE_LOOK } from './item-line.ts';
import { formatDuration } from './measure.ts';
import { type Line, toned } from './styled.ts';

function stamp(item: ItemStatus): string {
  return `${item.state} ${item.attempts.length}`;
}

/** Items whose state or attempt differs; at first, those that are past pending. */
export function itemChanges(run: RunStatus, before: RunStatus | null): ItemStatus[] {
  const known = new Map(before?.items.map((item) => [item.id, stamp(item)]));
  return run.items.filter((item) => stamp(item) !== (known.get(item.id) ?? 'pending 0'));
}

/** One line each, with the time since the run opened. */
export function changeLines(changed: readonly ItemStatus[], run: RunStatus): Line[] {
  const atMs = Date.parse(run.at);
  const since = formatDuration(atMs - Date.parse(run.openedAt)).padStart(8);
  return changed.map((item) => [
    toned('quiet', `${since}  `),
    markOf(item.state),
    ` ${safeCell(item.id).padEnd(20)}  `,
    toned(STATE_LOOK[item.state]?.tone ?? 'warn', safeCell(item.state).padEnd(9)),
    '  ',
    ...[attemptText(item), noteOf(item, run, atMs)].filter((text) => text !== '').map((text) => `${text}  `),
  ]);
}
