import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlannedItem } from '../record/events.ts';
import { PlanBook } from './plan-book.ts';

const SPEC = `sha256:${'0'.repeat(64)}` as const;

/** One item in as many entries as it has deps. */
function inEntries(count: number): PlannedItem[] {
  return Array.from({ length: count }, (_, n) => {
    const deps = [`d${String(n).padStart(6, '0')}`];
    const entry = { id: 'wide', spec: SPEC, deps, needs: [], locks: [], maxAttempts: 1 };
    return n + 1 < count ? { ...entry, more: true } : entry;
  });
}

test('plan book: an item in very many entries costs what its entries cost, not their square', () => {
  const plan = new PlanBook();
  const items = inEntries(120_000);
  const start = performance.now();
  plan.add({ part: 0, parts: 1, items });
  // It takes half a second; copying the deps again for each entry took more than a minute.
  const spent = performance.now() - start;
  assert.ok(spent < 15_000, `${spent} ms`);
  assert.equal(plan.items.get('wide')?.deps.length, items.length);
});

test('plan book: the entries of one item do not grow the lists of another', () => {
  const plan = new PlanBook();
  const entry = { spec: SPEC, deps: [], needs: [], locks: [], maxAttempts: 1 };
  const more = { ...entry, id: 'a', more: true as const };
  plan.add({ part: 0, parts: 1, items: [more, { ...entry, id: 'a', deps: ['b'] }, { ...entry, id: 'b' }] });
  assert.deepEqual([plan.items.get('a')?.deps, plan.items.get('b')?.deps], [['b'], []]);
});

test('plan book: what an item reads is named once and in order, and stands in its first entry', () => {
  const entry = { spec: SPEC, deps: [], needs: [], locks: [], maxAttempts: 1 };
  const reads = (...keys: string[]): PlannedItem['reads'] => keys.map((key) => ({ key, sha256: SPEC, sizeBytes: 1 }));
  const adding =
    (...items: PlannedItem[]) =>
    (): void =>
      new PlanBook().add({ part: 0, parts: 1, items });
  const plan = new PlanBook();
  plan.add({ part: 0, parts: 1, items: [{ ...entry, id: 'a', reads: reads('x', 'y') } as PlannedItem] });
  assert.equal(plan.items.get('a')?.reads?.length, 2);
  assert.throws(adding({ ...entry, id: 'a', reads: reads('x', 'x') } as PlannedItem), /not sorted and unique/);
  assert.throws(adding({ ...entry, id: 'a', reads: reads('y', 'x') } as PlannedItem), /not sorted and unique/);
  const later = { ...entry, id: 'a', deps: ['b'], reads: reads('x') } as PlannedItem;
  assert.throws(adding({ ...entry, id: 'a', more: true }, later), /not of one item/);
});
