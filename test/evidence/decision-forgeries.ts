/** Decisions that could not have been made so, sealed by someone who holds every key. */
import type { PlannedItem, RunEvent } from '../../packages/verify/src/record/events.ts';
import type { ManifestInput } from '../../packages/verify/src/record/statement.ts';
import { branch, closed, decided, entryOf, LONG } from './branching-story.ts';
import { type Forged, find, first, forged, OTHER, set } from './forged.ts';
import { digest } from './naive-evidence.ts';
import { asked, reopened } from './steered-story.ts';

const REPLAY = ['state-machine TRANSITION_IMPOSSIBLE'];

export const OF_DECISIONS: Forged[] = [
  rule('a condition comes out the other way than its values say', (s) =>
    set(find(s, 'item.decided'), { holds: false }),
  ),
  rule('a value that decides is another than the decision needs', (s) => set(operandOf(s), { value: 2 })),
  rule('a value of a text where a number was to be compared', (s) => set(operandOf(s), { value: digest('"9"') })),
  rule('a value is read from another file than was left', (s) => set(operandOf(s), { sha256: OTHER })),
  rule('a value is read from a file, and none is named', (s) => set(operandOf(s), { sha256: null })),
  rule('a value is read from another item', (s) => set(operandOf(s), { from: 'build' })),
  rule('a value of another output is read', (s) => set(operandOf(s), { output: 'other.csv' })),
  rule('a value more is asked than was planned', (s) =>
    find(s, 'item.decided').operands.push(first(find(s, 'item.decided').operands)),
  ),
  rule('a state is asked where a value was planned', (s) => {
    find(s, 'item.decided').operands = [{ from: 'check', state: 'done' }];
  }),
  rule('an item with a condition runs, and nothing was decided', (s) => s.splice(at(s, 'item.decided'), 1)),
  rule('a condition is decided twice', (s) => s.splice(at(s, 'item.decided'), 0, decided('verdict', true))),
  rule('a condition is decided of an item that has none', (s) =>
    s.splice(at(s, 'item.decided'), 0, decided('after', true)),
  ),
  rule('a condition is decided before what it asks has ended', (s) => {
    const [early] = s.splice(at(s, 'item.decided'), 1);
    s.splice(4, 0, early as RunEvent);
  }),
  rule('an item is left out, and nothing was decided', (s) => s.splice(at(s, 'item.decided', 1), 1)),
  rule('an item runs whose condition did not hold', (s) => {
    const place = at(s, 'item.decided', 1);
    s.splice(place + 1, 1, { type: 'item.ready', data: { items: ['mend'] } });
  }),
  rule('an item whose condition did not hold is skipped as if something upstream had failed', (s) =>
    s.splice(
      at(s, 'item.decided', 1) + 1,
      1,
      closed({ id: 'mend', state: 'skipped', reason: 'upstream_failed', cause: 'check' }),
    ),
  ),
  rule('a failure upstream is passed off as a condition', (s) =>
    set(first(find(s, 'item.closed').items), { reason: 'upstream_skipped' }),
  ),
  rule('an item without a condition is left out by one', (s) => {
    find(s, 'item.closed').items = [{ id: 'report', state: 'skipped', reason: 'condition_false' }];
  }),
  rule('what could not do without an item is skipped as if that had failed', (s) =>
    set(first(find(s, 'item.closed', 2).items), { reason: 'upstream_failed' }),
  ),
  rule('a failure of one of several is passed off as a condition that left another out', (s) =>
    set(first(find(s, 'item.closed', 3).items), { reason: 'upstream_skipped', cause: 'mend' }),
  ),
  rule('one of several that a condition left out is named where another failed', (s) =>
    set(first(find(s, 'item.closed', 3).items), { cause: 'mend' }),
  ),
  rule('an item goes on after a failure that its plan does not let pass', (s) => s, {
    plan: (plan) => Reflect.deleteProperty(entryOf(plan, 'soft'), 'onError'),
  }),
  rule('an item goes on without the only one that could give it what it needs', (s) => s, {
    plan: (plan) => {
      entryOf(plan, 'after').needs = [{ key: 'x', from: ['soft'], select: 'patch' }];
    },
    failing: [...REPLAY, 'hand-off INPUT_MISMATCH'],
  }),
  rule('an item is skipped for an end that its plan lets pass', (s) => {
    const place = s.findIndex(
      ({ type, data }) => type === 'item.ready' && (data as { items: string[] }).items[0] === 'after',
    );
    s.splice(place, 4, closed({ id: 'after', state: 'skipped', reason: 'upstream_failed', cause: 'soft' }));
    set(find(s, 'run.completed').counts, { done: 5, skipped: 5, attempts: 9 });
  }),
  rule('an item is tried again after others have gone on without it', (s) =>
    s.splice(-1, 0, asked('retry', 'soft'), reopened('soft')),
  ),
  rule('an item that a condition left out is opened again', (s) => s.splice(-1, 0, reopened('mend'))),
  rule('a failure that was let pass is not counted so', (s) =>
    Reflect.deleteProperty(find(s, 'run.completed').counts, 'tolerated'),
  ),
  rule('a failure is counted as let pass that was not', (s) => {
    set(find(s, 'run.completed'), { state: 'cancelled' });
    set(find(s, 'run.completed').counts, { tolerated: 2 });
  }),
  rule('a plan asks an item that it does not wait for', (s) => s, {
    plan: (plan) => {
      entryOf(plan, 'verdict').when = { any: [LONG, { from: 'build', state: 'done' }] };
    },
    failing: ['plan PLAN_MISMATCH', ...REPLAY],
  }),
  forged(
    'an input from a later one of several, and the first has it',
    { story: (s) => branch(s), manifest: ({ predicate: { item, inputs } }) => inputs.forEach(pickOther(item)) },
    ['hand-off INPUT_MISMATCH'],
  ),
];

function rule(
  title: string,
  edit: (story: RunEvent[]) => unknown,
  more: { plan?: (plan: PlannedItem[]) => unknown; failing?: string[] } = {},
): Forged {
  const story = (s: RunEvent[]): void => {
    branch(s, (plan) => void more.plan?.(plan));
    edit(s);
  };
  return forged(title, { story }, more.failing ?? REPLAY);
}

function pickOther(item: string): (input: ManifestInput) => void {
  return (input) => {
    if (item !== 'pick') return;
    set(input, { sha256: digest('c\n'), sizeBytes: 2, from: { ...input.from, item: 'verdict' } });
  };
}

function at(story: readonly RunEvent[], type: RunEvent['type'], n = 0): number {
  return story.flatMap((event, place) => (event.type === type ? [place] : []))[n] ?? -1;
}

type Value = Extract<ReturnType<typeof find<'item.decided'>>['operands'][number], { output: string }>;

function operandOf(story: readonly RunEvent[]): Value {
  return first(find(story, 'item.decided').operands) as Value;
}
