import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryableError, TerminalError } from '@waybill/client/errors';
import type { BusEvent } from '#core/bus-events.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import { keys } from '#core/rows.ts';
import { advance } from '#flow/advance.ts';
import { takeIn } from '#flow/inbox.ts';
import { defineQueues } from '#flow/queues.ts';
import { putInbox } from '../../test/support/embedded-flow.ts';
import { streamRecord } from '../../test/support/fake-stream.ts';
import { failedIds, type HandlerBed, keepingQueue, withHandlers } from '../../test/support/handler-bed.ts';
import { itemsOf, runOf } from '../../test/support/run-spec.ts';
import { type AdvanceDuties, advanceRecords } from './advance-records.ts';

const RUN = 'c'.repeat(32);

interface Bench extends AdvanceDuties {
  sequencer: ReturnType<typeof keepingQueue>;
  timers: ReturnType<typeof keepingQueue>;
  callbacks: ReturnType<typeof keepingQueue>;
  completed: string[];
  told: BusEvent[];
}

function dutiesOf({ flow }: HandlerBed): Bench {
  const completed: string[] = [];
  const completeToken = async (token: string): Promise<void> => void completed.push(token);
  const told: BusEvent[] = [];
  const notifier = { notify: async (events: readonly BusEvent[]) => void told.push(...events) };
  const [sequencer, timers, callbacks] = [keepingQueue(), keepingQueue(), keepingQueue()];
  return { flow, sequencer, timers, callbacks, completed, completeToken, notifier, told };
}

function change(key: { pk: string; sk: string }, before: object | null, after: object | null): RowChange {
  return { ...key, before, after };
}

const eventOf = (...changes: RowChange[]): { Records: object[] } => ({
  Records: changes.map((each, n) => streamRecord(each, n + 1)),
});
const sequence = (n: number): string => String(n).padStart(21, '0');
const OPENED = change(keys.run(RUN), { state: 'admitting' }, { state: 'open', openedAtMs: 1 });
const RUNNING = change(keys.run(RUN), { state: 'open' }, { state: 'running' });
const READY = change(keys.ready('default', '5'), null, {});

describe('advance', () => {
  it('records that cannot be read are told and passed by; the others are worked off', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const { Records } = eventOf(OPENED);
      const broken = {
        dynamodb: {
          SequenceNumber: '9',
          Keys: { pk: { S: 'run/x' }, sk: { S: 'run' } },
          NewImage: { body: { S: '{' } },
        },
      };
      const event = { Records: [{ dynamodb: { SequenceNumber: '8' } }, broken, ...Records] };
      assert.deepEqual(failedIds(await advanceRecords(duties, event, bed.told)), []);
      assert.equal(bed.told.badRecords.length, 2);
      assert.deepEqual(duties.sequencer.sent, [
        { body: { do: 'opened', run: RUN }, id: `${sequence(1)}-opened-${RUN}` },
      ]);
    });
  });

  it('what several records ask for is done once, and the status of a run is written once a batch', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const items = ['x', 'y', 'z'].map((item) => change(keys.item(RUN, item), {}, {}));
      await advanceRecords(duties, eventOf(OPENED, RUNNING, OPENED, READY, READY, ...items), bed.told);
      assert.equal(duties.sequencer.sent.length, 1);
      // The row of a run that is not there is looked at once, and a queue is asked for its ready rows once.
      assert.equal(bed.calls.filter((call) => call === 'store.get').length, 1);
      assert.equal(bed.calls.filter((call) => call === 'store.query').length, 1);
    });
  });

  it('what may pass later comes again from its first record; what cannot is told and left to the reconciler', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      bed.before = ({ method }) => {
        if (method === 'query') throw new RetryableError({ code: 'STORE_BUSY', path: 't', problem: 'p', fix: 'f' });
      };
      const other = change(keys.ready('other', '5'), null, {});
      const answer = await advanceRecords(duties, eventOf(OPENED, READY, other, RUNNING), bed.told);
      assert.deepEqual(failedIds(answer), [sequence(2)]);
      assert.equal(duties.sequencer.sent.length, 1, 'the rest was done');
      bed.before = ({ method }) => {
        if (method === 'query') throw new TerminalError({ code: 'STORE_FAILED', path: 't', problem: 'p', fix: 'f' });
      };
      assert.deepEqual(failedIds(await advanceRecords(duties, eventOf(READY), bed.told)), []);
      assert.equal(bed.told.troubles.length, 3);
    });
  });

  it('a message that was not stored makes its record come again, and is the same message then', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const send = duties.sequencer.send;
      duties.sequencer.send = async (messages) => {
        await send(messages);
        throw new RetryableError({ code: 'STORE_BUSY', path: 't', problem: 'p', fix: 'f' });
      };
      assert.deepEqual(failedIds(await advanceRecords(duties, eventOf(OPENED), bed.told)), [sequence(1)]);
      duties.sequencer.send = send;
      assert.deepEqual(failedIds(await advanceRecords(duties, eventOf(OPENED), bed.told)), []);
      const [first, second] = duties.sequencer.sent;
      assert.deepEqual(first, second);
    });
  });

  it('timers that are due soon get a message, rounded up; those of tomorrow are the reconciler’s', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const nowMs = 1_800_000_000_000;
      duties.flow = { ...duties.flow, clock: { ...duties.flow.clock, nowMs: () => nowMs } };
      const timer = (dueMs: number): RowChange => change(keys.timer(dueMs, `retry/${RUN}/x`), null, {});
      await advanceRecords(duties, eventOf(timer(nowMs + 1_200), timer(nowMs - 5), timer(nowMs + 900_001)), bed.told);
      assert.deepEqual(
        duties.timers.sent.map(({ delayS }) => delayS),
        [2, 0],
      );
    });
  });

  it('a worker that nobody needs is stopped, and a token that is parked late is completed', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const id = 'd'.repeat(32);
      const settled = change(
        keys.attempt(id),
        { state: 'dispatched', handle: 'h' },
        { state: 'settled', handle: 'in-process:h' },
      );
      const released = { released: true };
      const parked = change({ pk: `attempt/${id}`, sk: 'execution' }, released, {
        ...released,
        token: 'T',
        task: 'arn',
      });
      await advanceRecords(duties, eventOf(settled, parked), bed.told);
      assert.ok(bed.calls.includes('launcher.stop'));
      assert.deepEqual(duties.completed, ['T']);
      assert.deepEqual(bed.told.troubles, []);
    });
  });

  it('what a list of claims will look at is asked for at once, and no more of it than there are slots for', async () => {
    await withHandlers(async (bed) => {
      putInbox(bed.directory, 'default', 's', JSON.stringify(runOf(itemsOf('i-', 12))));
      await takeIn(bed.flow, () => {});
      const looks: number[] = [];
      bed.before = ({ port, method, args }) => {
        if (port === 'store' && method === 'get') looks.push((args[0] as object[]).length);
      };
      await advance(bed.flow, 'default');
      const { holders } = await bed.row<QueueRow>(keys.queue('default'));
      assert.ok(holders.length > 1 && holders.length < 12, `${holders.length} slots`);
      // The queue, then run, spec and item of each, and what tells that there is no slot for the next.
      assert.ok(looks.length <= 4, `asked ${looks.length} times`);
      assert.ok(Math.max(...looks) <= 3 * holders.length, `${looks}`);
    });
  });

  it('of a list of claims no more is asked for than the queue may start now, however many slots are free', async () => {
    await withHandlers(
      async (bed) => {
        await defineQueues(bed.flow, { default: { concurrency: 20, rate: { starts: 2, perSeconds: 3_600 } } });
        putInbox(bed.directory, 'default', 's', JSON.stringify(runOf(itemsOf('i-', 12))));
        await takeIn(bed.flow, () => {});
        const looks: number[] = [];
        bed.before = ({ port, method, args }) => {
          if (port === 'store' && method === 'get') looks.push((args[0] as object[]).length);
        };
        await advance(bed.flow, 'default');
        assert.equal((await bed.row<QueueRow>(keys.queue('default'))).holders.length, 2);
        assert.ok(Math.max(...looks) <= 3 * 2, `${looks}`);
        looks.length = 0;
        await advance(bed.flow, 'default');
        assert.ok(Math.max(...looks) <= 3, `none may start: ${looks}`);
      },
      { concurrency: 20 },
    );
  });

  it('tells others what happened, all of a batch at once, and again with it when they could not be told', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const item = { attempt: 1, attempts: [] };
      const ended = change(keys.item(RUN, 'x'), { ...item, state: 'running' }, { ...item, state: 'done' });
      const event = eventOf(RUNNING, OPENED, ended, READY);
      assert.deepEqual(failedIds(await advanceRecords(duties, event, bed.told)), []);
      assert.deepEqual(
        duties.told.map(({ type, detail }) => [type, detail.id]),
        [
          ['run.accepted', `${RUN}/accepted`],
          ['item.done', `${RUN}/item/x`],
        ],
      );
      const away = () => Promise.reject(new RetryableError({ code: 'STORE_BUSY', path: 'b', problem: 'p', fix: 'f' }));
      const answer = await advanceRecords({ ...duties, notifier: { notify: away } }, event, bed.told);
      assert.deepEqual(failedIds(answer), [sequence(2)]);
    });
  });

  it('a run that is over and calls back is told of by a message, which comes again when it could not be sent', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
      const ran = { state: 'done', callsBack: true };
      const over = eventOf(change(keys.run(RUN), ran, { ...ran, abortedAtMs: 5 }));
      assert.deepEqual(failedIds(await advanceRecords(duties, over, bed.told)), []);
      assert.deepEqual(duties.callbacks.sent, [{ body: { run: RUN } }]);
      const busy = new RetryableError({ code: 'STORE_BUSY', path: 'queue', problem: 'is busy', fix: 'Wait.' });
      const callbacks = { ...keepingQueue(), send: () => Promise.reject(busy) };
      assert.deepEqual(failedIds(await advanceRecords({ ...duties, callbacks }, over, bed.told)), [sequence(1)]);
    });
  });
});
