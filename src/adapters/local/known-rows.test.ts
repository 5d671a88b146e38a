import assert from 'node:assert/strict';
import { it } from 'node:test';
import { KnownRows, type Partition } from './known-rows.ts';

const LIMITS = { generation: 4, rows: 20 };

function withRows(known: KnownRows, pk: string, count: number): Partition {
  const partition = known.addPartition(pk, true);
  for (let n = 0; n < count; n += 1) {
    const row = known.add(partition, `row-${n}`, 1);
    row.body = { n };
    known.use(row);
  }
  return partition;
}

function bodiesOf(partition: Partition): string[] {
  return [...partition.rows.values()].filter(({ body }) => body !== undefined).map(({ sk }) => sk);
}

it('known rows: a body that nobody asks for any more is let go of, and its version stays', () => {
  const known = new KnownRows(LIMITS);
  const old = withRows(known, 'old', 2);
  const kept = old.rows.get('row-1');
  for (const pk of ['b', 'c', 'd', 'e']) {
    withRows(known, pk, 3);
    if (kept) known.use(kept);
  }
  assert.deepEqual(bodiesOf(old), ['row-1']);
  assert.equal(old.rows.get('row-0')?.version, 1);
});

it('known rows: a body that the table has not been told is kept whatever its age', () => {
  const known = new KnownRows(LIMITS);
  const old = withRows(known, 'old', 2);
  const [changed] = old.rows.values();
  if (changed) known.change(old, changed, 2, { n: 2 });
  for (const pk of ['b', 'c', 'd', 'e']) withRows(known, pk, 3);
  assert.deepEqual(bodiesOf(old), ['row-0']);
});

it('known rows: what the table has not been told is not forgotten', () => {
  const known = new KnownRows(LIMITS);
  for (const pk of ['a', 'b', 'c', 'd', 'e', 'f']) withRows(known, pk, 5);
  const changed = known.partition('a');
  const row = changed?.rows.get('row-0');
  if (changed && row) known.change(changed, row, 2, { n: 2 });
  for (let n = 0; n < 3; n += 1) known.shrink();
  assert.ok(known.partition('a'));
  assert.equal(known.partition('b'), undefined);
});

it('known rows: of a range in a partition that is not known as a whole, what the table was not told counts', () => {
  const known = new KnownRows(LIMITS);
  const partition = known.addPartition('p', false);
  for (const [sk, version] of [
    ['x/b', 0],
    ['x/c', 2],
    ['y', 2],
  ] as const) {
    known.change(partition, known.add(partition, sk, 1), version, version === 0 ? null : {});
  }
  assert.deepEqual(known.keysNow(partition, { prefix: 'x/', limit: 3 }, ['x/a', 'x/b', 'x/d']), ['x/a', 'x/c', 'x/d']);
  assert.deepEqual(known.keysNow(partition, { prefix: 'x/', after: 'x/c', limit: 3 }, ['x/d']), ['x/d']);
  assert.deepEqual(known.keysNow(partition, { prefix: 'x/', limit: 1 }, ['x/a', 'x/b']), ['x/a']);
});

it('known rows: with too many of them, the partitions that nobody asked for are forgotten', () => {
  const known = new KnownRows(LIMITS);
  for (const pk of ['a', 'b', 'c', 'd']) withRows(known, pk, 5);
  known.shrink();
  assert.ok(known.partition('a'), 'there is room for all of them');
  withRows(known, 'e', 1);
  known.shrink();
  const left = ['a', 'b', 'c', 'd', 'e'].filter((pk) => known.partition(pk));
  assert.deepEqual(left, ['d', 'e'], 'each is passed once, and then the oldest go');
  withRows(known, 'f', 15);
  assert.ok(known.partition('d'));
  known.shrink();
  assert.equal(known.partition('e'), undefined);
});
