import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DURATION_PATTERN, durationMs, formatDuration } from './duration.ts';

test('duration: each unit is what it says', () => {
  assert.deepEqual(['500ms', '30s', '15m', '2h', '0s'].map(durationMs), [500, 30_000, 900_000, 7_200_000, 0]);
});

test('duration: what is formatted reads back as the same, in the largest unit that fits', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 31 - 1 }), (ms) => {
      const text = formatDuration(ms);
      assert.match(text, DURATION_PATTERN);
      assert.equal(durationMs(text), ms);
    }),
  );
  assert.deepEqual([1_500, 90_000, 3_600_000].map(formatDuration), ['1500ms', '90s', '1h']);
});

test('duration: words, signs, fractions and missing units are not durations', () => {
  for (const text of ['', '5', 's', '-1s', '+1s', '1.5h', '01s', '1 s', '1S', '1d', '1h30m', '1s\n', '٣s']) {
    assert.doesNotMatch(text, DURATION_PATTERN, text);
  }
});
