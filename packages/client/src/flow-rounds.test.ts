/** Conditions of a flow as items: who is asked, what is taken, and what stops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compiled, edgesOf, flowOf, itemOf, taking, task } from '../test/flow-sample.ts';
import { compileFlow } from './compile-flow.ts';

const OUT = { output: 'out' };
const choosing = (oneOf: string[], more: object = {}): object => ({ needs: { file: { oneOf, select: OUT, ...more } } });
const until = { from: 'b', ...OUT, equals: 'good' };

test('flow: a loop that ends by itself asks of each round whether it has happened and was enough', () => {
  const run = compiled(flowOf([{ loop: { until, max: 3, body: [task('a'), task('b')] } }, task('z')]));
  const whens = run.spec.items.map(({ id, when }) => [id, when]);
  const of = (a: string, b: string): object => ({ all: [{ from: a, state: 'done' }, { not: { ...until, from: b } }] });
  assert.deepEqual(whens, [
    ['a', undefined],
    ['b', undefined],
    ['a~2', of('a', 'b')],
    ['b~2', of('a', 'b')],
    ['a~3', of('a~2', 'b~2')],
    ['b~3', of('a~2', 'b~2')],
    ['z', undefined],
  ]);
  assert.equal(edgesOf(run).at(-1), 'z < b b~2 b~3');
});

test('flow: what such a loop left is taken of its last round that happened, and a failure is not made up for', () => {
  const run = compiled(flowOf([{ loop: { until, max: 3, body: [task('a'), task('b')] } }, task('z', taking('a'))]));
  assert.deepEqual(itemOf(run, 'z').needs, { file: { oneOf: ['a~3', 'a~2', 'a'], select: OUT, onError: 'stop' } });
});

test('flow: whether a round has happened is told by a task that is never left out, and that may fail where it may', () => {
  const body = [task('x', { when: { from: 'w', state: 'done' } }), task('y', { onError: 'continue' }), task('b')];
  const run = compiled(flowOf([task('w'), { loop: { until, max: 2, body } }]));
  const happened = {
    any: [
      { from: 'y', state: 'done' },
      { from: 'y', state: 'failed' },
    ],
  };
  assert.deepEqual(itemOf(run, 'b~2').when, { all: [happened, { not: until }] });
  assert.deepEqual(itemOf(run, 'x~2').when, {
    all: [{ all: [happened, { not: until }] }, { from: 'w', state: 'done' }],
  });
});

test('flow: an end by how a task ended does not go on after a failure that ends everything', () => {
  const body = [task('b'), task('m', { when: { from: 'b', ...OUT, equals: 'bad' } })];
  const run = compiled(flowOf([{ loop: { until: { from: 'm', state: 'skipped' }, max: 2, body } }]));
  const { all } = itemOf(run, 'b~2').when ?? {};
  assert.deepEqual(all, [
    { from: 'b', state: 'done' },
    { not: { from: 'm', state: 'failed' } },
    { not: { from: 'm', state: 'skipped' } },
  ]);
});

test('flow: a gate with a fix is checked, mended where it is red, and checked again; what follows waits for all checks', () => {
  const gate = { run: 'true', max: 2, fix: [task('f', choosing(['f', 'a'], { round: 'previous' }))] };
  const run = compiled(flowOf([task('a'), { id: 'g', gate, timeout: '2m' }, task('z', taking('f'))]));
  const red = (from: string): object => ({ from, state: 'failed' });
  const rows = run.spec.items.map(({ id, when, onError, timeout }) => [id, when, onError, timeout]);
  assert.deepEqual(rows, [
    ['a', undefined, undefined, undefined],
    ['g', undefined, 'continue', '2m'],
    ['f', red('g'), undefined, undefined],
    ['g~2', red('g'), 'continue', '2m'],
    ['f~2', red('g~2'), undefined, undefined],
    ['g~3', red('g~2'), undefined, '2m'],
    ['z', undefined, undefined, undefined],
  ]);
  assert.deepEqual(itemOf(run, 'f').needs, { file: { from: 'a', select: OUT } });
  assert.deepEqual(itemOf(run, 'f~2').needs, { file: { oneOf: ['f', 'a'], select: OUT } });
  assert.equal(edgesOf(run).at(-1), 'z < f f~2 g g~2 g~3');
});

test('flow: a condition of a group is asked by each task in it, beside its own', () => {
  const yes = { from: 'a', ...OUT, equals: 'yes' };
  const group = { when: yes, sequential: [task('b'), task('c', { when: { from: 'b', ...OUT, exists: true } })] };
  const run = compiled(flowOf([task('a'), group]));
  assert.deepEqual(itemOf(run, 'b').when, yes);
  assert.deepEqual(itemOf(run, 'c').when, { all: [yes, { from: 'b', ...OUT, exists: true }] });
});

test('flow: a condition within a loop asks the same round, and behind a loop of fixed rounds the last', () => {
  const body = [task('a'), task('b', { when: { from: 'a', state: 'done' } })];
  const behind = task('z', { when: { from: 'a', ...OUT, exists: true } });
  const run = compiled(flowOf([{ loop: { max: 2, body } }, behind]));
  assert.deepEqual(itemOf(run, 'b~2').when, { from: 'a~2', state: 'done' });
  assert.deepEqual(itemOf(run, 'z').when, { from: 'a~2', ...OUT, exists: true });
});

test('flow: who comes behind one that goes on after a failure waits for what failed as well', () => {
  const asking = task('b', { when: { from: 'a', state: 'failed' } });
  assert.equal(edgesOf(compiled(flowOf([task('a'), asking, task('c')]))).at(-1), 'c < a b');
  const group = { when: { from: 'a', state: 'failed' }, parallel: [task('x'), task('y')] };
  assert.equal(edgesOf(compiled(flowOf([task('a'), group, task('c')]))).at(-1), 'c < a x y');
  const spare = [{ parallel: [task('a'), task('b')] }, task('take', choosing(['a', 'b'])), task('c')];
  assert.equal(edgesOf(compiled(flowOf(spare))).at(-1), 'c < a b take');
});

test('flow: conditions that are too large together are told at the largest of them', () => {
  const many = { any: Array.from({ length: 20 }, () => ({ from: 'a', ...OUT, exists: true })) };
  const some = { any: Array.from({ length: 13 }, () => ({ from: 'a', ...OUT, exists: true })) };
  const group = { when: many, sequential: [task('b', { when: some })] };
  const result = compileFlow(flowOf([task('a'), group]), new Map());
  assert.deepEqual(result.ok ? [] : result.refusals.map(({ path }) => path), ['tasks[1].when']);
});

test('flow: a number with a fraction is a number, in a flow as in a run spec', () => {
  const run = compiled(flowOf([task('a'), task('b', { when: { from: 'a', ...OUT, at: '/share', atLeast: 79.5 } })]));
  assert.equal(itemOf(run, 'b').when?.atLeast, 79.5);
});

/** `count` small loops with conditions, one after the other. */
function longFlow(count: number): object {
  const loops = Array.from({ length: count }, (_, n) => ({
    loop: {
      until: { from: `b${n}`, ...OUT, equals: 'good' },
      max: 4,
      body: [task(`a${n}`), task(`b${n}`, taking(`a${n}`))],
    },
  }));
  return flowOf(loops);
}

test('flow: what compiling costs grows as the items do', () => {
  const [small, large] = [50, 500].map((count) => compileFlow(longFlow(count), new Map()));
  assert.ok(small?.ok && large?.ok);
  assert.equal(large.run.spec.items.length, 4_000);
  const perItem = [small.steps / 400, large.steps / 4_000] as const;
  assert.ok(perItem[1] <= 1.01 * perItem[0], `${perItem.join(' steps an item, and with ten times as many ')}`);
});
