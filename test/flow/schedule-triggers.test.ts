/** Somebody has a schedule run again and again before any of it is answered: each costs its own object, and so many wait. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ScheduleList } from '@waybill/client/documents';
import { deriveRunId } from '@waybill/verify';
import type { Answer } from '#flow/answer.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { takeIn } from '#flow/inbox.ts';
import { addSchedule, steerSchedule } from '#flow/schedules.ts';
import { KEPT_SLOTS, resumeSchedules, showSchedules } from '#flow/slots.ts';
import { PRINCIPAL } from '../support/embedded-flow.ts';
import { withHandlers } from '../support/handler-bed.ts';
import { HOURLY } from '../support/hourly-schedule.ts';

interface TriggersBed {
  flow: FlowDeps;
  ask(submissionId: string, what: 'pause' | 'resume' | 'trigger' | 'rm'): Promise<Answer>;
  /** Submission ids of what was written for the schedule, as often as it was. */
  written: string[];
  on: { put(): void };
  waiting(): Promise<number>;
}

async function withTriggers(use: (bed: TriggersBed) => Promise<void>): Promise<void> {
  await withHandlers(async (bed) => {
    const written: string[] = [];
    const on = { put: () => {} };
    const put: FlowDeps['inbox']['put'] = async (name, bytes) => {
      on.put();
      written.push(name.submissionId);
      return bed.flow.inbox.put(name, bytes);
    };
    const inbox = Object.assign(Object.create(bed.flow.inbox) as FlowDeps['inbox'], { put });
    const scheduler: FlowDeps['scheduler'] = { set: async () => {}, remove: async () => {}, onDue() {} };
    const clock = { ...bed.flow.clock, nowMs: () => Date.parse('2026-05-04T10:20:00Z') };
    const flow = { ...bed.flow, inbox, scheduler, clock };
    const object = (submissionId: string) => ({ key: 'k', queue: '@control', principal: PRINCIPAL, submissionId });
    await addSchedule(flow, object('add'), HOURLY);
    const ask: TriggersBed['ask'] = (id, what) =>
      steerSchedule(flow, object(id), { verb: 'schedule', schedule: 'hourly', do: what });
    const waiting = async (): Promise<number> => (await flow.inbox.list({ limit: 100 })).length;
    await use({ flow, ask, written, on, waiting });
  });
}

const noTrouble = (_about: unknown, error: unknown): void => assert.fail(String(error));

const failOnce = (on: TriggersBed['on']): void => {
  on.put = () => {
    on.put = () => {};
    throw new Error('the disk is full');
  };
};

describe('flow: triggers of a schedule', () => {
  it('each writes the object of its own run, however many wait, and no other verb writes any', async () => {
    await withTriggers(async ({ ask, written, waiting }) => {
      for (let n = 0; n < KEPT_SLOTS; n += 1) assert.equal((await ask(`t${n}`, 'trigger')).status, 'accepted');
      assert.equal(new Set(written).size, KEPT_SLOTS);
      for (const what of ['pause', 'resume'] as const) assert.equal((await ask(what, what)).status, 'accepted');
      assert.deepEqual([written.length, await waiting()], [KEPT_SLOTS, KEPT_SLOTS]);
    });
  });

  it('one that was accepted and whose object was not written is written when it comes again', async () => {
    await withTriggers(async ({ ask, written, on }) => {
      await ask('before', 'trigger');
      failOnce(on);
      await assert.rejects(ask('cut', 'trigger'), /disk is full/);
      assert.equal((await ask('cut', 'trigger')).status, 'deduped');
      assert.deepEqual(
        written,
        ['before', 'cut'].map((id) => `trigger-hourly-${deriveRunId(PRINCIPAL, id)}`),
      );
    });
  });

  it('one that never comes again is written by whoever looks after schedules, or with the removal', async () => {
    await withTriggers(async ({ flow, ask, written, on }) => {
      failOnce(on);
      await assert.rejects(ask('cut', 'trigger'), /disk is full/);
      await ask('other', 'pause');
      assert.deepEqual(written, []);
      await resumeSchedules(flow, noTrouble);
      assert.equal(written.length, 1);
      failOnce(on);
      await assert.rejects(ask('cut-too', 'trigger'), /disk is full/);
      await ask('last', 'rm');
      assert.equal(new Set(written).size, 2);
    });
  });

  it(`while ${KEPT_SLOTS} have no answer one more is denied and leaves nothing, and then it is accepted`, async () => {
    await withTriggers(async ({ flow, ask, written }) => {
      for (let n = 0; n < KEPT_SLOTS; n += 1) await ask(`t${n}`, 'trigger');
      const { status, run, reasons } = await ask('more', 'trigger');
      const [reason] = reasons;
      assert.deepEqual([status, run, reason?.code, reason?.path], ['denied', undefined, 'SPEC_LIMIT', 'spec.schedule']);
      assert.match(reason?.problem ?? '', /20 runs of schedule hourly wait/);
      assert.match(reason?.fix ?? '', /waybill schedule show hourly/);
      assert.equal(written.length, KEPT_SLOTS);
      await takeIn(flow, noTrouble);
      assert.equal((await ask('more', 'trigger')).status, 'accepted');
    });
  });

  it('one that waits already is no further one, even when nobody remembers that its object was answered', async () => {
    await withTriggers(async ({ ask }) => {
      for (let n = 0; n < KEPT_SLOTS; n += 1) await ask(`t${n}`, 'trigger');
      assert.equal((await ask('hold', 'pause')).status, 'accepted');
      assert.equal((await ask('t0', 'trigger')).status, 'accepted');
    });
  });

  it('what is shown is written once for all who ask while it is being written, and covers what they did', async () => {
    await withTriggers(async ({ flow, ask }) => {
      const lists: ScheduleList[] = [];
      let finishFirst = (): void => {};
      const first = new Promise<void>((resolve) => {
        finishFirst = resolve;
      });
      const publishSchedules = async (list: ScheduleList): Promise<void> => {
        lists.push(list);
        if (lists.length === 1) await first;
      };
      const listing = { ...flow, inbox: Object.assign(Object.create(flow.inbox), { publishSchedules }) };
      const all = [showSchedules(listing, PRINCIPAL)];
      await ask('t', 'trigger');
      for (let n = 0; n < 10; n += 1) all.push(showSchedules(listing, PRINCIPAL));
      finishFirst();
      await Promise.all(all);
      assert.deepEqual(
        lists.map(({ schedules }) => schedules[0]?.slots.length),
        [0, 1],
      );
    });
  });
});
