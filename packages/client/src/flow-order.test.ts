/** What follows a task that ends before its turn, since what it takes was left out, still waits for its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compiled, edgesOf, flowOf, flowRefusals, taking, task } from '../test/flow-sample.ts';

const OUT = { output: 'out' };
const CHANGED = { from: 'scan', ...OUT, equals: 1 };
const EDIT = task('edit', { when: CHANGED });
const edges = (...tasks: object[]): string[] => edgesOf(compiled(flowOf([task('scan'), ...tasks])));

test('flow order: what follows one that may be left out at once waits for what came before that', () => {
  const gate = { id: 'tests', gate: { run: 'true' } };
  assert.deepEqual(edges(EDIT, gate, task('notes', taking('edit')), task('publish')).slice(2), [
    'tests < edit',
    'notes < edit tests',
    'publish < notes tests',
  ]);
  const map = task('map', { forEach: { from: 'edit', outputs: 'x/' } });
  assert.equal(edges(EDIT, task('a'), map, task('b')).at(-1), 'b < a map');
  assert.equal(edges(EDIT, task('a'), task('b', taking('edit')), task('c', taking('b')), task('d')).at(-1), 'd < a c');
});

test('flow order: what came before stays waited for behind one that goes on after its failure', () => {
  const either = { needs: { file: { oneOf: ['scan', 'a'], select: OUT } } };
  const tasks = [EDIT, task('a'), task('b', taking('edit')), task('c', either), task('d')];
  assert.equal(edges(...tasks).at(-1), 'd < a c');
  const asking = task('c', { when: { from: 'a', state: 'failed' } });
  assert.equal(edges(EDIT, task('a'), task('b', taking('edit')), asking, task('d')).at(-1), 'd < a c');
});

test('flow order: nothing is added where all is there, or is left out together', () => {
  assert.equal(edges(task('edit'), task('a'), task('b', taking('edit')), task('c')).at(-1), 'c < b');
  assert.equal(edges(EDIT, task('a', taking('edit')), task('b', taking('a')), task('c')).at(-1), 'c < b');
  assert.equal(edges(EDIT, task('a', taking('edit')), task('b', taking('edit')), task('c')).at(-1), 'c < b');
});

test('flow order: more than a run may wait for in all is refused at the task that makes it too many', () => {
  const some = Array.from({ length: 700 }, (_, n) => task(`e${n}`, { when: CHANGED }));
  const takers = some.map((_, n) => task(`t${n}`, taking(`e${n}`)));
  const [refusal, ...more] = flowRefusals(flowOf([task('scan'), { parallel: some }, ...takers]));
  assert.deepEqual([refusal?.code, more], ['SPEC_LIMIT', []]);
  assert.match(refusal?.path ?? '', /^tasks\[\d+\]$/);
});
