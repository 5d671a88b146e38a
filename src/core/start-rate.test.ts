import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { afterStart, nextStartMs, type StartBucket, startsNow } from './start-rate.ts';

describe('start rate', () => {
  it('a full bucket lets a burst through, then one after the other', () => {
    const rate = { starts: 3, perSeconds: 1 };
    let bucket: StartBucket | undefined;
    for (let n = 0; n < 3; n += 1) {
      assert.equal(nextStartMs(rate, bucket, 1_000), 1_000);
      bucket = afterStart(rate, bucket, 1_000);
    }
    for (const nowMs of [1_000, 1_200, 1_334]) assert.equal(nextStartMs(rate, bucket, nowMs), 1_334);
    assert.equal(nextStartMs(rate, bucket, 9_000), 9_000);
    assert.equal(afterStart(rate, bucket, 9_000).drops, 2_000, 'it is full again, and no fuller');
  });

  it('a clock that was set back neither brings starts nor takes any', () => {
    const rate = { starts: 1, perSeconds: 10 };
    const bucket = afterStart(rate, undefined, 50_000);
    assert.equal(nextStartMs(rate, bucket, 20_000), 60_000);
  });

  it('says how many may start now: as many as do, one after the other', () => {
    const rate = { starts: 3, perSeconds: 2 };
    let bucket: StartBucket | undefined;
    for (const nowMs of [1_000, 1_000, 1_700, 2_400, 2_400, 60_000]) {
      const said = startsNow(rate, bucket, nowMs);
      let begun = 0;
      let left = bucket;
      for (; nextStartMs(rate, left, nowMs) <= nowMs; begun += 1) left = afterStart(rate, left, nowMs);
      assert.equal(said, begun);
      if (begun > 0) bucket = afterStart(rate, bucket, nowMs);
    }
  });

  it('within no span more start than a burst and what the span brings, however they come', () => {
    const number = (max: number) => fc.integer({ min: 1, max });
    const arrivals = fc.array(fc.nat({ max: 4_000 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(number(9), number(5), arrivals, (starts, perSeconds, gaps) => {
        const rate = { starts, perSeconds };
        const begun: number[] = [];
        let bucket: StartBucket | undefined;
        let nowMs = 1_000;
        for (const gap of gaps) {
          nowMs = nextStartMs(rate, bucket, nowMs + gap);
          bucket = afterStart(rate, bucket, nowMs);
          assert.ok(bucket.drops >= 0);
          begun.push(nowMs);
        }
        for (const [n, fromMs] of begun.entries()) {
          for (const spanMs of [1, perSeconds * 1_000, 7_000]) {
            const within = begun.slice(n).filter((atMs) => atMs < fromMs + spanMs).length;
            assert.ok(within <= starts + Math.ceil((spanMs * starts) / (perSeconds * 1_000)));
          }
        }
      }),
    );
  });
});
