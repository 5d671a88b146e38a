/** What becomes of tasks that happen once for each output of another, and of what tasks read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compiled, edgesOf, flowOf, itemOf, taking, task } from '../test/flow-sample.ts';

const OUT = { output: 'out' };
const FOR = { from: 'split', outputs: 'shards/', as: 'shard', max: 9 };
const parts = { needs: { parts: { each: 'map', select: OUT } } };

test('flow: a task for each output becomes an item for each, and what takes from it is given one of each', () => {
  const run = compiled(flowOf([task('split'), task('map', { forEach: FOR }), task('sum', parts)]));
  assert.deepEqual(edgesOf(run), ['split', 'map < split', 'sum < map']);
  assert.deepEqual(itemOf(run, 'map').forEach, FOR);
  assert.deepEqual(itemOf(run, 'sum').needs, parts.needs);
});

test('flow: in a loop it is of its own round, and no item of the first round is called like the second', () => {
  const body = [task('split'), task('map', { forEach: FOR }), task('sum', parts)];
  const run = compiled(flowOf([{ loop: { max: 2, body } }, task('all', parts)]));
  assert.deepEqual(
    run.spec.items.map(({ id, forEach, needs }) => [id, forEach?.from ?? needs?.parts?.each ?? '']),
    [
      ['split', ''],
      ['map~1', 'split'],
      ['sum', 'map~1'],
      ['split~2', ''],
      ['map~2', 'split~2'],
      ['sum~2', 'map~2'],
      ['all', 'map~2'],
    ],
  );
});

test('flow: one of each of the round before is left out in the first', () => {
  const last = { needs: { last: { each: 'map', select: OUT, round: 'previous' } } };
  const run = compiled(flowOf([{ loop: { max: 2, body: [task('split', last), task('map', { forEach: FOR })] } }]));
  assert.deepEqual([itemOf(run, 'split').needs, itemOf(run, 'split~2').needs?.last?.each], [undefined, 'map~1']);
});

test('flow: what a group reads each task in it reads, and what stands at the task itself wins', () => {
  const reads = { 'a.txt': { path: 'a' }, 'b.tar': { git: { url: './b' } } };
  const group = { reads, parallel: [task('x'), task('y', { reads: { 'a.txt': { path: 'c' } } })] };
  const gate = { id: 'g', gate: { run: 'true' }, reads: { 'd.txt': { path: 'd' } } };
  const run = compiled(flowOf([group, gate, { reads, sequential: [{ id: 'go', approval: {} }] }]));
  const read = ['x', 'y', 'g', 'go'].map((id) => itemOf(run, id).reads);
  assert.deepEqual(read, [reads, { ...reads, 'a.txt': { path: 'c' } }, gate.reads, undefined]);
});

test('flow: a task for each output beside others waits for that task alone', () => {
  const side = { parallel: [task('split'), task('map', { forEach: FOR }), task('x', taking('split'))] };
  assert.deepEqual(edgesOf(compiled(flowOf([side]))), ['split', 'map < split', 'x < split']);
});
