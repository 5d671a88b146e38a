/** What the engine asks of its store: bounded transactions, and work that depends only on what happens. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import { MAX_ENGINE_ACTIONS } from '#core/names.ts';
import type { Action, RowKey } from '#ports/run-store.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { costing, USD, withMoney } from '../support/money-bed.ts';
import { cancelOf, itemsOf, runOf } from '../support/run-spec.ts';

class StoreMeter {
  calls = 0;
  rows = 0;
  largest = 0;
  /** Timers of a second and more wait here until the test fires them, so that no sweep falls into a measurement. */
  readonly slow: (() => void)[] = [];

  readonly adapt = (deps: FlowBed['deps']): FlowBed['deps'] => {
    const { clock } = deps;
    const metered = interceptPorts(deps, ({ port, method, args }, proceed) => {
      if (port === 'store' && method !== 'durable') this.#note(method, args[0] as Action[] | RowKey[]);
      return proceed();
    });
    const after: FlowBed['deps']['clock']['after'] = (delayMs, run) => {
      if (delayMs < 1_000) return clock.after(delayMs, run);
      this.slow.push(run);
      return () => {};
    };
    return { ...metered, clock: { nowMs: () => clock.nowMs(), after } };
  };

  #note(method: string, rows: Action[] | RowKey[]): void {
    this.calls += 1;
    this.rows += method === 'query' ? 1 : rows.length;
    if (method === 'transact') this.largest = Math.max(this.largest, rows.length);
  }

  /** Rows and calls of what `act` does. */
  async of(act: () => Promise<void>): Promise<{ calls: number; rows: number }> {
    const { calls, rows } = this;
    await act();
    return { calls: this.calls - calls, rows: this.rows - rows };
  }
}

/** Submits and waits until the engine has nothing left to do for the run, without asking its store. */
async function runThrough(bed: FlowBed, submissionId: string, document: object): Promise<void> {
  bed.submit(submissionId, document);
  await bed.until(() => bed.receipts(submissionId)[0]);
  await bed.until(() => bed.engine.isIdle());
}

describe('flow: costs', () => {
  it('no transaction is larger than the limit, even for items with 32 contended locks', async () => {
    const meter = new StoreMeter();
    const released = new Gate();
    await withBed(
      {
        concurrency: 2,
        adapt: meter.adapt,
        execute: (job) => (job.item === 'holder' ? released.opened : Promise.resolve()).then(() => SUCCEEDED),
      },
      async (bed) => {
        const locks = Array.from({ length: 32 }, (_, n) => `l-${n}`);
        const items = [
          { id: 'holder', locks, priority: 99 },
          ...itemsOf('waiter-', 5, { locks }),
          ...itemsOf('filler-', 3),
          { id: 'behind', dependsOn: ['waiter-001'] },
        ];
        const run = bed.submit('s', runOf(items));
        await bed.until(async () => (await bed.itemRow(run, 'waiter-004'))?.parked);
        bed.control('c', cancelOf(run, 'waiter-001'));
        await bed.until(() => bed.receipts('c')[0]);
        released.open();
        const { states } = await finished(bed, 's');
        assert.equal(states['waiter-001'], 'cancelled');
      },
    );
    assert.ok(meter.largest <= MAX_ENGINE_ACTIONS, `${meter.largest} actions`);
    assert.ok(meter.largest > 64, `the worst case was not met: ${meter.largest} actions`);
  });

  it('nor where such an item is paid for by the ledger, or leaves the lists of all its locks because it cannot be', async () => {
    const meter = new StoreMeter();
    const [first, second] = [new Gate(), new Gate()];
    const execute: Execute = async ({ item }) => {
      if (item === 'holder') await first.opened;
      if (item === 'beside') await second.opened;
      return costing(item === 'holder' ? USD : 0);
    };
    const locks = Array.from({ length: 32 }, (_, n) => `l-${n}`);
    const items = [
      { id: 'holder', locks, priority: 99, maxUsd: 1 },
      { id: 'beside', priority: 99, maxUsd: 2 },
      { id: 'waiter', locks, maxUsd: 3 },
      { id: 'next', locks, priority: 1 },
      { id: 'never', locks, priority: 1, maxUsd: 4 },
    ];
    // As much as is asked for, and nothing beside it, so that each claim meets the ledger.
    const caps = { accountMicroUsd: 6 * USD };
    await withMoney({ concurrency: 3, caps, adapt: meter.adapt, execute }, async (bed, watch) => {
      const run = bed.submit('s', runOf(items, { caps: { usd: 4 } }));
      await bed.until(async () => (await bed.itemRow(run, 'never'))?.parked);
      first.open();
      await bed.until(async () => (await bed.itemRow(run, 'waiter'))?.short);
      second.open();
      const { states } = await finished(bed, 's');
      assert.deepEqual([states.waiter, states.next, states.never], ['done', 'done', 'denied']);
      assert.equal(watch.settled().spentMicroUsd, USD);
    });
    assert.ok(meter.largest <= MAX_ENGINE_ACTIONS, `${meter.largest} actions`);
    assert.ok(meter.largest > 67, `the worst case was not met: ${meter.largest} actions`);
  });

  it('finished runs cost nothing: a run and a sweep ask as much of the store with thirty of them behind', async () => {
    const meter = new StoreMeter();
    const document = runOf([{ id: 'a' }, { id: 'b', dependsOn: ['a'], locks: ['l'] }]);
    const sweep = (bed: FlowBed) =>
      meter.of(async () => {
        for (const fire of meter.slow.splice(0)) fire();
        await bed.until(() => meter.slow.length > 0);
      });
    await withBed({ status: false, adapt: meter.adapt, execute: () => SUCCEEDED }, async (bed) => {
      await runThrough(bed, 'warm-up', document);
      const idle = await sweep(bed);
      const alone = await meter.of(() => runThrough(bed, 'first', document));
      for (let n = 0; n < 30; n += 1) bed.submit(`past-${n}`, document);
      await bed.until(() => bed.receipts('past-29')[0]);
      await bed.until(() => bed.engine.isIdle());
      await sweep(bed);
      const idleLater = await sweep(bed);
      const behind = await meter.of(() => runThrough(bed, 'last', document));
      assert.ok(idleLater.calls <= idle.calls, `a sweep: ${idle.calls} calls, later ${idleLater.calls}`);
      // The checks for idleness ask too, a few times more or less.
      assert.ok(Math.abs(behind.rows - alone.rows) <= 20, `a run: ${alone.rows} rows, later ${behind.rows}`);
    });
  });

  it('work grows with the edges that are touched: a fan-out of 400 costs four times one of 100', async () => {
    const meter = new StoreMeter();
    await withBed({ status: false, concurrency: 32, adapt: meter.adapt, execute: () => SUCCEEDED }, async (bed) => {
      const fan = (count: number) => {
        const leaves = itemsOf('leaf-', count, { dependsOn: ['top'] });
        return runOf([{ id: 'top' }, ...leaves, { id: 'join', dependsOn: leaves.map(({ id }) => id) }]);
      };
      const small = await meter.of(() => runThrough(bed, 'small', fan(100)));
      const large = await meter.of(() => runThrough(bed, 'large', fan(400)));
      for (const what of ['calls', 'rows'] as const) {
        const ratio = large[what] / 400 / (small[what] / 100);
        assert.ok(ratio <= 1.15, `${what} an item: ${ratio.toFixed(2)} times as many`);
      }
    });
  });
});
