import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MAX_SET_IDS } from './names.ts';
import { chunk, chunkedSet, placeIn, without } from './sets.ts';

const ids = fc.integer({ min: 0, max: 1_000 }).map((count) => Array.from({ length: count }, (_, n) => `id-${n}`));

describe('sets', () => {
  it('chunks hold everything in order, and none is empty or too large', () => {
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 200 }), (values, size) => {
        const chunks = chunk(values, size);
        assert.deepEqual(chunks.flat(), values);
        assert.ok(chunks.every(({ length }) => length > 0 && length <= size));
      }),
    );
  });

  it('up to a hundred ids stand in the root; more stand in rows that the root names', () => {
    fc.assert(
      fc.property(ids, (values) => {
        const { root, rows } = chunkedSet(values);
        assert.ok(root.length <= MAX_SET_IDS);
        if (values.length <= MAX_SET_IDS) assert.deepEqual([root, rows], [values, []]);
        else {
          assert.deepEqual(
            root,
            rows.map((_row, n) => `#${n}`),
          );
          assert.deepEqual(rows.flat(), values);
        }
      }),
    );
  });

  it('removing an id twice is removing it once', () => {
    assert.deepEqual(without(['a', 'b'], 'a'), ['b']);
    assert.deepEqual(without(without(['a', 'b'], 'a'), 'a'), ['b']);
  });
});

it('the place of an id in a sorted list is where indexOf finds it', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { maxLength: 40 }), fc.string(), (ids, other) => {
      const sorted = ids.toSorted();
      for (const id of [...ids, other]) assert.equal(placeIn(sorted, id), sorted.indexOf(id));
    }),
  );
});
