import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ShapeItem, shapeOf } from './plan-shape.ts';

function item(id: string, deps: string[] = [], timeoutMs = 1000): ShapeItem {
  return { id, deps, timeoutMs };
}

test('plan shape: an item stands one level below the deepest of its dependencies, and once in the tree', () => {
  const { levels, tree } = shapeOf([item('a'), item('b'), item('c', ['a']), item('d', ['b', 'c'])]);
  assert.deepEqual(levels, [['a', 'b'], ['c'], ['d']]);
  assert.deepEqual(tree, [
    { id: 'a', depth: 0, also: [] },
    { id: 'c', depth: 1, also: [] },
    { id: 'd', depth: 2, also: ['b'] },
    { id: 'b', depth: 0, also: [] },
  ]);
});

test('plan shape: the longest chain counts items, the slowest one their timeouts', () => {
  const { longest, slowest } = shapeOf([
    item('a'),
    item('b', ['a']),
    item('slow', [], 9000),
    item('end', ['b', 'slow']),
  ]);
  assert.deepEqual(longest, { ids: ['a', 'b', 'end'], timeoutMs: 3000 });
  assert.deepEqual(slowest, { ids: ['slow', 'end'], timeoutMs: 10_000 });
});

test('plan shape: a gate of people takes until it expires, and one that does not expire outlasts any work', () => {
  const gate = (id: string, deps: string[], expiresMs?: number): ShapeItem => {
    return { ...item(id, deps), gate: expiresMs === undefined ? {} : { expiresMs } };
  };
  const slow = item('slow', [], 900_000);
  const bounded = shapeOf([item('a'), gate('go', ['a'], 3_600_000), slow, item('end', ['go', 'slow'])]);
  assert.deepEqual(bounded.slowest, { ids: ['a', 'go', 'end'], timeoutMs: 3_602_000 });
  const open = shapeOf([item('a'), gate('go', ['a']), slow, item('end', ['go', 'slow'])]);
  assert.deepEqual(open.slowest, { ids: ['a', 'go', 'end'], timeoutMs: 2000, unbounded: ['go'] });
  assert.deepEqual(open.longest, open.slowest);
  const both = shapeOf([item('a'), gate('go', ['a']), gate('ok', ['slow']), slow, gate('end', ['go', 'ok'])]);
  assert.deepEqual(both.slowest, { ids: ['slow', 'ok', 'end'], timeoutMs: 900_000, unbounded: ['ok', 'end'] });
});

test('plan shape: items may be written before what they depend on', () => {
  assert.deepEqual(shapeOf([item('b', ['a']), item('a')]).levels, [['a'], ['b']]);
});

test('plan shape: a chain of 10,000 items is no trouble', () => {
  const chain = Array.from({ length: 10_000 }, (_, n) => item(`i${n}`, n === 0 ? [] : [`i${n - 1}`]));
  const { levels, longest } = shapeOf(chain.toReversed());
  assert.equal(levels.length, 10_000);
  assert.equal(longest.ids.length, 10_000);
});

test('plan shape: every item is in exactly one level, after all of its dependencies, whatever the graph', () => {
  const graph = fc.integer({ min: 1, max: 20 }).chain((size) =>
    fc.tuple(
      ...Array.from({ length: size }, (_, n) =>
        fc
          .record({
            deps: fc.subarray(Array.from({ length: n }, (_, k) => `i${k}`)),
            timeoutMs: fc.integer({ min: 1, max: 99 }),
          })
          .map(({ deps, timeoutMs }) => item(`i${n}`, deps, timeoutMs)),
      ),
    ),
  );
  fc.assert(
    fc.property(graph, (items) => {
      const { levels, tree, slowest } = shapeOf(items);
      const levelOf = new Map(levels.flatMap((ids, level) => ids.map((id) => [id, level] as const)));
      assert.equal(levels.flat().length, items.length);
      assert.equal(new Set(tree.map(({ id }) => id)).size, items.length);
      for (const { id, deps } of items) {
        const deepest = Math.max(-1, ...deps.map((dep) => levelOf.get(dep) ?? 0));
        assert.equal(levelOf.get(id), deepest + 1);
      }
      const finish = new Map<string, number>();
      for (const { id, deps, timeoutMs } of items) {
        finish.set(id, timeoutMs + Math.max(0, ...deps.map((dep) => finish.get(dep) ?? 0)));
      }
      assert.equal(slowest.timeoutMs, Math.max(...finish.values()));
    }),
  );
});
