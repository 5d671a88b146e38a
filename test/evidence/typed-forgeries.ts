/** The honest story with an item whose outputs are declared, refused once for one of them and then done; and what could not be so. */
import type { PlannedItem, RecordedOutput, RunEvent } from '../../packages/verify/src/record/events.ts';
import { type Forged, find, first, forged, set } from './forged.ts';
import { digest } from './naive-evidence.ts';
import { claim, claimed, dispatched, PLAN, planDigest, settled } from './story.ts';

type Settled = Extract<RunEvent, { type: 'attempt.settled' }>;

const VERDICT: RecordedOutput = { name: 'outputs/verdict.json', kind: 'output', sha256: digest('{}'), sizeBytes: 2 };
const PART: RecordedOutput = { name: 'outputs/parts/1.csv', kind: 'output', sha256: digest('a'), sizeBytes: 1 };

const TYPED: PlannedItem = {
  id: 'typed',
  spec: digest('spec of typed'),
  deps: [],
  needs: [],
  locks: [],
  maxAttempts: 2,
  shape: { name: 'dev/review', pack: digest('a pack'), shape: digest('a shape') },
  outputs: [
    { name: 'parts/', kind: 'csv' },
    { name: 'verdict.json', kind: 'json', schema: digest('a schema') },
  ],
};

/** @param edit of the plan of the item, before it is sealed */
export function declare(story: RunEvent[], edit: (item: PlannedItem) => unknown = () => {}): void {
  const item = structuredClone(TYPED);
  edit(item);
  set(find(story, 'run.opened'), { plan: planDigest([...PLAN, item]), items: 7 });
  find(story, 'run.planned', 1).items.push(item);
  const outputs = structuredClone([PART, VERDICT]);
  story.splice(
    -1,
    0,
    { type: 'item.ready', data: { items: ['typed'] } },
    claimed(claim('typed', 1)),
    dispatched('typed', 1, 'bubblewrap'),
    settled('typed', 1, {
      outcome: 'contract_error',
      reason: 'output_invalid',
      next: 'retry',
      retryAt: '2026-11-21T05:00:09.000Z',
      spent: true,
      invalid: { output: 'verdict.json', problem: 'schema', rule: '/properties/approved/type' },
      outputs,
      attestations: [],
    }),
    claimed(claim('typed', 2)),
    dispatched('typed', 2, 'bubblewrap'),
    settled('typed', 2, { outputs: structuredClone(outputs) }),
  );
  set(find(story, 'run.completed').counts, { items: 7, done: 4, attempts: 8, retries: 2 });
}

export const OF_TYPES: Forged[] = [
  rule('an item is done without an output that its plan declares', (_refused, done) => done.outputs.splice(0, 1)),
  rule('an item is refused for an output and does not say for which', (refused) => {
    Reflect.deleteProperty(refused, 'invalid');
  }),
  rule('an item is refused for an output that its plan does not declare', ({ invalid }) =>
    Object.assign(invalid, { output: 'report.json' }),
  ),
  rule('an item is refused for lacking an output that it has left', (refused) =>
    Object.assign(refused, { invalid: { output: 'verdict.json', problem: 'missing' } }),
  ),
  rule('an item is refused for an output as not of its type, and has not left it', (refused) => {
    refused.outputs.splice(1, 1);
  }),
  rule('an item is refused for an output that may hold anything', ({ invalid }) =>
    Object.assign(invalid, { output: 'parts/' }),
  ),
  rule('an item is refused by a schema and not by a rule of it', ({ invalid }) => {
    Reflect.deleteProperty(invalid, 'rule');
  }),
  rule('an item is refused for an output under another reason', (refused) =>
    Object.assign(refused, { reason: 'result_invalid' }),
  ),
  rule('an item is refused for an output whose worker claims no success', ({ claimed: said }) =>
    Object.assign(said, { outcome: 'failed', reason: 'exit_nonzero', exit: 1 }),
  ),
  rule('an item is refused for a line of an output that has no lines', ({ invalid }) =>
    Object.assign(invalid, { line: 1 }),
  ),
  declared('an item declares a schema of an output that is no JSON', ({ outputs = [] }) =>
    set(first(outputs), { schema: digest('a schema') }),
  ),
  declared('an item declares its outputs in no order', ({ outputs = [] }) => outputs.reverse()),
];

interface Refused extends Pick<Settled['data'], 'outputs' | 'claimed'> {
  invalid: object;
}

function rule(title: string, edit: (refused: Refused, done: Settled['data']) => unknown): Forged {
  const story = (s: RunEvent[]): void => {
    declare(s);
    const settledLast = s.filter((each): each is Settled => each.type === 'attempt.settled').slice(-2);
    edit(first(settledLast).data as Refused, first(settledLast.slice(1)).data);
  };
  return forged(title, { story }, ['state-machine TRANSITION_IMPOSSIBLE']);
}

function declared(title: string, edit: (item: PlannedItem) => unknown): Forged {
  return forged(title, { story: (s) => declare(s, edit) }, ['plan PLAN_MISMATCH']);
}
