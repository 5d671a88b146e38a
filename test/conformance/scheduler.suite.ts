/** The contract of the scheduler port, over any adapter: what is called for, and from when until when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCron } from '@waybill/client/compile';
import { nextSlot } from '#core/slots.ts';
import type { ScheduleRef, Scheduler, SlotAlarm } from '#ports/scheduler.ts';
import { aroundBed } from './around-bed.ts';

export interface SchedulerBed {
  scheduler: Scheduler;
  /** Lets the time of the bed come from where it is, 2026-03-28T12:00Z at first. Resolves with what was called for by then. */
  passUntil(time: string): Promise<{ ref: ScheduleRef; at: string }[]>;
  close(): Promise<void>;
}

const OWNER = 'AROAEXAMPLEEXAMPLE:somebody';

function alarm(name: string, cron: string, timeZone: string): SlotAlarm {
  const read = readCron(cron);
  assert.ok(read.ok, cron);
  return { principal: OWNER, name, fields: read.fields, timeZone };
}

export function schedulerSuite(name: string, open: () => Promise<SchedulerBed>): void {
  const withScheduler = (use: (bed: SchedulerBed) => Promise<void>) => aroundBed(open, use);
  const minutesOf = (calls: { ref: ScheduleRef; at: string }[], of: string): string[] =>
    calls.filter(({ ref }) => ref.name === of).map(({ at }) => at.slice(5, 16));

  describe(`scheduler: ${name}`, () => {
    it(
      'SC-01 what is set is called for at each of its slots, by its reference, and nothing else is',
      withScheduler(async ({ scheduler, passUntil }) => {
        await scheduler.set(alarm('half-past', '30 */4 * * *', 'UTC'));
        await scheduler.set(alarm('weekly', '0 0 * * MON', 'UTC'));
        const calls = await passUntil('2026-03-29T00:30:00Z');
        assert.deepEqual(minutesOf(calls, 'half-past'), ['03-28T12:30', '03-28T16:30', '03-28T20:30', '03-29T00:30']);
        assert.deepEqual(calls[0]?.ref, { principal: OWNER, name: 'half-past' });
        assert.deepEqual(minutesOf(calls, 'weekly'), []);
        assert.deepEqual(minutesOf(await passUntil('2026-03-30T00:00:00Z'), 'weekly'), ['03-30T00:00']);
      }),
    );

    it(
      'SC-02 set again it is what it was, or what it is now, and never both',
      withScheduler(async ({ scheduler, passUntil }) => {
        for (let n = 0; n < 2; n += 1) await scheduler.set(alarm('one', '0 13 * * *', 'UTC'));
        assert.deepEqual(minutesOf(await passUntil('2026-03-28T13:00:00Z'), 'one'), ['03-28T13:00']);
        await scheduler.set(alarm('one', '0 14 * * *', 'UTC'));
        assert.deepEqual(minutesOf(await passUntil('2026-03-29T13:30:00Z'), 'one'), ['03-28T14:00']);
      }),
    );

    it(
      'SC-03 what is removed is not called for, and removing it again or never having had it changes nothing',
      withScheduler(async ({ scheduler, passUntil }) => {
        await scheduler.set(alarm('one', '0 * * * *', 'UTC'));
        await scheduler.set(alarm('two', '0 * * * *', 'UTC'));
        for (const gone of ['one', 'one', 'never-there']) await scheduler.remove({ principal: OWNER, name: gone });
        const calls = await passUntil('2026-03-28T13:00:00Z');
        assert.deepEqual([minutesOf(calls, 'one'), minutesOf(calls, 'two')], [[], ['03-28T13:00']]);
      }),
    );

    it(
      'SC-04 the same name of another principal is another schedule',
      withScheduler(async ({ scheduler, passUntil }) => {
        const other = { ...alarm('one', '0 * * * *', 'UTC'), principal: 'AIDAEXAMPLEEXAMPLE' };
        await scheduler.set(alarm('one', '0 * * * *', 'UTC'));
        await scheduler.set(other);
        await scheduler.remove({ principal: OWNER, name: 'one' });
        const calls = await passUntil('2026-03-28T13:00:00Z');
        assert.deepEqual(
          calls.map(({ ref }) => ref.principal),
          [other.principal],
        );
      }),
    );

    it(
      'SC-05 there is a call within a minute of every slot that the arithmetic knows, on days when clocks are changed too',
      withScheduler(async ({ scheduler, passUntil }) => {
        const all = [
          alarm('gap', '*/20 1-3 * * *', 'Europe/Berlin'),
          alarm('half', '15,45 * * * SUN', 'Asia/Kolkata'),
          alarm('days', '5 4 29,30 3 *', 'America/New_York'),
          alarm('names', '0-10/5,59 23 * JAN,MAR-MAY *', 'Australia/Lord_Howe'),
        ];
        for (const one of all) await scheduler.set(one);
        const until = '2026-03-30T12:00:00Z';
        const calls = await passUntil(until);
        for (const one of all) {
          const expected: string[] = [];
          let slotMs = nextSlot(one, Date.parse('2026-03-28T12:00:00Z'));
          while (slotMs !== null && slotMs <= Date.parse(until)) {
            expected.push(new Date(slotMs).toISOString().slice(5, 16));
            slotMs = nextSlot(one, slotMs);
          }
          assert.ok(expected.length > 0);
          assert.deepEqual(minutesOf(calls, one.name), expected, one.name);
        }
      }),
    );
  });
}
