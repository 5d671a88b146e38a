/** What the scheduler calls for follows the row, in whatever order the calls to it land. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ScheduleVerb } from '@waybill/client/compile';
import type { FlowDeps } from '#flow/deps.ts';
import { addSchedule, steerSchedule } from '#flow/schedules.ts';
import { PRINCIPAL } from '../support/embedded-flow.ts';
import { withHandlers } from '../support/handler-bed.ts';
import { HOURLY } from '../support/hourly-schedule.ts';

type Call = 'set' | 'remove';
type Steer = (id: string, what: ScheduleVerb['do']) => Promise<string>;

/** `late` comes in between a call to the scheduler and its landing there, each time. */
async function withAlarms(
  use: (bed: { landed: Call[]; steer: Steer; on: { late: (call: Call) => Promise<void> } }) => Promise<void>,
): Promise<void> {
  await withHandlers(async (bed) => {
    const landed: Call[] = [];
    const on = { late: async (_call: Call): Promise<void> => {} };
    const land = async (call: Call): Promise<void> => {
      await on.late(call);
      landed.push(call);
    };
    const flow: FlowDeps = {
      ...bed.flow,
      scheduler: { set: () => land('set'), remove: () => land('remove'), onDue() {} },
      // As functions do, which wait for nobody else.
      lane: (decision) => decision(),
    };
    const object = (submissionId: string) => ({ key: 'k', queue: '@control', principal: PRINCIPAL, submissionId });
    const steer: Steer = async (id, what) =>
      (await steerSchedule(flow, object(id), { schedule: 'hourly', do: what } as ScheduleVerb)).status;
    await addSchedule(flow, object('add'), HOURLY);
    landed.length = 0;
    await use({ landed, steer, on });
  });
}

describe('flow: alarms of schedules', () => {
  it('a pause that comes again and lands behind a resume takes no alarm away', async () => {
    await withAlarms(async ({ landed, steer, on }) => {
      assert.equal(await steer('pause', 'pause'), 'accepted');
      on.late = async () => {
        on.late = async () => {};
        assert.equal(await steer('resume', 'resume'), 'accepted');
      };
      assert.equal(await steer('pause', 'pause'), 'deduped');
      assert.deepEqual(landed, ['remove', 'set', 'remove', 'set']);
    });
  });

  it('what nothing came in between of is done once', async () => {
    await withAlarms(async ({ landed, steer }) => {
      await steer('pause', 'pause');
      await steer('resume', 'resume');
      assert.deepEqual(landed, ['remove', 'set']);
    });
  });

  it('one that is changed each time its alarm is set is given up for now, and says so', async () => {
    await withAlarms(async ({ steer, on }) => {
      let changes = 0;
      const change = async (call: Call): Promise<void> => {
        on.late = async () => {};
        changes += 1;
        await steer(`c${changes}`, call === 'remove' ? 'resume' : 'pause');
        on.late = change;
      };
      on.late = change;
      await assert.rejects(steer('pause', 'pause'), { code: 'STORE_BUSY', retryable: true });
      assert.equal(changes, 5);
    });
  });
});
