import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keys } from '#core/rows.ts';
import { PRINCIPAL, putInbox } from '../../test/support/embedded-flow.ts';
import { failedIds, queueEvent, withHandlers } from '../../test/support/handler-bed.ts';
import { claimed, dutiesOf, stateOf, TICK } from '../../test/support/reconcile-bed.ts';
import { reconcile } from './reconcile.ts';

const NOW_MS = 1_900_000_000_000;

describe('reconcile: each minute', () => {
  it('the first minute of a deployment defines its queues, asks for its log, and looks no further', async () => {
    await withHandlers(
      async (bed) => {
        const duties = dutiesOf(bed);
        assert.equal(await reconcile(duties, TICK, bed.told), undefined);
        assert.deepEqual(
          duties.sequencer.sent.map(({ body }) => body),
          [{ do: 'tick' }],
        );
        const [queue] = await bed.flow.store.get([keys.queue('more')]);
        assert.deepEqual(queue?.body, { concurrency: 1, holders: [] });
        assert.deepEqual(bed.told.troubles, []);
      },
      { begun: false },
    );
  });

  it('objects that came a moment ago are left to their event', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const { inbox, clock } = bed.flow;
      for (const id of ['old', 'young']) putInbox(bed.directory, 'default', id, '{}');
      const ages: Record<string, number> = { old: 30_000, young: 29_000 };
      const list: typeof inbox.list = async (page) =>
        (await inbox.list(page)).map((object) => ({
          ...object,
          arrivedAtMs: NOW_MS - (ages[object.submissionId] ?? 0),
        }));
      duties.flow = { ...bed.flow, clock: { ...clock, nowMs: () => NOW_MS }, inbox: { ...inbox, list } };
      await reconcile(duties, TICK, bed.told);
      assert.deepEqual(
        duties.submissions.sent.map(({ body }) => body),
        [{ key: `default/${PRINCIPAL}/old.json` }],
      );
    });
  });

  it('objects that wait are told of again, attempts that stand still are taken up, the sequencer is asked once', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const { attemptId } = await claimed(bed);
      putInbox(bed.directory, 'default', 'waiting', '{}');
      await reconcile(duties, TICK, bed.told);
      assert.deepEqual(
        duties.submissions.sent.map(({ body }) => body),
        [{ key: `default/${PRINCIPAL}/waiting.json` }],
      );
      assert.equal(await stateOf(bed, attemptId), 'dispatched');
      assert.deepEqual(
        duties.sequencer.sent.map(({ body }) => body),
        [{ do: 'tick' }],
        'however many runs there are, one message stands before those that ended',
      );
      assert.ok(bed.calls.includes('inbox.publish'), 'of a run that was never shown');
    });
  });

  it('a part that fails is told and hides no other', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const { attemptId } = await claimed(bed);
      bed.before = ({ port, method, args }) => {
        if (port === 'inbox' && method === 'list') throw new RangeError('away');
        if (method === 'query' && (args[0] === 'todo' || args[0] === 'timers')) throw new RangeError('away');
      };
      await reconcile(duties, TICK, bed.told);
      assert.equal(bed.told.troubles.filter((trouble) => trouble.includes('away')).length, 3);
      assert.equal(await stateOf(bed, attemptId), 'dispatched');
    });
  });
});

describe('reconcile: timers', () => {
  it('a message that came too soon waits again; a malformed one fails alone', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const dueMs = bed.flow.clock.nowMs() + 30_000;
      const event = queueEvent({ dueMs, what: 'retry/r/x' }, { dueMs: 'soon', what: 1 }, { dueMs: 5, what: 'next' });
      assert.deepEqual(failedIds(await reconcile(duties, event, bed.told)), ['m1']);
      assert.equal(duties.timers.sent.length, 1);
      const [again] = duties.timers.sent;
      assert.deepEqual(again?.body, { dueMs, what: 'retry/r/x' });
      assert.ok(again?.delayS !== undefined && again.delayS >= 29 && again.delayS <= 30, `${again?.delayS} s`);
    });
  });

  it('the time of an attempt is looked at when it is over', async () => {
    await withHandlers(async (bed) => {
      const { attemptId } = await claimed(bed);
      const event = queueEvent({ dueMs: bed.flow.clock.nowMs(), what: `attempt/${attemptId}` });
      assert.deepEqual(failedIds(await reconcile(dutiesOf(bed), event, bed.told)), []);
      assert.equal(await stateOf(bed, attemptId), 'dispatched');
    });
  });
});
