import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '#ports/clock.ts';
import { Cadence } from './cadence.ts';

const RULE = { events: 3, longestMs: 60_000, shortestMs: 1_000 };

/** A clock that a test sets, and that rings what is due in order. */
class HandClock implements Clock {
  #nowMs = 0;
  #timers: { dueMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  advanceTo(ms: number): void {
    for (;;) {
      const next = this.#timers.filter(({ dueMs }) => dueMs <= ms).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
    }
    this.#nowMs = ms;
  }
}

function cadence(): { clock: HandClock; passes: string[]; cadence: Cadence } {
  const clock = new HandClock();
  const passes: string[] = [];
  return { clock, passes, cadence: new Cadence(RULE, clock, (run) => passes.push(`${run}@${clock.nowMs()}`)) };
}

describe('cadence', () => {
  it('many events wait for the interval, few for the minute', () => {
    const { clock, passes, cadence: made } = cadence();
    made.note('many', 3);
    made.note('few', 1);
    clock.advanceTo(999);
    assert.deepEqual(passes, []);
    clock.advanceTo(59_999);
    assert.deepEqual(passes, ['many@1000']);
    clock.advanceTo(60_000);
    assert.deepEqual(passes, ['many@1000', 'few@60000']);
  });

  it('a steady stream is passed once an interval, and the minute counts from the oldest event that waits', () => {
    const { clock, passes, cadence: made } = cadence();
    for (let ms = 0; ms < 3_000; ms += 100) {
      clock.advanceTo(ms);
      made.note('r', 1);
    }
    clock.advanceTo(3_000);
    assert.deepEqual(passes, ['r@1000', 'r@2000', 'r@3000']);
    clock.advanceTo(4_500);
    made.note('r', 1);
    clock.advanceTo(30_000);
    made.note('r', 1);
    clock.advanceTo(64_500);
    assert.deepEqual(passes.slice(3), ['r@64500']);
  });

  it('a run that has ended is passed no more', () => {
    const { clock, passes, cadence: made } = cadence();
    made.note('r', 5);
    made.forget('r');
    made.note('other', 5);
    made.stop();
    clock.advanceTo(100_000);
    assert.deepEqual(passes, []);
  });
});
