import assert from 'node:assert/strict';
import { test } from 'node:test';
import { largest } from './largest.ts';

test('largest: the newest of a million numbers is found in some thirty pages, wherever they lie', async () => {
  const PAGE = 100;
  for (const [count, every] of [
    [0, 1],
    [1, 1],
    [PAGE, 1],
    [PAGE + 1, 1],
    [5_000, 1],
    [1_000_000, 1],
    [5_000, 977],
  ] as const) {
    const newest = count === 0 ? null : BigInt(count * every);
    let asked = 0;
    const pageAfter = async (after: bigint | null) => {
      asked += 1;
      const first = after === null ? 1 : Math.floor(Number(after) / every) + 1;
      const last = Math.min(count, first + PAGE - 1);
      return { last: first > count ? null : BigInt(last * every), more: last < count && first <= count };
    };
    assert.equal(await largest(pageAfter, null), newest);
    assert.ok(asked <= 32, `${count} every ${every}: ${asked} pages`);
    asked = 0;
    assert.equal(await largest(pageAfter, newest), newest);
    assert.equal(asked, 1);
  }
});
