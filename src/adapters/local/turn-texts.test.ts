import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change, Turn } from './store-file.ts';
import { IN_ONE, turnsOf } from './turn-texts.ts';

const MOST = { changes: 10, size: 4_000 };

function change(n: number, length: number): Change {
  return [`row-${n}`, 1, { text: 'x'.repeat(length) }];
}

function allOf(turns: readonly Turn[]): string[] {
  return turns.flatMap((turn) => turn.flatMap(([pk, changes]) => changes.map(([sk]) => `${pk} ${sk}`)));
}

function sizesOf(turns: readonly Turn[]): number[] {
  return turns.map((turn) => JSON.stringify(turn).length);
}

test('turn texts: a turn of small rows is cut by their number, at the end of a partition', () => {
  const partitions = ['a', 'b', 'c'].map((pk): [string, Change[]] => [
    pk,
    Array.from({ length: 6 }, (_, n) => change(n, 1)),
  ]);
  const turns = turnsOf(partitions, 100, MOST);
  const shown = turns.map((turn) => turn.map(([pk, changes]) => `${pk}${changes.length}`));
  assert.deepEqual(shown, [['a6', 'b6'], ['c6']]);
  assert.deepEqual(turnsOf([], 0, MOST), []);
});

test('turn texts: however large the rows of a turn are, no text is much longer than what it may hold, and none is lost', () => {
  const partitions: [string, Change[]][] = [
    ['one', Array.from({ length: 60 }, (_, n) => change(n, 300))],
    ['two', Array.from({ length: 3 }, (_, n) => change(n, 10))],
    ['three', [change(0, 5_000), ['gone', 0, null]]],
  ];
  const turns = turnsOf(partitions, 200_000, MOST);
  assert.deepEqual(
    allOf(turns),
    partitions.flatMap(([pk, changes]) => changes.map(([sk]) => `${pk} ${sk}`)),
  );
  // One row more than the size: the largest has 5,000 characters.
  for (const length of sizesOf(turns)) assert.ok(length < MOST.size + 5_100, `${length}`);
  // By their number alone all of the first partition would be one text.
  assert.ok(Math.max(...sizesOf(turnsOf(partitions, 0, MOST))) > 4 * MOST.size);
});

test('turn texts: a turn of as large rows as there are is cut before the platform has no text for it', () => {
  // The same text in all of them, which takes no room here and all of it in a turn.
  const body = { text: 'x'.repeat(340_000) };
  const changes = Array.from({ length: 2_000 }, (_, n): Change => [`row-${n}`, 1, body]);
  const turns = turnsOf([['p', changes]], 2_000 * 6 * 340_000);
  assert.equal(allOf(turns).length, changes.length);
  const longest = Math.max(...turns.map((turn) => turn.reduce((sum, [, some]) => sum + some.length, 0)));
  assert.ok(longest * 340_000 < IN_ONE.size, `${longest} rows`);
});
