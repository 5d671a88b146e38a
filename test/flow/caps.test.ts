/** What attempts may cost is reserved before they begin and settled with what they cost: no cap is passed, and nothing is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import type { Execute } from '#adapters/in-process/executor.ts';
import { type LedgerRow, moneyKeys } from '#core/money-rows.ts';
import { DEFAULT_CAPS } from '#core/purse.ts';
import { keys } from '#core/rows.ts';
import { defineCaps } from '#flow/gather.ts';
import { resumeTodos } from '#flow/reconcile.ts';
import { FAILED, finished, Gate, SUCCEEDED } from '../support/finished-run.ts';
import { SILENT } from '../support/flow-on.ts';
import { HintCheck } from '../support/hint-check.ts';
import { costing, USD, withMoney } from '../support/money-bed.ts';
import { clockFrom } from '../support/moved-clock.ts';
import { cancelOf, controlOf, itemsOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

/** Each item may cost so many dollars. */
function paid(count: number, maxUsd: number, usd?: number): object {
  return runOf(itemsOf('i', count), { defaults: { maxUsd }, ...(usd === undefined ? {} : { caps: { usd } }) });
}

describe('flow: caps', { concurrency: true }, () => {
  it('a run never reserves and spends more than its cap, and what the cap can never pay for is denied', async () => {
    let running = 0;
    let most = 0;
    const five = new Gate();
    const execute: Execute = async () => {
      running += 1;
      most = Math.max(most, running);
      // As many as fit run beside each other.
      if (running === 5) five.open();
      await five.opened;
      running -= 1;
      return costing(0.6 * USD);
    };
    await withMoney({ execute, concurrency: 20 }, async (bed, watch) => {
      bed.submit('s', paid(40, 1, 5));
      const { status, events } = await finished(bed, 's');
      assert.deepEqual([status.state, status.counts.done, status.counts.denied], ['failed', 7, 33]);
      assert.equal(most, 5);
      assert.equal(watch.mostOfRun, 5 * USD);
      assert.equal(watch.settled().spentMicroUsd, 4.2 * USD);
      const told = eventsOf(events, 'cap.reached').map(({ data }) => [data.percent, data.spentMicroUsd]);
      assert.deepEqual(told, [
        [50, 3 * USD],
        [80, 4.2 * USD],
      ]);
      const [completed] = eventsOf(events, 'run.completed');
      assert.equal(completed?.data.counts.costMicroUsd, 4.2 * USD);
      const [denied] = eventsOf(events, 'item.closed').flatMap(({ data }) => data.items);
      assert.deepEqual([denied?.reason, denied?.neededMicroUsd], ['run_cap_exhausted', USD]);
      const needs = { neededMicroUsd: USD, leftMicroUsd: 0.8 * USD, limitMicroUsd: 5 * USD };
      const refused = status.items.find(({ state }) => state === 'denied');
      assert.deepEqual(refused?.exceeded, { cap: 'run', ...needs });
      assert.equal(status.costMicroUsd, 4.2 * USD);
      assert.deepEqual(status.caps?.[0], { cap: 'run', limitMicroUsd: 5 * USD, leftMicroUsd: 0.8 * USD });
    });
  });

  it('an item that does not fit now waits without a slot or a lock, says so, and runs when something is given back', async () => {
    const gate = new Gate();
    const begun: string[] = [];
    const execute: Execute = async (job) => {
      begun.push(job.item);
      if (job.item === 'dear') await gate.opened;
      return costing(0);
    };
    const items = [
      { id: 'dear', maxUsd: 3, priority: 90 },
      { id: 'waits', maxUsd: 2, priority: 80, locks: ['l'] },
      { id: 'fits', maxUsd: 1, priority: 70, locks: ['l'] },
    ];
    await withMoney({ execute, concurrency: 2 }, async (bed, watch) => {
      const run = bed.submit('s', runOf(items, { caps: { usd: 4 } }));
      const waiting = await bed.until(() => bed.status('s')?.items.find(({ waiting }) => waiting?.cap)?.waiting);
      assert.deepEqual(waiting.cap?.cap, 'run');
      await bed.until(async () => (await bed.itemRow(run, 'fits'))?.state === 'done');
      assert.equal((await bed.row<{ holders: string[] }>(keys.queue('default')))?.holders.length, 1);
      assert.deepEqual(begun, ['dear', 'fits']);
      gate.open();
      assert.deepEqual((await finished(bed, 's')).states, { dear: 'done', waits: 'done', fits: 'done' });
      assert.equal(watch.settled().spentMicroUsd, 0);
    });
  });

  it('a day spends no more than its cap over all queues, and what waits runs when the next day begins', async () => {
    const clock = clockFrom('2026-11-21T23:00:00.000Z');
    const options = {
      execute: () => costing(USD),
      queues: { default: { concurrency: 4 }, other: { concurrency: 4 } },
      caps: { accountMicroUsd: 100 * USD, dayMicroUsd: 3 * USD },
      adapt: <D extends object>(deps: D): D => ({ ...deps, clock }),
    };
    await withMoney(options, async (bed, watch) => {
      bed.submit('a', paid(2, 1));
      await finished(bed, 'a');
      bed.submit('b', runOf(itemsOf('i', 3), { queue: 'other', defaults: { maxUsd: 1 } }), 'other');
      const held = await bed.until(() => bed.status('b')?.items.find(({ waiting }) => waiting?.cap)?.waiting?.cap);
      const day = { cap: 'day', limitMicroUsd: 3 * USD, leftMicroUsd: 0, turns: '2026-11-22T00:00:00.000Z' };
      assert.deepEqual(held, day);
      await bed.until(() => bed.status('b')?.counts.done === 1);
      clock.jumpTo('2026-11-22T00:00:01.000Z');
      assert.equal((await finished(bed, 'b')).status.counts.done, 3);
      assert.equal(watch.settled().spentMicroUsd, 5 * USD);
    });
  });

  it('caps that somebody set are shown before anything is reserved under them, and the one that nobody set is not', async () => {
    const capsOf = async (options: Omit<Parameters<typeof withMoney>[0], 'execute'>): Promise<unknown> => {
      let caps: unknown;
      await withMoney({ ...options, execute: () => costing(0) }, async (bed) => {
        bed.submit('free', runOf([{ id: 'a' }]));
        caps = (await finished(bed, 'free')).status.caps;
      });
      return caps;
    };
    const turns = '2026-11-22T00:00:00.000Z';
    const clock = clockFrom('2026-11-21T23:00:00.000Z');
    const adapt = <D extends object>(deps: D): D => ({ ...deps, clock });
    assert.deepEqual(await capsOf({ adapt, caps: { ...DEFAULT_CAPS, dayMicroUsd: 3 * USD } }), [
      { cap: 'day', limitMicroUsd: 3 * USD, leftMicroUsd: 3 * USD, turns },
      { cap: 'account', limitMicroUsd: 1_000 * USD, leftMicroUsd: 1_000 * USD },
    ]);
    assert.equal(await capsOf({}), undefined);
  });

  it('what lies unused in the purse of another queue is taken from there', async () => {
    const queues = { default: { concurrency: 1 }, other: { concurrency: 1 } };
    const options = { execute: () => costing(0), queues, caps: { accountMicroUsd: 3 * USD } };
    await withMoney(options, async (bed, watch) => {
      bed.submit('a', paid(1, 2));
      await finished(bed, 'a');
      assert.equal(watch.settled().spentMicroUsd, 0);
      bed.submit('b', runOf([{ id: 'all', maxUsd: 3 }], { queue: 'other' }), 'other');
      assert.equal((await finished(bed, 'b')).status.state, 'done');
      watch.settled();
    });
  });

  it('a queue that waits is woken when an attempt of another queue gives something back', async () => {
    const gate = new Gate();
    const queues = { default: { concurrency: 1 }, other: { concurrency: 1 } };
    const execute: Execute = async (job) => {
      if (job.item === 'i000') await gate.opened;
      return costing(0);
    };
    await withMoney({ execute, queues, caps: { accountMicroUsd: 3 * USD } }, async (bed, watch) => {
      bed.submit('a', paid(1, 2));
      await bed.until(() => bed.status('a')?.counts.running === 1);
      bed.submit('b', runOf([{ id: 'all', maxUsd: 3 }], { queue: 'other' }), 'other');
      const waits = async () => (await bed.row<LedgerRow>(moneyKeys.ledger()))?.waiting.includes('other');
      await bed.until(waits);
      gate.open();
      assert.equal((await finished(bed, 'b')).status.state, 'done');
      await finished(bed, 'a');
      watch.settled();
    });
  });

  it('a cap of the deployment that is raised lets go what waits for it, and one that no cap could pay for is denied', async () => {
    const options = { execute: () => costing(USD), caps: { accountMicroUsd: USD } };
    await withMoney(options, async (bed, watch) => {
      bed.submit('dear', runOf([{ id: 'dear', maxUsd: 2 }]));
      const { events, item } = await finished(bed, 'dear');
      const needs = { neededMicroUsd: 2 * USD, leftMicroUsd: USD, limitMicroUsd: USD };
      assert.deepEqual(item('dear')?.exceeded, { cap: 'account', ...needs });
      const [closed] = eventsOf(events, 'item.closed').flatMap(({ data }) => data.items);
      assert.deepEqual([closed?.state, closed?.reason], ['denied', 'deployment_cap_exceeded']);
      bed.submit('s', paid(2, 1));
      // An attempt that is still running when the flow halts is lost, and costs all over again.
      await bed.until(() => {
        const status = bed.status('s');
        return status?.counts.done === 1 && status.items.find(({ waiting }) => waiting?.cap);
      });
      await bed.halt();
      const raised = { ...options, directory: bed.directory, caps: { accountMicroUsd: 2 * USD } };
      await withMoney(
        raised,
        async (later) => void assert.equal((await finished(later, 's')).status.state, 'done'),
        watch,
      );
      assert.equal(watch.settled().spentMicroUsd, 2 * USD);
    });
  });

  it('whoever raises a cap lets go what waits for it, in whichever process that is', async () => {
    const check = new HintCheck();
    const options = { execute: () => costing(USD), caps: { accountMicroUsd: USD }, check };
    await withMoney(options, async (bed) => {
      const run = bed.submit('s', paid(2, 1));
      await bed.until(() => bed.status('s')?.items.find(({ waiting }) => waiting?.cap));
      const checked = check.hear(SILENT);
      // Whatever else it hints, nobody hears.
      const hints = new Proxy(checked, { get: (own, name) => Reflect.get(own, name) ?? (() => {}) });
      const flow = { ...bed.deps, hints, lane: <T>(decision: () => Promise<T>): Promise<T> => decision() };
      await defineCaps(flow, { accountMicroUsd: 5 * USD });
      await resumeTodos(flow, (about) => assert.fail(about));
      assert.equal((await bed.itemRow(run, 'i001'))?.state, 'running');
    });
  });

  it('a retry reserves again, and a lost attempt costs what it had reserved', async () => {
    const execute: Execute = (job) => (job.attempt === 1 ? FAILED : job.attempt === 2 ? null : costing(0.1 * USD));
    await withMoney({ execute }, async (bed, watch) => {
      bed.submit(
        's',
        runOf([{ id: 'a', maxUsd: 1, retry: { maxAttempts: 2, backoff: '100ms' } }], { caps: { usd: 3 } }),
      );
      const { status, events } = await finished(bed, 's');
      assert.equal(status.state, 'done');
      const costs = eventsOf(events, 'attempt.settled').map(({ data }) => data.cost?.microUsd);
      assert.deepEqual(costs, [undefined, USD, 0.1 * USD]);
      assert.equal(watch.settled().spentMicroUsd, 1.1 * USD);
    });
  });

  it('a launch for which there was no room gives everything back', async () => {
    let launches = 0;
    const options = {
      execute: () => costing(0.5 * USD),
      adapt: <D extends { launcher: { launch(order: never): Promise<string> }; clock: object }>(deps: D): D => ({
        ...deps,
        launcher: {
          ...deps.launcher,
          launch: async (order: never) => {
            launches += 1;
            const problem = 'there is no room';
            const busy = { code: 'LAUNCH_DEFERRED' as const, path: 'launcher', problem, fix: 'Wait.' };
            if (launches === 1) throw new RetryableError(busy);
            return deps.launcher.launch(order);
          },
        },
        clock,
      }),
    };
    const clock = clockFrom('2026-11-21T10:00:00.000Z');
    await withMoney(options, async (bed, watch) => {
      const run = bed.submit('s', paid(1, 1, 1));
      await bed.until(async () => (await bed.itemRow(run, 'i000'))?.notBeforeMs !== undefined);
      watch.settled();
      clock.jumpTo('2026-11-21T12:00:00.000Z');
      const { events } = await finished(bed, 's');
      const costs = eventsOf(events, 'attempt.settled').map(({ data }) => data.cost?.microUsd);
      assert.deepEqual(costs, [undefined, 0.5 * USD]);
      assert.equal(watch.settled().spentMicroUsd, 0.5 * USD);
    });
  });

  it('a run whose items wait for money is paused, resumed, cancelled and skipped like any other', async () => {
    const gate = new Gate();
    const execute: Execute = async (job) => {
      if (job.item === 'i000') await gate.opened;
      return costing(USD);
    };
    await withMoney({ execute, concurrency: 4 }, async (bed, watch) => {
      const run = bed.submit('s', paid(5, 1, 1));
      await bed.until(async () => (await bed.itemRow(run, 'i004'))?.short);
      bed.control('c1', cancelOf(run, 'i001'));
      bed.control('c2', controlOf('skip', run, 'i002'));
      await bed.until(async () => (await bed.itemRow(run, 'i002'))?.state === 'skipped');
      bed.control('c3', controlOf('pause', run));
      await bed.until(async () => (await bed.itemRow(run, 'i004'))?.shelved);
      assert.equal((await bed.itemRow(run, 'i004'))?.short, undefined);
      bed.control('c4', controlOf('resume', run));
      await bed.until(async () => (await bed.itemRow(run, 'i004'))?.short);
      gate.open();
      const { states } = await finished(bed, 's');
      const ended = { i000: 'done', i001: 'cancelled', i002: 'skipped', i003: 'denied', i004: 'denied' };
      assert.deepEqual(states, ended);
      assert.equal(watch.settled().spentMicroUsd, USD);
    });
  });

  it('an agent that says nothing of what it used is charged what its attempt was reckoned at', async () => {
    const agent = { block: 'agent', adapter: 'command', command: ['true'] };
    const run = {
      apiVersion: 'waybill/v1',
      kind: 'Run',
      metadata: { name: 'agents' },
      spec: {
        items: [
          { id: 'a', pipeline: [agent] },
          { id: 'b', maxUsd: 0.2, pipeline: [agent] },
        ],
      },
    };
    await withMoney({ execute: () => SUCCEEDED, prices: { agentMicroUsd: 700_000 } }, async (bed, watch) => {
      bed.submit('s', run);
      const { item } = await finished(bed, 's');
      assert.deepEqual([item('a')?.costMicroUsd, item('b')?.costMicroUsd], [700_000, 200_000]);
      assert.equal(watch.settled().spentMicroUsd, 900_000);
    });
  });

  it('what an attempt says that it cost beyond what it had reserved is spent all the same', async () => {
    await withMoney({ execute: () => costing(4 * USD), concurrency: 1 }, async (bed) => {
      bed.submit('s', paid(3, 1, 3));
      const { status, events } = await finished(bed, 's');
      assert.deepEqual([status.counts.done, status.counts.denied, status.costMicroUsd], [1, 2, 4 * USD]);
      assert.deepEqual(
        eventsOf(events, 'cap.reached').map(({ data }) => data.percent),
        [100],
      );
    });
  });

  it('a deployment in which nothing has a price writes no row of money and says nothing of it', async () => {
    await withMoney({ execute: () => SUCCEEDED }, async (bed) => {
      bed.submit('s', runOf(itemsOf('i', 3)));
      const { status, events } = await finished(bed, 's');
      assert.equal(await bed.row(moneyKeys.ledger()), null);
      assert.equal((await bed.row<{ purse?: object }>(keys.queue('default')))?.purse, undefined);
      assert.equal(status.caps, undefined);
      assert.doesNotMatch(JSON.stringify(events), /MicroUsd|prices/);
    });
  });
});
