/**
 * Quorums that were not met so, sealed by someone who holds every key. The honest story: `ann` and `ben` approve, `cho` says
 * nothing, and `merge` runs since two of three were enough.
 */
import type { PlannedCondition, ValueTest } from '../../packages/verify/src/record/condition.ts';
import type { EventData, PlannedItem, RecordedOutput, RunEvent } from '../../packages/verify/src/record/events.ts';
import { entryOf } from './branching-story.ts';
import { type Forged, find, first, forged, set } from './forged.ts';
import { digest } from './naive-evidence.ts';
import { claim, claimed, dispatched, PLAN, planDigest, settled } from './story.ts';

const REPLAY = ['state-machine TRANSITION_IMPOSSIBLE'];
const REVIEWERS = ['ann', 'ben', 'cho'];

function planned(id: string, more: Partial<PlannedItem> = {}): PlannedItem {
  return { id, spec: digest(`spec of ${id}`), deps: [], needs: [], locks: [], maxAttempts: 1, ...more };
}

function approves(from: string): ValueTest {
  return { from, output: 'verdict.json', at: '/approve', op: 'equals', value: true };
}

function quorum(n: number, of: readonly string[] = REVIEWERS): PlannedCondition {
  return { atLeastOf: { n, of: of.map(approves) } };
}

function verdictOf(from: string): RecordedOutput {
  return { name: 'outputs/verdict.json', kind: 'output', sha256: digest(`verdict of ${from}`), sizeBytes: 16 };
}

function ran(item: string, outputs: RecordedOutput[] = []): RunEvent[] {
  return [
    { type: 'item.ready', data: { items: [item] } },
    claimed(claim(item, 1)),
    dispatched(item, 1, 'bubblewrap'),
    settled(item, 1, { outputs }),
  ];
}

/** @param edit of the plan of the reviewers, before it is sealed */
export function vote(story: RunEvent[], edit: (plan: PlannedItem[]) => void = () => {}): void {
  const plan = [...REVIEWERS.map((id) => planned(id)), planned('merge', { deps: [...REVIEWERS], when: quorum(2) })];
  edit(plan);
  const opened = find(story, 'run.opened');
  set(opened, { plan: planDigest([...PLAN, ...plan]), items: 10, edges: opened.edges + 3 });
  find(story, 'run.planned', 1).items.push(...structuredClone(plan));
  const said = (from: string, isYes: boolean): Operand => ({
    from,
    output: 'verdict.json',
    ...(isYes ? { sha256: verdictOf(from).sha256, value: true } : { sha256: null, value: 'absent' }),
  });
  const operands = REVIEWERS.map((from) => said(from, from !== 'cho'));
  story.splice(
    -1,
    0,
    ...ran('ann', [verdictOf('ann')]),
    ...ran('ben', [verdictOf('ben')]),
    ...ran('cho'),
    { type: 'item.decided', data: { item: 'merge', holds: true, operands } },
    ...ran('merge'),
  );
  set(find(story, 'run.completed').counts, { items: 10, done: 7, attempts: 10 });
}

export const OF_QUORUMS: Forged[] = [
  rule('a quorum is met with one approval too few', (s) => set(operandOf(s, 'ben'), { value: false })),
  rule('the silence of a reviewer counts towards a quorum', (s) => {
    set(operandOf(s, 'ben'), { value: false });
    set(operandOf(s, 'cho'), { value: true });
  }),
  rule('the verdict of one reviewer stands in the place of another', (s) => {
    set(operandOf(s, 'ben'), { value: false });
    set(operandOf(s, 'cho'), { ...operandOf(s, 'ann') });
  }),
  rule('the verdict of one reviewer is given out as that of another', (s) => {
    set(operandOf(s, 'ben'), { value: false });
    set(operandOf(s, 'cho'), { ...operandOf(s, 'ann'), from: 'cho' });
  }),
  rule('a quorum leaves out a reviewer who is against it', (s) => {
    const { operands } = find(s, 'item.decided');
    operands.splice(2, 1);
  }),
  rule('a quorum is decided before a reviewer has ended', (s) => {
    const [early] = s.splice(at(s, 'item.decided'), 1);
    const ready = s.findIndex(({ type, data }) => type === 'item.ready' && data.items[0] === 'cho');
    s.splice(ready, 0, early as RunEvent);
  }),
  rule('a quorum is met as it was planned and its item is left out', (s) => {
    const place = at(s, 'item.decided');
    const skipped = { id: 'merge', state: 'skipped', reason: 'condition_false' } as const;
    s.splice(place + 1, 4, { type: 'item.closed', data: { items: [skipped] } });
    set(find(s, 'run.completed').counts, { done: 6, skipped: 2, attempts: 9 });
  }),
  rule(
    'an item runs and its quorum was one approval higher',
    () => {},
    (plan) => set(entryOf(plan, 'merge'), { when: quorum(3) }),
  ),
  forged(
    'a quorum is one approval lower than the one that was accepted',
    {
      story: (s) => {
        vote(s);
        set(entryOf(find(s, 'run.planned', 1).items, 'merge'), { when: quorum(1) });
      },
    },
    ['plan PLAN_MISMATCH'],
  ),
  unreadable('a quorum counts one reviewer twice', quorum(2, ['ann', 'ann', 'ben'])),
  unreadable('a quorum asks for more reviewers than there are', quorum(4)),
  unreadable('a quorum asks for nobody', quorum(0)),
];

type Operand = Extract<EventData['item.decided']['operands'][number], { output: string }>;

function rule(title: string, edit: (story: RunEvent[]) => unknown, plan?: (plan: PlannedItem[]) => void): Forged {
  const story = (s: RunEvent[]): void => {
    vote(s, plan);
    edit(s);
  };
  return forged(title, { story }, REPLAY);
}

/** No plan can say so: the line is refused for what it is. */
function unreadable(title: string, when: PlannedCondition): Forged {
  const story = (s: RunEvent[]): void => vote(s, (plan) => set(entryOf(plan, 'merge'), { when }));
  return forged(title, { story }, ['well-formed SHAPE'], { exit: 3 });
}

function operandOf(story: readonly RunEvent[], reviewer: string): Operand {
  return first(find(story, 'item.decided').operands.filter(({ from }) => from === reviewer)) as Operand;
}

function at(story: readonly RunEvent[], type: RunEvent['type']): number {
  return story.findIndex((event) => event.type === type);
}
