/** Tasks of a flow that people decide: what they become, and what is refused of them, with its path. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mutation } from '../test/flow-mutations.ts';
import { compiled, edgesOf, flowOf, itemOf, task } from '../test/flow-sample.ts';
import { judged } from '../test/malformed-flows.suite.ts';

const of = (...tasks: object[]): unknown => flowOf(tasks);
const approval = (id: string, approval: object = {}, more: object = {}): object => ({ id, approval, ...more });
const reviewing = (...reviews: string[]): object => approval('go', { reviews });
const A = 'tasks[1].approval';

test('flow: an approval becomes a gate between what comes before it and what follows', () => {
  const people = { approvals: 2, reviewers: ['ada', 'bob', 'eve'], expires: '24h', reviews: ['a'] };
  const run = compiled(flowOf([task('a'), approval('go', people, { deadline: '48h' }), task('b')]));
  assert.deepEqual(edgesOf(run), ['a', 'go < a', 'b < go']);
  const { id, gate, deadline, ...rest } = itemOf(run, 'go');
  assert.deepEqual([id, gate, deadline, rest], ['go', people, '48h', { dependsOn: ['a'] }]);
});

test('flow: what groups and presets say of work is not said of an approval in them, but for the deadline', () => {
  const group = { timeout: '1m', deadline: '3h', env: { A: 'b' }, sequential: [task('a'), approval('go')] };
  const { timeout, env, deadline, gate } = itemOf(compiled(flowOf([group])), 'go');
  assert.deepEqual([timeout, env, deadline, gate], [undefined, undefined, '3h', {}]);
});

test('flow: in each round of a loop an approval is about what that round has left', () => {
  const run = compiled(flowOf([{ loop: { max: 2, body: [task('a'), reviewing('a')] } }]));
  assert.deepEqual([itemOf(run, 'go').gate, itemOf(run, 'go~2').gate], [{ reviews: ['a'] }, { reviews: ['a~2'] }]);
  const after = compiled(flowOf([{ loop: { max: 2, body: [task('a')] } }, reviewing('a')]));
  assert.deepEqual(itemOf(after, 'go').gate, { reviews: ['a~2'] });
});

const APPROVALS: Mutation[] = [
  ['an approval without a name', of(task('a'), { approval: {} }), 'SPEC_INVALID tasks[1].id'],
  [
    'an approval of more than there are',
    of(task('a'), approval('go', { approvals: 2, reviewers: ['x'] })),
    `SPEC_INVALID ${A}.approvals`,
  ],
  [
    'a reviewer who is no principal',
    of(task('a'), approval('go', { reviewers: ['../x'] })),
    `SPEC_INVALID ${A}.reviewers[0]`,
  ],
  ['a reviewer twice', of(task('a'), approval('go', { reviewers: ['x', 'x'] })), `SPEC_INVALID ${A}.reviewers[1]`],
  ['an approval that knows more', of(task('a'), approval('go', { quorum: 2 })), `SPEC_UNKNOWN_KEY ${A}.quorum`],
  ['an approval in no time', of(task('a'), approval('go', { expires: 'soon' })), `SPEC_INVALID ${A}.expires`],
  [
    'an approval that is a gate too',
    of(task('a'), approval('go', {}, { gate: { run: 'true' } })),
    'SPEC_INVALID tasks[1]',
  ],
  ['a timeout of people', of(task('a'), approval('go', {}, { timeout: '1m' })), 'SPEC_INVALID tasks[1].timeout'],
  [
    'retries of people',
    of(task('a'), approval('go', {}, { retry: { maxAttempts: 2 } })),
    'SPEC_INVALID tasks[1].retry',
  ],
  ['arguments of people', of(task('a'), approval('go', {}, { input: 'x' })), 'SPEC_INVALID tasks[1].input'],
  [
    'what people need',
    of(task('a'), approval('go', {}, { needs: { k: { from: 'a', select: { output: 'out' } } } })),
    'SPEC_INVALID tasks[1].needs',
  ],
  ['a review of nobody', of(task('a'), reviewing('b')), `SPEC_UNKNOWN_REFERENCE ${A}.reviews[0]`],
  ['a review of what comes later', of(reviewing('b'), task('b')), 'SPEC_CYCLE tasks[0].approval.reviews[0]'],
  ['a review of one twice', of(task('a'), reviewing('a', 'a')), `SPEC_INVALID ${A}.reviews[1]`],
  [
    'a review of what leaves nothing',
    of(task('a', { agent: 'quiet' }), reviewing('a')),
    `SPEC_INVALID ${A}.reviews[0]`,
  ],
  [
    'a review of a round that nobody knows',
    of({ loop: { max: 2, until: { from: 'a', output: 'out', equals: 1 }, body: [task('a')] } }, reviewing('a')),
    `SPEC_INVALID ${A}.reviews[0]`,
  ],
];

judged('approvals', APPROVALS);
