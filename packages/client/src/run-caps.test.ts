import assert from 'node:assert/strict';
import { test } from 'node:test';
import { item, refusalsFor, runOf, summary } from '../test/run-sample.ts';

test('limits: caps.items bounds the run below the limit of the platform', () => {
  assert.deepEqual(refusalsFor(runOf([item('a'), item('b')], { caps: { items: 2 } })), []);
  assert.deepEqual(summary(refusalsFor(runOf([item('a'), item('b')], { caps: { items: 1 } }))), [
    'SPEC_LIMIT spec.items',
  ]);
});
