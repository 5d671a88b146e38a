import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AttemptRow, type ItemRow, keys } from '#core/rows.ts';
import { type HandlerBed, withHandlers } from '../../test/support/handler-bed.ts';
import { claimed, dutiesOf, stateOf, TICK } from '../../test/support/reconcile-bed.ts';
import { reconcile } from './reconcile.ts';

describe('reconcile: workers', () => {
  const SILENT_MS = 4_000;

  /** What the reconciler does, by a clock that `pass` moves on. */
  function laterDuties(bed: HandlerBed, worker: Partial<HandlerBed['flow']['worker']> = {}) {
    let passedMs = 0;
    const { clock } = bed.flow;
    const shifted = { ...clock, nowMs: () => clock.nowMs() + passedMs };
    const flow = { ...bed.flow, clock: shifted, worker: { ...bed.flow.worker, ...worker } };
    const pass = (ms: number): void => {
      passedMs += ms;
    };
    return { duties: { ...dutiesOf(bed), flow }, pass };
  }

  /** A dispatched attempt whose worker never answers; `pass` lets time go by. */
  async function withWorker(
    use: (bed: HandlerBed, attemptId: string, minute: (ms: number) => Promise<void>) => Promise<void>,
    worker: Partial<HandlerBed['flow']['worker']> = {},
  ): Promise<void> {
    await withHandlers(
      async (bed) => {
        const { duties, pass } = laterDuties(bed, worker);
        const { attemptId } = await claimed(bed);
        await reconcile(duties, TICK, bed.told);
        assert.equal(await stateOf(bed, attemptId), 'dispatched');
        bed.calls.length = 0;
        await use(bed, attemptId, async (ms) => {
          pass(ms);
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

  it('one that has just begun is left to its events; one that is silent is asked about, and kept where it is there', async () => {
    await withWorker(async (bed, attemptId, minute) => {
      await minute(500);
      assert.deepEqual(
        bed.calls.filter((call) => /^launcher\.|^mailbox\./.test(call)),
        [],
      );
      await minute(SILENT_MS);
      assert.equal(bed.calls.filter((call) => call === 'launcher.alive').length, 1);
      assert.ok(bed.calls.includes('launcher.keep'));
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

  it('one whose launch was cut off is missed by the handle that it would have had', async () => {
    await withHandlers(async (bed) => {
      const { duties, pass } = laterDuties(bed);
      const { launcher } = duties.flow;
      const asked: string[][] = [];
      launcher.handleOf = (attemptId) => `execution:${attemptId}`;
      launcher.alive = async (handles) => {
        asked.push(handles);
        return new Set();
      };
      const { attemptId } = await claimed(bed);
      bed.before = ({ port, method }) => {
        if (port === 'store' && method === 'durable') throw new RangeError('the process ends');
      };
      await reconcile(duties, TICK, bed.told);
      const { state, handle } = await bed.row<AttemptRow>(keys.attempt(attemptId));
      assert.deepEqual([state, handle], ['dispatched', `execution:${attemptId}`]);
      assert.ok(!bed.calls.includes('launcher.launch'));
      bed.before = () => {};
      pass(SILENT_MS);
      await reconcile(duties, TICK, bed.told);
      assert.deepEqual(asked, [[`execution:${attemptId}`]]);
      assert.equal(await stateOf(bed, attemptId), 'settled');
    });
  });

  it('one whose process died behind its launch is found by its handle, kept, and launched no second time', async () => {
    await withHandlers(async (bed) => {
      const { duties, pass } = laterDuties(bed);
      const { launcher } = duties.flow;
      const heard: string[] = [];
      const handleOf = (attemptId: string): string => `execution:${attemptId}`;
      Object.assign(launcher, {
        handleOf,
        launch: async (order: { attemptId: string }) => {
          heard.push('launch');
          bed.before = ({ port }) => {
            if (port === 'store') throw new RangeError('the process ends');
          };
          return handleOf(order.attemptId);
        },
        alive: async (handles: string[]) => {
          heard.push(`alive ${handles}`);
          return new Set(handles);
        },
        keep: async (handle: string) => {
          heard.push(`keep ${handle}`);
        },
      });
      const { attemptId } = await claimed(bed);
      await reconcile(duties, TICK, bed.told);
      bed.before = () => {};
      const handle = handleOf(attemptId);
      assert.deepEqual([await stateOf(bed, attemptId), heard], ['dispatched', ['launch']]);
      pass(SILENT_MS);
      await reconcile(duties, TICK, bed.told);
      assert.deepEqual(
        [await stateOf(bed, attemptId), heard],
        ['dispatched', ['launch', `alive ${handle}`, `keep ${handle}`]],
      );
    });
  });

  it('a handle that is known before the launch is not written again after it', async () => {
    const writesOf = async (foreknown: boolean): Promise<number> => {
      let writes = 0;
      await withHandlers(
        async (bed) => {
          const { launcher } = bed.flow;
          const { launch } = launcher;
          launcher.launch = async (order) => {
            await launch(order);
            return `execution:${order.attemptId}`;
          };
          if (foreknown) launcher.handleOf = (attemptId) => `execution:${attemptId}`;
          const { attemptId } = await claimed(bed);
          bed.before = ({ port, method, args }) => {
            if (port !== 'store' || method !== 'transact') return;
            if ((args[0] as { pk: string }[]).some(({ pk }) => pk === `attempt/${attemptId}`)) writes += 1;
          };
          await reconcile(dutiesOf(bed), TICK, bed.told);
          const { handle } = await bed.row<AttemptRow>(keys.attempt(attemptId));
          assert.equal(handle, `execution:${attemptId}`);
        },
        { execute: () => new Promise(() => {}) },
      );
      return writes;
    };
    assert.deepEqual([await writesOf(true), await writesOf(false)], [1, 2]);
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
