/** What attempts cost beyond what they had reserved is missing to all queues, and not only to theirs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import { type LedgerRow, moneyKeys } from '#core/money-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import { keys } from '#core/rows.ts';
import { defineCaps } from '#flow/gather.ts';
import { resumeTodos } from '#flow/reconcile.ts';
import { finished, Gate } from '../support/finished-run.ts';
import { SILENT } from '../support/flow-on.ts';
import { HintCheck } from '../support/hint-check.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { costing, USD, withMoney } from '../support/money-bed.ts';
import { MoneyWatch } from '../support/money-watch.ts';
import { itemsOf, runOf } from '../support/run-spec.ts';

const QUEUES = { default: { concurrency: 4 }, other: { concurrency: 4 } };
const CAPS = { accountMicroUsd: 5 * USD };

class LedgerWrites extends MoneyWatch {
  count = 0;

  override changed(change: RowChange): void {
    if (change.pk === 'money') this.count += 1;
    super.changed(change);
  }
}

function paid(count: number, queue: string): object {
  return runOf(itemsOf('i', count), { queue, defaults: { maxUsd: 1 } });
}

describe('flow: overruns', { concurrency: true }, () => {
  it('what one queue spends beyond what it had reserved no other queue can spend again', async () => {
    const execute: Execute = (job) => costing(job.item === 'dear' ? 4 * USD : USD);
    await withMoney({ execute, queues: QUEUES, caps: CAPS }, async (bed, watch) => {
      bed.submit('a', runOf([{ id: 'dear', maxUsd: 1 }]));
      await finished(bed, 'a');
      const { handed } = (await bed.row<LedgerRow>(moneyKeys.ledger())) ?? assert.fail('no ledger');
      assert.deepEqual([handed.account.microUsd, handed.account.told], [4 * USD, 80]);
      bed.submit('b', paid(4, 'other'), 'other');
      await bed.until(() => bed.status('b')?.counts.done === 1);
      await bed.until(async () => (await bed.row<LedgerRow>(moneyKeys.ledger()))?.waiting.includes('other'));
      await bed.until(() => bed.status('b')?.items.find(({ waiting }) => waiting?.cap));
      assert.deepEqual([bed.status('b')?.counts.done, bed.status('b')?.counts.running], [1, 0]);
      assert.equal((await bed.row<LedgerRow>(moneyKeys.ledger()))?.handed.account.microUsd, 5 * USD);
      assert.deepEqual(watch.problems, []);
    });
  });

  it('when a cap is passed, what lies free in the purses of others goes back, and what they free later, too', async () => {
    const [dear, slow] = [new Gate(), new Gate()];
    const execute: Execute = async (job) => {
      await (job.item === 'dear' ? dear : slow).opened;
      return costing(job.item === 'dear' ? 9 * USD : 0);
    };
    await withMoney({ execute, queues: QUEUES, caps: CAPS }, async (bed, watch) => {
      bed.submit('a', runOf([{ id: 'dear', maxUsd: 1 }]));
      bed.submit('b', paid(1, 'other'), 'other');
      await bed.until(() => bed.status('a')?.counts.running === 1 && bed.status('b')?.counts.running === 1);
      dear.open();
      await finished(bed, 'a');
      const purse = async () => (await bed.row<{ purse?: { asked?: true } }>(keys.queue('other')))?.purse;
      await bed.until(async () => (await purse())?.asked);
      slow.open();
      await finished(bed, 'b');
      assert.deepEqual(await purse(), { pockets: {}, asked: true });
      bed.submit('c', paid(1, 'other'), 'other');
      await bed.until(() => bed.status('c')?.items.find(({ waiting }) => waiting?.cap));
      assert.deepEqual(watch.problems, []);
    });
  });

  it('a cap that is set lower holds although whoever set it died right then', async () => {
    const check = new HintCheck();
    const shares = { queues: QUEUES, caps: { accountMicroUsd: 1_000 * USD }, execute: () => costing(USD), check };
    await withMoney(shares, async (bed) => {
      bed.submit('a', paid(1, 'default'));
      await finished(bed, 'a');
      const dying = interceptPorts(bed.deps, async ({ port, method }, proceed) => {
        const done = await proceed();
        if (port === 'store' && method === 'transact') throw new RangeError('it died');
        return done;
      });
      const checked = check.hear(SILENT);
      const hints = new Proxy(checked, { get: (own, name) => Reflect.get(own, name) ?? (() => {}) });
      const alone = { hints, lane: <T>(decision: () => Promise<T>): Promise<T> => decision() };
      await assert.rejects(defineCaps({ ...dying, ...alone }, { accountMicroUsd: 3 * USD }), /it died/);
      // Who looks for what is left to be done finds it.
      for (const { sk } of await bed.deps.store.query('todo', { prefix: 'locks/', limit: 9 }))
        hints.locksReleased(sk.slice('locks/'.length));
      await resumeTodos({ ...bed.deps, ...alone }, (about) => assert.fail(about));
      assert.equal((await bed.row<LedgerRow>(moneyKeys.ledger()))?.handed.account.microUsd, USD);
      bed.submit('b', paid(5, 'default'));
      await bed.until(() => bed.status('b')?.counts.done === 2);
      await bed.until(() => bed.status('b')?.items.find(({ waiting }) => waiting?.cap));
      assert.equal((await bed.row<LedgerRow>(moneyKeys.ledger()))?.handed.account.microUsd, 3 * USD);
    });
  });

  it('while a queue waits for money, an end that does not help it writes the ledger once', async () => {
    const gates = [new Gate(), new Gate()];
    const execute: Execute = async ({ item }) => {
      if (item.startsWith('i')) await gates[Number(item.slice(1))]?.opened;
      return costing(0);
    };
    const writes = new LedgerWrites();
    const caps = { accountMicroUsd: 3 * USD };
    const options = { execute, queues: QUEUES, caps };
    await withMoney(
      options,
      async (bed) => {
        bed.submit('a', paid(2, 'default'));
        await bed.until(() => bed.status('a')?.counts.running === 2);
        bed.submit('b', runOf([{ id: 'all', maxUsd: 3 }], { queue: 'other' }), 'other');
        const ledger = () => bed.row<LedgerRow>(moneyKeys.ledger());
        // The last that is written when a queue begins to wait.
        await bed.until(async () => (await ledger())?.handed.account.told === 100);
        const todos = () => bed.deps.store.query('todo', { prefix: '', limit: 1 });
        const before = writes.count;
        gates[0]?.open();
        await bed.until(() => bed.status('a')?.counts.done === 1);
        await bed.until(async () => (await todos()).length === 0);
        assert.equal(writes.count - before, 1);
        gates[1]?.open();
        assert.equal((await finished(bed, 'b')).status.state, 'done');
        await bed.until(() => bed.engine.isIdle());
        assert.deepEqual((await ledger())?.waiting, []);
      },
      writes,
    );
    assert.equal(writes.settled().spentMicroUsd, 0);
  });

  it('what items cost that reserve nothing is told of the deployment all the same', async () => {
    await withMoney({ execute: () => costing(3 * USD), caps: CAPS, concurrency: 1 }, async (bed, watch) => {
      bed.submit('s', runOf(itemsOf('i', 2)));
      await finished(bed, 's');
      const { handed } = (await bed.row<LedgerRow>(moneyKeys.ledger())) ?? assert.fail('no ledger');
      for (const { microUsd } of Object.values(handed)) assert.equal(microUsd, 6 * USD);
      assert.equal(handed.account.told, 100);
      assert.equal(watch.settled().spentMicroUsd, 6 * USD);
    });
  });
});
