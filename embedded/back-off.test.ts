import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackOff } from './back-off.ts';

test('back-off: every failure doubles the rest, up to an hour, and a success begins anew', () => {
  const rests: number[] = [];
  let end = (): void => {};
  const backOff = new BackOff({
    nowMs: () => 0,
    after(delayMs, run) {
      rests.push(delayMs);
      end = run;
      return () => {};
    },
  });
  let tries = 0;
  const fail = (): void => backOff.failed('a', () => (tries += 1));
  for (let n = 0; n < 12; n += 1) {
    fail();
    assert.deepEqual([backOff.isResting('a'), backOff.isResting('b'), tries], [true, false, n]);
    end();
    assert.deepEqual([backOff.isResting('a'), tries], [false, n + 1]);
  }
  assert.deepEqual(rests.slice(0, 3), [4_000, 8_000, 16_000]);
  assert.deepEqual(rests.slice(-3), [2_048_000, 3_600_000, 3_600_000]);
  backOff.passed('a');
  fail();
  assert.equal(rests.at(-1), 4_000);
});
