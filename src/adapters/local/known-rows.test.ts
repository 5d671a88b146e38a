import assert from 'node:assert/strict';
import { it } from 'node:test';
import { KnownRows, type Partition } from './known-rows.ts';

const LIMITS = { generation: 4, rows: 20 };

function withRows(known: KnownRows, pk: string, count: number): Partition {
  const partition = known.addPartition(pk, true);
  for (let n = 0; n < count; n += 1) {
    const row = known.add(partition, `row-${n}`, 1, true);
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

it('known rows: a body that the file has not been told is kept whatever its age', () => {
  const known = new KnownRows(LIMITS);
  const old = withRows(known, 'old', 2);
  const [unsaved] = old.rows.values();
  if (unsaved) unsaved.unsaved = '{}';
  for (const pk of ['b', 'c', 'd', 'e']) withRows(known, pk, 3);
  assert.deepEqual(bodiesOf(old), ['row-0']);
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
