import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deriveRunId } from '@waybill/verify';
import { type AttemptRow, type ItemRow, keys } from '#core/rows.ts';
import { advance } from '#flow/advance.ts';
import { takeIn } from '#flow/inbox.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { PRINCIPAL, putInbox } from '../../test/support/embedded-flow.ts';
import { failedIds, type HandlerBed, keepingQueue, queueEvent, withHandlers } from '../../test/support/handler-bed.ts';
import { runOf } from '../../test/support/run-spec.ts';
import { reconcile } from './reconcile.ts';

const TICK = { source: 'aws.events', 'detail-type': 'Scheduled Event' };

function dutiesOf({ flow }: HandlerBed) {
  return {
    flow,
    keysInForce: keysInForce(flow),
    queues: { default: { concurrency: 4 }, more: { concurrency: 1 } },
    submissions: keepingQueue(),
    sequencer: keepingQueue(),
    timers: keepingQueue(),
    arrivalOf: ({ key }: { key: string }) => ({ key }),
  };
}

/** A run with one claimed attempt, which nobody dispatches. */
async function claimed(bed: HandlerBed): Promise<{ run: string; attemptId: string }> {
  putInbox(bed.directory, 'default', 's', JSON.stringify(runOf([{ id: 'x' }])));
  await takeIn(bed.flow, () => {});
  await advance(bed.flow, 'default');
  const run = deriveRunId(PRINCIPAL, 's');
  const { attempts } = await bed.row<ItemRow>(keys.item(run, 'x'));
  return { run, attemptId: attempts[0]?.id ?? '' };
}

async function stateOf(bed: HandlerBed, attemptId: string): Promise<unknown> {
  const [row] = await bed.flow.store.get([keys.attempt(attemptId)]);
  return row?.body.state;
}

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

describe('reconcile: workers', () => {
  const SILENT_MS = 4_000;

  /** A dispatched attempt whose worker never answers; `pass` lets time go by. */
  async function withWorker(
    use: (bed: HandlerBed, attemptId: string, minute: (ms: number) => Promise<void>) => Promise<void>,
    worker: Partial<HandlerBed['flow']['worker']> = {},
  ): Promise<void> {
    await withHandlers(
      async (bed) => {
        let passedMs = 0;
        const { clock } = bed.flow;
        const shifted = { ...clock, nowMs: () => clock.nowMs() + passedMs };
        const flow = { ...bed.flow, clock: shifted, worker: { ...bed.flow.worker, ...worker } };
        const duties = { ...dutiesOf(bed), flow };
        const { attemptId } = await claimed(bed);
        await reconcile(duties, TICK, bed.told);
        assert.equal(await stateOf(bed, attemptId), 'dispatched');
        bed.calls.length = 0;
        await use(bed, attemptId, async (ms) => {
          passedMs += ms;
          await reconcile(duties, TICK, bed.told);
        });
      },
      { execute: () => new Promise(() => {}) },
    );
  }

  it('one that is gone without an event is noticed long before its lease lapses', async () => {
    await withWorker(async (bed, attemptId, minute) => {
      bed.flow.launcher.alive = async () => new Set();
      await minute(SILENT_MS);
      assert.equal(await stateOf(bed, attemptId), 'settled');
      const { run } = await bed.row<AttemptRow>(keys.attempt(attemptId));
      const { attempts } = await bed.row<ItemRow>(keys.item(run, 'x'));
      assert.deepEqual([attempts[0]?.outcome, attempts[0]?.reason], ['lost', 'no_result']);
      assert.deepEqual(bed.told.troubles, []);
    });
  });

  it('nobody is asked about one that was heard of, and one that is there is kept', async () => {
    await withWorker(async (bed, attemptId, minute) => {
      await minute(500);
      assert.ok(!bed.calls.includes('launcher.alive'));
      assert.ok(bed.calls.includes('launcher.keep'));
      await minute(SILENT_MS);
      assert.equal(bed.calls.filter((call) => call === 'launcher.alive').length, 1);
      assert.equal(await stateOf(bed, attemptId), 'dispatched');
    });
  });

  const SLOW = { leaseMs: 300_000, startMs: 600_000 };

  it('one that starts slowly is waited for, and after its first heartbeat as long as any other', async () => {
    await withWorker(async (bed, attemptId, minute) => {
      await minute(890_000);
      assert.equal(await stateOf(bed, attemptId), 'dispatched', 'no heartbeat in a quarter of an hour');
      const heartbeatAtMs = bed.flow.clock.nowMs() + 890_000;
      const { staged } = bed.flow.mailbox;
      bed.flow.mailbox.staged = async (id) => ({ ...(await staged(id)), heartbeatAtMs });
      await minute(290_000);
      assert.equal(await stateOf(bed, attemptId), 'dispatched');
      await minute(20_000);
      assert.equal(await stateOf(bed, attemptId), 'settled');
    }, SLOW);
  });

  it('one that has not started in a quarter of an hour is given up, and one that falls silent sooner', async () => {
    await withWorker(async (bed, attemptId, minute) => {
      await minute(910_000);
      assert.equal(await stateOf(bed, attemptId), 'settled');
    }, SLOW);
    await withWorker(async (bed, attemptId, minute) => {
      const heartbeatAtMs = bed.flow.clock.nowMs();
      const { staged } = bed.flow.mailbox;
      bed.flow.mailbox.staged = async (id) => ({ ...(await staged(id)), heartbeatAtMs });
      await minute(310_000);
      assert.equal(await stateOf(bed, attemptId), 'settled');
    }, SLOW);
  });

  it('one of which nobody can say whether it is there is left to its lease, and that is told', async () => {
    await withWorker(async (bed, attemptId, minute) => {
      bed.before = ({ method }) => {
        if (method === 'alive') throw new RangeError('no answer');
      };
      await minute(SILENT_MS);
      assert.equal(await stateOf(bed, attemptId), 'dispatched');
      assert.equal(bed.told.troubles.filter((trouble) => trouble.includes('no answer')).length, 1);
    });
  });
});
