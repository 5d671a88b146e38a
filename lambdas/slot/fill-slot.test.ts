import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keys } from '#core/rows.ts';
import type { ScheduleRow } from '#core/schedule-rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { takeIn } from '#flow/inbox.ts';
import { addSchedule } from '#flow/schedules.ts';
import type { Clock } from '#ports/clock.ts';
import { PRINCIPAL } from '../../test/support/embedded-flow.ts';
import { type HandlerBed, withHandlers } from '../../test/support/handler-bed.ts';
import { HOURLY } from '../../test/support/hourly-schedule.ts';
import { fillSlot } from './fill-slot.ts';

const REF = { principal: PRINCIPAL, name: 'hourly' };
const UNFILLED = { scheduledTime: '<aws.scheduler.scheduled-time>', schedule: REF };
const at = (scheduledTime: string): object => ({ scheduledTime, schedule: REF });

/** A schedule that was added at 10:20, and a clock that stands where the test says. */
async function withSchedule(
  use: (bed: HandlerBed, fill: (now: string, event: object) => Promise<string[]>) => Promise<void>,
) {
  await withHandlers(async (bed) => {
    const standing = (now: string): FlowDeps => {
      const clock: Clock = { nowMs: () => Date.parse(now), after: bed.flow.clock.after };
      return { ...bed.flow, clock };
    };
    const object = { key: 'k', queue: '@control', principal: PRINCIPAL, submissionId: 'add' };
    await addSchedule(standing('2026-05-04T10:20:00Z'), object, HOURLY);
    await use(bed, async (now, event) => {
      await fillSlot(standing(now), event, bed.told);
      return (await bed.flow.inbox.list({ limit: 10 })).map(({ key }) => key);
    });
  });
}

describe('slot', () => {
  it('one object for a slot, however often the scheduler calls, and whether it says for which time or not', async () => {
    await withSchedule(async (_bed, fill) => {
      const [key = '', ...more] = await fill('2026-05-04T11:00:01Z', at('2026-05-04T11:00:00Z'));
      assert.match(key, new RegExp(`^default/${PRINCIPAL}/slot-hourly-[0-9a-f]{32}\\.json$`));
      assert.deepEqual(more, []);
      for (const event of [at('2026-05-04T11:00:00.000Z'), UNFILLED, { schedule: REF }])
        assert.deepEqual(await fill('2026-05-04T11:00:30Z', event), [key]);
      assert.equal((await fill('2026-05-04T12:00:02Z', UNFILLED)).length, 2);
    });
  });

  it('a scheduler whose clock is a little ahead is believed, one that is far ahead is not', async () => {
    await withSchedule(async (_bed, fill) => {
      assert.deepEqual(await fill('2026-05-04T10:58:59Z', at('2026-05-04T11:00:00Z')), []);
      assert.deepEqual(await fill('2026-05-04T10:59:59.900Z', UNFILLED), [], 'it is not eleven yet');
      assert.equal((await fill('2026-05-04T10:59:59.900Z', at('2026-05-04T11:00:00Z'))).length, 1);
      assert.equal((await fill('2026-05-04T11:00:00.100Z', UNFILLED)).length, 1);
    });
  });

  it('a call for what is not there, or that names no schedule, fills nothing', async () => {
    await withSchedule(async (bed, fill) => {
      assert.deepEqual(await fill('2026-05-04T11:00:01Z', { schedule: { ...REF, name: 'other' } }), []);
      assert.deepEqual(await fill('2026-05-04T11:00:01Z', { scheduledTime: '2026-05-04T11:00:00Z' }), []);
      assert.equal(bed.told.badRecords.length, 1);
    });
  });

  it('while nothing can be written a row does not grow without end, and afterwards it goes on', async () => {
    await withSchedule(async (bed, fill) => {
      const hour = (n: number): string => new Date(Date.parse('2026-05-04T11:00:01Z') + n * 3_600_000).toISOString();
      bed.before = ({ port, method }) => {
        if (port === 'inbox' && method === 'put') throw new Error('S3 is away');
      };
      for (let n = 0; n < 30; n += 1) await assert.rejects(fill(hour(n), UNFILLED));
      const { slots } = await bed.row<ScheduleRow>(keys.schedule(PRINCIPAL, 'hourly'));
      assert.equal(slots.length, 20);
      bed.before = () => {};
      await fill(hour(30), UNFILLED);
      assert.equal((await bed.flow.inbox.list({ limit: 50 })).length, 20);
      await takeIn(bed.flow, (_object, error) => assert.fail(String(error)));
      await fill(hour(30), UNFILLED);
      const [key, ...more] = (await bed.flow.inbox.list({ limit: 50 })).map((object) => object.submissionId);
      const after = await bed.row<ScheduleRow>(keys.schedule(PRINCIPAL, 'hourly'));
      assert.deepEqual([after.slots.at(-1)?.id, after.slots.length, more], [key, 20, []]);
    });
  });

  it('a call that fails on its way is made up for by the next one', async () => {
    await withSchedule(async (bed, fill) => {
      bed.before = ({ port, method }) => {
        if (port === 'inbox' && method === 'put') throw new Error('S3 is away');
      };
      await assert.rejects(fill('2026-05-04T11:00:01Z', UNFILLED), /S3 is away/);
      bed.before = () => {};
      assert.equal((await fill('2026-05-04T11:00:20Z', UNFILLED)).length, 1);
    });
  });
});
