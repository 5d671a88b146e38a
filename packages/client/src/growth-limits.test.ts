/** What items may become counts before they have become it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { branching } from '../test/many-sources.ts';
import { item, parsed, refusalsFor, runOf, summary } from '../test/run-sample.ts';
import { compileItems } from './compile.ts';
import { LIMITS } from './limits.ts';

const X = { from: 'up', select: { output: 'x' } };
const needing = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, n) => [`w${n}`, X]));

test('limits: what an item may become counts towards the items of the run and the inputs of others', () => {
  const run = (max: number, more: object = {}): string[] =>
    summary(refusalsFor(runOf([...branching(max), item('all', more)], { caps: { items: 103 } })));
  assert.deepEqual([run(100), run(101)], [[], ['SPEC_LIMIT spec.items']]);
  const each = { parts: { each: 'many', select: { output: 'x' } } };
  assert.deepEqual(run(100, { needs: { ...each, ...needing(28) } }), []);
  assert.deepEqual(run(100, { needs: { ...each, ...needing(29) } }), ['SPEC_LIMIT spec.items[2].needs']);
  const full = runOf(branching(1, { needs: needing(LIMITS.needsPerItem) }));
  assert.deepEqual(summary(refusalsFor(full)), ['SPEC_LIMIT spec.items[1].needs']);
});

test('limits: its edges are its own, those of all that it may become, and one to each of these', () => {
  const run = parsed(runOf(branching(10)));
  assert.equal(compileItems(run, { ...LIMITS, edges: 21 }).ok, true);
  assert.equal(compileItems(run, { ...LIMITS, edges: 20 }).ok, false);
});
