/** What the reconciler and submit do about schedules between them, when an alarm or a call is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ScheduleVerb } from '@waybill/client/compile';
import type { FlowDeps } from '#flow/deps.ts';
import { takeIn } from '#flow/inbox.ts';
import { addSchedule, steerSchedule } from '#flow/schedules.ts';
import { fillSlots } from '#flow/slots.ts';
import { reconcile } from '#lambdas/reconcile/reconcile.ts';
import { RESUME_SCHEDULES } from '#lambdas/shared/schedules-message.ts';
import { takeInMessages } from '#lambdas/submit/take-in.ts';
import { PRINCIPAL } from '../support/embedded-flow.ts';
import { failedIds, type HandlerBed, queueEvent, withHandlers } from '../support/handler-bed.ts';
import { HOURLY } from '../support/hourly-schedule.ts';
import { dutiesOf, TICK } from '../support/reconcile-bed.ts';

/** A third minute, in which the reconciler looks at schedules. */
const LOOK = '2026-05-04T11:03:00Z';
const REF = { principal: PRINCIPAL, name: 'hourly' };

interface SchedulesBed extends HandlerBed {
  /** Names of the schedules that are called for. */
  alarms: Set<string>;
  at(now: string): FlowDeps;
  /** What the reconciler does then, and submit when it is asked. */
  minute(now: string, flow?: FlowDeps): Promise<void>;
  /** Submission ids of what waits. */
  waiting(): Promise<string[]>;
}

/** One of 10:20, hourly, and a scheduler that remembers what it was told. */
async function withSchedule(use: (bed: SchedulesBed) => Promise<void>): Promise<void> {
  await withHandlers(async (bed) => {
    const alarms = new Set<string>();
    const scheduler: FlowDeps['scheduler'] = {
      set: async ({ name }) => void alarms.add(name),
      remove: async ({ name }) => void alarms.delete(name),
      onDue() {},
    };
    const at = (now: string): FlowDeps => ({
      ...bed.flow,
      scheduler,
      clock: { ...bed.flow.clock, nowMs: () => Date.parse(now) },
    });
    await addSchedule(at('2026-05-04T10:20:00Z'), asked('add'), HOURLY);
    const waiting = async (): Promise<string[]> =>
      (await bed.flow.inbox.list({ limit: 10 })).map(({ submissionId }) => submissionId);
    const minute: SchedulesBed['minute'] = async (now, flow = at(now)) => {
      const duties = { ...dutiesOf(bed), flow };
      await reconcile(duties, TICK, bed.told);
      // Objects that wait are told of too, which is not what is looked at here.
      const asks = duties.submissions.sent.filter(({ body }) => body === RESUME_SCHEDULES);
      const event = queueEvent(...asks.map(({ body }) => body as object));
      assert.deepEqual(failedIds(await takeInMessages({ flow, objectOf: () => null }, event, bed.told)), []);
    };
    await use(Object.assign(bed, { alarms, at, minute, waiting }));
  });
}

function asked(submissionId: string) {
  return { key: 'k', queue: '@control', principal: PRINCIPAL, submissionId };
}

function verb(what: ScheduleVerb['do']): ScheduleVerb {
  return { schedule: 'hourly', do: what } as ScheduleVerb;
}

describe('flow: schedules that lost something', () => {
  it('alarms that went with the stack that held them are set again, within three minutes', async () => {
    await withSchedule(async ({ alarms, minute }) => {
      alarms.clear();
      await minute('2026-05-04T10:22:00Z');
      await minute('2026-05-04T10:23:00Z');
      assert.deepEqual([...alarms], [], 'it does not look each minute');
      await minute('2026-05-04T10:24:00Z');
      assert.deepEqual([...alarms], ['hourly']);
    });
  });

  it('one that is paused or removed stays without', async () => {
    await withSchedule(async ({ alarms, at, minute, waiting }) => {
      for (const what of ['pause', 'rm'] as const) {
        await steerSchedule(at('2026-05-04T10:21:00Z'), asked(what), verb(what));
        await minute(LOOK);
        assert.deepEqual([[...alarms], await waiting()], [[], []], what);
      }
    });
  });

  it('a slot that nobody called for is filled, a young one is left to the call that is on its way', async () => {
    await withSchedule(async ({ minute, waiting }) => {
      await minute('2026-05-04T11:00:20Z');
      assert.deepEqual(await waiting(), []);
      await minute(LOOK);
      const [id = '', ...more] = await waiting();
      assert.match(id, /^slot-hourly-[0-9a-f]{32}$/);
      assert.deepEqual(more, []);
    });
  });

  it('a slot that was decided about and never written is written, and so is a run that was triggered while it is paused', async () => {
    await withSchedule(async (bed) => {
      const { at, minute, waiting } = bed;
      bed.before = ({ port, method }) => {
        if (port === 'inbox' && method === 'put') throw new Error('S3 is away');
      };
      const now = '2026-05-04T11:00:01Z';
      await assert.rejects(fillSlots(at(now), REF), /S3 is away/);
      await steerSchedule(at(now), asked('pause'), verb('pause'));
      await assert.rejects(steerSchedule(at(now), asked('trigger'), verb('trigger')), /S3 is away/);
      bed.before = () => {};
      assert.deepEqual(await waiting(), []);
      await minute('2026-05-04T11:01:00Z');
      assert.deepEqual(await waiting(), []);
      await minute(LOOK);
      assert.deepEqual(
        (await waiting()).map((id) => id.replace(/-[0-9a-f]{32}$/, '')),
        ['slot-hourly', 'trigger-hourly'],
      );
      await takeIn(at(LOOK), (_object, error) => assert.fail(String(error)));
      await minute('2026-05-04T11:06:00Z');
      assert.deepEqual(await waiting(), [], 'what has its answer is not written again');
    });
  });

  it('while the scheduler is away slots are filled all the same, and it is told', async () => {
    await withSchedule(async (bed) => {
      const away = {
        ...bed.at(LOOK),
        scheduler: { ...bed.at(LOOK).scheduler, set: async () => Promise.reject(new Error('away')) },
      };
      await bed.minute(LOOK, away);
      assert.equal((await bed.waiting()).length, 1);
      assert.deepEqual(bed.told.troubles.filter((trouble) => trouble.includes('schedule hourly')).length, 1);
    });
  });

  it('without schedules it costs one read', async () => {
    await withHandlers(async (bed) => {
      const readsAt = async (now: string): Promise<number> => {
        bed.calls.length = 0;
        const flow = { ...bed.flow, clock: { ...bed.flow.clock, nowMs: () => Date.parse(now) } };
        await reconcile({ ...dutiesOf(bed), flow }, TICK, bed.told);
        return bed.calls.length;
      };
      await readsAt('2026-05-04T11:01:00Z');
      assert.equal(await readsAt(LOOK), (await readsAt('2026-05-04T11:04:00Z')) + 1);
    });
  });
});
