import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { KnownRows, type Partition } from './known-rows.ts';

const SKS = ['a', 'b/', 'b/1', 'b/10', 'b/2', 'b/é', 'b/\u{ffff}', 'b/\u{1f600}', 'c'];

function keysIn(known: KnownRows, partition: Partition, range: { prefix: string; after?: string; limit: number }) {
  return known.inRange(partition, range).map(({ sk }) => sk);
}

it('ordered rows: answer every range as sorting the bytes of all keys would, whatever came and went', () => {
  const step = fc.record({
    sk: fc.constantFrom(...SKS),
    prefix: fc.constantFrom('', 'b', 'b/', 'b/1', 'd'),
    after: fc.option(fc.constantFrom(...SKS), { nil: undefined }),
    limit: fc.integer({ min: 1, max: 10 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const known = new KnownRows();
      const partition = known.addPartition('p', true);
      const there = new Set<string>();
      for (const { sk, prefix, after, limit } of steps) {
        const row = partition.rows.get(sk) ?? known.add(partition, sk, 0);
        const isThere = there.delete(sk);
        if (!isThere) there.add(sk);
        known.change(partition, row, isThere ? 0 : 1, isThere ? null : {});
        const wanted = [...there]
          .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
          .filter((each) => each.startsWith(prefix))
          .filter((each) => after === undefined || Buffer.compare(Buffer.from(each), Buffer.from(after)) > 0);
        const range = { prefix, limit, ...(after === undefined ? {} : { after }) };
        assert.deepEqual(keysIn(known, partition, range), wanted.slice(0, limit));
        if (limit === 10) for (const _told of known.settle(partition));
      }
    }),
  );
});

it('ordered rows: what went away is left out of the list, and comes back when it is written again', () => {
  const known = new KnownRows();
  const partition = known.addPartition('p', true);
  const rows = Array.from({ length: 1_000 }, (_, n) => known.add(partition, `r/${String(n).padStart(4, '0')}`, 1));
  assert.deepEqual(keysIn(known, partition, { prefix: 'r/', limit: 1 }), ['r/0000']);
  for (const row of rows.slice(0, 990)) known.change(partition, row, 0, null);
  assert.deepEqual(keysIn(known, partition, { prefix: 'r/', limit: 1 }), ['r/0990']);
  for (const row of rows.slice(0, 2)) known.change(partition, row, 1, {});
  assert.deepEqual(keysIn(known, partition, { prefix: 'r/', limit: 3 }), ['r/0000', 'r/0001', 'r/0990']);
});

it('ordered rows: rows that come and go between ranges elsewhere do not stay in the list for ever', () => {
  const known = new KnownRows();
  const partition = known.addPartition('p', true);
  known.change(partition, known.add(partition, 'z', 0), 1, {});
  for (let n = 0; n < 1_000; n += 1) {
    const row = known.add(partition, `a/${n}`, 0);
    known.change(partition, row, 1, {});
    assert.deepEqual(keysIn(known, partition, { prefix: 'z', limit: 1 }), ['z']);
    known.change(partition, row, 0, null);
    for (const _told of known.settle(partition));
  }
  assert.ok((partition.ordered?.length ?? 0) < 10);
});
