/** Which texts are ids of items, and that nothing else may end in rounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { item, refusalsFor, runOf, summary } from '../test/run-sample.ts';

const ID = 'SPEC_INVALID spec.items[0].id';

for (const id of ['fix~2', 'fix~1~20', `${'a'.repeat(61)}~2`]) {
  test(`item ids: ${id} is one`, () => {
    assert.deepEqual(refusalsFor(runOf([item(id), item('after', { dependsOn: [id] })])), []);
  });
}

for (const id of ['a~b', 'a~0', 'a~02', 'a~', '~2', 'a~~2', 'a~2b', 'a..b~2', `${'a'.repeat(62)}~2`]) {
  test(`item ids: ${id} is none`, () => assert.deepEqual(summary(refusalsFor(runOf([item(id)]))), [ID]));
}

test('item ids: the name of a run, of a queue or of a need takes no round', () => {
  const document = runOf([item('a', { needs: { 'k~2': { from: 'b', select: 'patch' } } })], { queue: 'q~2' });
  assert.deepEqual(summary(refusalsFor({ ...document, metadata: { name: 'r~2' } })), [
    'SPEC_INVALID metadata.name',
    'SPEC_INVALID spec.queue',
    'SPEC_INVALID spec.items[0].needs["k~2"]',
  ]);
});
