import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readCron } from '@waybill/client/compile';
import { createLocalScheduler } from '#adapters/local/scheduler.ts';
import type { Clock } from '#ports/clock.ts';
import type { ScheduleRef } from '#ports/scheduler.ts';
import { type SchedulerBed, schedulerSuite } from './scheduler.suite.ts';

/** Time that passes only when it is told to, and calls back on its way. */
class ToldClock implements Clock {
  #nowMs = Date.parse('2026-03-28T12:00:00Z');
  readonly #waiting = new Map<() => void, number>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    this.#waiting.set(run, this.#nowMs + delayMs);
    return () => void this.#waiting.delete(run);
  }

  passUntil(untilMs: number): void {
    for (;;) {
      const [first] = [...this.#waiting].sort(([, a], [, b]) => a - b);
      if (first === undefined || first[1] > untilMs) break;
      this.#waiting.delete(first[0]);
      this.#nowMs = Math.max(this.#nowMs, first[1]);
      first[0]();
    }
    this.#nowMs = untilMs;
  }

  /** As when the machine sleeps: it is later, and what waits waits as long as it would have. */
  sleepUntil(untilMs: number): void {
    for (const [run, dueMs] of this.#waiting) this.#waiting.set(run, dueMs + untilMs - this.#nowMs);
    this.#nowMs = untilMs;
  }
}

async function openLocal(): Promise<SchedulerBed & { clock: ToldClock }> {
  const clock = new ToldClock();
  const scheduler = createLocalScheduler(clock);
  const calls: { ref: ScheduleRef; at: string }[] = [];
  scheduler.onDue((ref) => calls.push({ ref, at: new Date(clock.nowMs()).toISOString() }));
  return {
    clock,
    scheduler,
    async passUntil(time) {
      clock.passUntil(Date.parse(time));
      return calls.splice(0);
    },
    async close() {},
  };
}

schedulerSuite('this process', openLocal);

it('scheduler: this process: after a sleep over several slots there is one call, within a minute', async () => {
  const { clock, scheduler, passUntil } = await openLocal();
  const read = readCron('0 * * * *');
  assert.ok(read.ok);
  await scheduler.set({ principal: 'p', name: 'n', fields: read.fields, timeZone: 'UTC' });
  clock.sleepUntil(Date.parse('2026-03-28T15:37:00Z'));
  const calls = await passUntil('2026-03-28T15:38:00Z');
  assert.deepEqual(
    calls.map(({ at }) => at),
    ['2026-03-28T15:38:00.000Z'],
  );
});
