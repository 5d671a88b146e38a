/** One test for each mutation, and one that no two of them are the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mutation } from './flow-mutations.ts';
import { flowRefusals } from './flow-sample.ts';
import { summary } from './run-sample.ts';

export function judged(kind: string, mutations: readonly Mutation[], files: Record<string, unknown> = {}): void {
  for (const [title, document, ...refused] of mutations) {
    test(`malformed flow: ${title}`, () => {
      const refusals = flowRefusals(document, files);
      assert.deepEqual(summary(refusals).sort(), refused.sort());
      for (const { problem, fix } of refusals) assert.ok(problem !== '' && /^[A-Z].*[.!]$/s.test(fix), fix);
    });
  }
  test(`malformed flows: ${mutations.length} of ${kind}, and no two are the same`, () => {
    assert.equal(new Set(mutations.map(([, document]) => JSON.stringify(document))).size, mutations.length);
    assert.equal(new Set(mutations.map(([title]) => title)).size, mutations.length);
  });
}
