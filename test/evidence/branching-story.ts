/**
 * The honest story with a branch: `verdict` runs since the table of `check` is long enough, `mend` is left out for the same
 * reason and `reads-mend` with it, `soft` may fail and does, `after` goes on, `pick` takes from the first of three that has it, and `chose`
 * has nothing to take from, since `soft` failed.
 */
import type { ValueTest } from '../../packages/verify/src/record/condition.ts';
import type { EventData, PlannedItem, RecordedOutput, RunEvent } from '../../packages/verify/src/record/events.ts';
import { find, set } from './forged.ts';
import { digest } from './naive-evidence.ts';
import { claim, claimed, dispatched, PLAN, planDigest, settled } from './story.ts';

export const LONG: ValueTest = { from: 'check', output: 'table.csv', at: '', op: 'moreThan', value: 2 };
const OWN_TABLE: RecordedOutput = { name: 'outputs/table.csv', kind: 'output', sha256: digest('c\n'), sizeBytes: 2 };
const TABLE_OF_CHECK = digest('a,b\n');
const EXTRA: PlannedItem[] = [
  planned('after', { deps: ['soft'] }),
  planned('chose', {
    deps: ['mend', 'soft'],
    needs: [{ key: 'csv', from: ['mend', 'soft'], select: { output: 'table.csv' } }],
  }),
  planned('mend', { deps: ['check'], when: { not: LONG } }),
  planned('pick', {
    deps: ['check', 'soft', 'verdict'],
    needs: [{ key: 'csv', from: ['soft', 'check', 'verdict'], select: { output: 'table.csv' } }],
  }),
  planned('reads-mend', {
    deps: ['mend'],
    needs: [{ key: 'csv', from: ['mend'], select: { output: 'table.csv' } }],
  }),
  planned('soft', { onError: 'continue' }),
  planned('verdict', { deps: ['check'], when: LONG }),
];

function planned(id: string, more: Partial<PlannedItem>): PlannedItem {
  return { id, spec: digest(`spec of ${id}`), deps: [], needs: [], locks: [], maxAttempts: 1, ...more };
}

export function decided(item: string, holds: boolean): RunEvent {
  const operands = [{ from: 'check', output: 'table.csv', sha256: TABLE_OF_CHECK, value: 3 }];
  return { type: 'item.decided', data: { item, holds, operands } };
}

function ready(...items: string[]): RunEvent {
  return { type: 'item.ready', data: { items } };
}

export function closed(...items: EventData['item.closed']['items']): RunEvent {
  return { type: 'item.closed', data: { items } };
}

function ran(item: string, how: Partial<EventData['attempt.settled']> = {}): RunEvent[] {
  return [claimed(claim(item, 1)), dispatched(item, 1, 'bubblewrap'), settled(item, 1, how)];
}

const FAILURE: Partial<EventData['attempt.settled']> = {
  outcome: 'failed',
  reason: 'exit_nonzero',
  next: 'failed',
  spent: true,
  claimed: { outcome: 'failed', reason: 'exit_nonzero', exit: 1, blocks: [] },
};

/** @param edit of the plan of the extra items, before it is sealed */
export function branch(story: RunEvent[], edit: (plan: PlannedItem[]) => void = () => {}): void {
  const plan = structuredClone(EXTRA);
  edit(plan);
  const opened = find(story, 'run.opened');
  const edges = plan.reduce((sum, { deps }) => sum + deps.length, 0);
  set(opened, { plan: planDigest([...PLAN, ...plan]), items: 13, edges: opened.edges + edges });
  find(story, 'run.planned', 1).items.push(...plan);
  story.splice(
    -1,
    0,
    decided('verdict', true),
    ready('verdict'),
    decided('mend', false),
    closed({ id: 'mend', state: 'skipped', reason: 'condition_false' }),
    closed({ id: 'reads-mend', state: 'skipped', reason: 'upstream_skipped', cause: 'mend' }),
    ready('soft'),
    ...ran('soft', FAILURE),
    closed({ id: 'chose', state: 'skipped', reason: 'upstream_failed', cause: 'soft' }),
    ready('after'),
    ...ran('after'),
    ...ran('verdict', { outputs: [OWN_TABLE] }),
    ready('pick'),
    ...ran('pick'),
  );
  set(find(story, 'run.completed').counts, { items: 13, done: 6, failed: 2, skipped: 4, attempts: 10, tolerated: 1 });
}

/** The entry of an extra item. */
export function entryOf(plan: PlannedItem[], id: string): PlannedItem {
  return plan.find((entry) => entry.id === id) ?? ({} as PlannedItem);
}
