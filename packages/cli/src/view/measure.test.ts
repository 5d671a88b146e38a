import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counted, firstOf, formatBytes, formatDuration } from './measure.ts';

test('measure: durations are given in at most two units', () => {
  const written = [0, 940, 9_949, 12_300, 65_000, 3_600_000, 7_380_000, -5].map(formatDuration);
  assert.deepEqual(written, ['0.0 s', '0.9 s', '9.9 s', '12 s', '1 m 05 s', '1 h 00 m', '2 h 03 m', '0.0 s']);
});

test('measure: sizes are given in powers of 1024', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 5 * 1024 ** 3].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '5.0 GiB',
  ]);
});

test('measure: long lists say how much they leave out', () => {
  assert.equal(firstOf(['a', 'b']), 'a, b');
  assert.equal(firstOf(['a', 'b', 'c', 'd', 'e']), 'a, b, c and 2 more');
  assert.equal(firstOf(['a'], 10), 'a and 9 more');
  assert.equal(counted(1, 'item'), '1 item');
  assert.equal(counted(2, 'item'), '2 items');
});
