/** Who waits for several locks and goes to wait for something else gives up its places: whoever is behind it there is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LockRow } from '#core/queue-rows.ts';
import { keys } from '#core/rows.ts';
import type { Hints } from '#flow/deps.ts';
import { finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { HintCheck } from '../support/hint-check.ts';
import { costing, USD, withMoney } from '../support/money-bed.ts';
import { itemsOf, runOf } from '../support/run-spec.ts';

/** More than may overtake somebody who waits for `b`: it is kept for them then. */
const MANY = itemsOf('b', 12).map((item) => ({ ...item, locks: ['b'] }));

const isKept = (lock: LockRow | null): boolean => (lock?.head?.overtaken ?? 0) >= 8;

/** What the flow says of locks is held against the rows, and the engine does not hear it. */
class Unheard extends HintCheck {
  override hear(own: Hints): Hints {
    return super.hear({ ...own, locksReleased: () => {} });
  }
}

describe('flow: places in the lists of locks that are given up', { concurrency: true }, () => {
  it('of one that waits for money now, in the lists of its other locks too', async () => {
    const [held, dear] = [new Gate(), new Gate()];
    const execute = async ({ item }: { item: string }) => {
      if (item === 'holds-a') await held.opened;
      if (item === 'dear') await dear.opened;
      return costing(item === 'dear' ? 3 * USD : 0);
    };
    await withMoney({ execute, concurrency: 8 }, async (bed) => {
      const items = [
        { id: 'holds-a', locks: ['a'], priority: 90 },
        { id: 'dear', maxUsd: 3, priority: 80 },
        { id: 'both', maxUsd: 2, priority: 70, locks: ['a', 'b'] },
      ];
      const run = bed.submit('s', runOf(items, { caps: { usd: 4 } }));
      await bed.until(async () => (await bed.itemRow(run, 'both'))?.parked);
      bed.submit('t', runOf(MANY));
      await bed.until(async () => isKept(await bed.row<LockRow>(keys.lock('b'))));
      held.open();
      assert.equal((await finished(bed, 't')).status.state, 'done');
      assert.equal((await bed.itemRow(run, 'both'))?.short, true);
      dear.open();
      assert.equal((await finished(bed, 's')).states.both, 'denied');
    });
  });

  it('of one for which its queue has no room, while it stands in line there', async () => {
    const [held, blocked] = [new Gate(), new Gate()];
    const execute = async ({ item }: { item: string }) => {
      if (item === 'holds-a') await held.opened;
      if (item === 'blocks') await blocked.opened;
      return SUCCEEDED;
    };
    const queues = { default: { concurrency: 1 }, other: { concurrency: 8 } };
    await withBed({ execute, queues }, async (bed) => {
      const holder = bed.submit('h', runOf([{ id: 'holds-a', locks: ['a'] }], { queue: 'other' }), 'other');
      await bed.until(async () => (await bed.itemRow(holder, 'holds-a'))?.state === 'running');
      const run = bed.submit('s', runOf([{ id: 'both', locks: ['a', 'b'] }]));
      await bed.until(async () => (await bed.itemRow(run, 'both'))?.parked);
      bed.submit('t', runOf(MANY, { queue: 'other' }), 'other');
      await bed.until(async () => isKept(await bed.row<LockRow>(keys.lock('b'))));
      const blocker = bed.submit('u', runOf([{ id: 'blocks' }]));
      await bed.until(async () => (await bed.itemRow(blocker, 'blocks'))?.state === 'running');
      held.open();
      assert.equal((await finished(bed, 't')).status.state, 'done');
      assert.deepEqual(await bed.itemRow(run, 'both').then((row) => [row?.state, row?.parked]), ['ready', undefined]);
      blocked.open();
      assert.equal((await finished(bed, 's')).status.state, 'done');
    });
  });

  it('the sweep tries them where nobody heard of it', async () => {
    const held = new Gate();
    const execute = async ({ item }: { item: string }) => {
      if (item === 'holds') await held.opened;
      return SUCCEEDED;
    };
    await withBed({ execute, check: new Unheard() }, async (bed) => {
      const run = bed.submit('s', runOf(['holds', 'waits'].map((id) => ({ id, locks: ['l'] }))));
      await bed.until(async () => (await bed.itemRow(run, 'waits'))?.parked);
      held.open();
      assert.deepEqual((await finished(bed, 's')).states, { holds: 'done', waits: 'done' });
    });
  });
});
