/** Needs of what has rounds: refused where they are too many, before anything is made of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compiled, flowOf, flowRefusals, itemOf, taking, task } from '../test/flow-sample.ts';
import { tasksById } from './flow-links.ts';
import { gatherParts } from './flow-parts.ts';
import { readTree } from './flow-tree.ts';
import { LIMITS } from './limits.ts';
import { unrollFlow } from './unroll-flow.ts';

const OUT = { output: 'out' };
const ending = (max: number, id: string, ...body: object[]): object => ({
  loop: { until: { from: id, ...OUT, equals: 1 }, max, body: [task(id), ...body] },
});
const many = (max: number, ...body: object[]): object => ({ loop: { max, body } });
const mended = (max: number): object => ({
  id: 'g',
  gate: { run: 'true', capture: ['outputs'], max, fix: [task('f')] },
});

test('flow: needs of too many rounds are told once for each, and nothing is unrolled for it', () => {
  const needs = { one: { from: 'z', select: OUT }, two: { from: 'y', select: OUT }, few: { from: 'x', select: OUT } };
  const rounds = ending(20, 'x', ending(20, 'y', task('z')));
  const flow = flowOf([rounds, many(20, many(10, task('a', { needs })))]);
  const tree = readTree(flow);
  const { items, refusals, steps } = unrollFlow(tree, tasksById(tree), gatherParts(flow, new Map()));
  assert.deepEqual([items, steps], [[], 0]);
  assert.deepEqual(
    refusals.map(({ path, problem }) => [path, problem]),
    ['one', 'two'].map((key) => [
      `tasks[1].loop.body[0].loop.body[0].needs.${key}`,
      'with all rounds it has 400 sources, more than 32',
    ]),
  );
});

const ROUNDS: [title: string, taken: string, inner: object][] = [
  ['loops in each other', 'z', ending(16, 'y', task('z'))],
  ['a gate that is mended', 'g', mended(15)],
  ['what mends a gate', 'f', mended(16)],
];

for (const [title, taken, inner] of ROUNDS) {
  test(`flow: as many rounds as a need may name are taken, of ${title}, and no more`, () => {
    const [over] = flowRefusals(flowOf([ending(3, 'x', inner), task('a', taking(taken))]));
    assert.match(over?.problem ?? '', new RegExp(`it has 48 sources, more than ${LIMITS.sourcesPerNeed}$`));
    const run = compiled(flowOf([ending(2, 'x', inner), task('a', taking(taken))]));
    assert.equal(itemOf(run, 'a').needs?.file?.oneOf?.length, LIMITS.sourcesPerNeed);
  });
}

test('flow: of a round before that no round has, nothing counts', () => {
  const rounds = ending(20, 'x', ending(20, 'y', task('z')));
  const inner = { ...task('a', { needs: { file: { from: 'z', select: OUT, round: 'previous' } } }) };
  assert.deepEqual(flowRefusals(flowOf([many(1, rounds, inner)])), []);
  assert.match(flowRefusals(flowOf([many(2, rounds, inner)]))[0]?.problem ?? '', /it has 400 sources/);
});
