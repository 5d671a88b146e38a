/** Who waits for a lock or for money while there is no slot either: one of them is called, and the others after it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deriveRunId } from '@waybill/verify';
import type { ItemRow } from '#core/rows.ts';
import { advance } from '#flow/advance.ts';
import { defineCaps } from '#flow/gather.ts';
import { takeInOne } from '#flow/inbox.ts';
import { adoptKeys } from '#flow/keys.ts';
import { lineUp } from '#flow/pause.ts';
import { defineQueues } from '#flow/queues.ts';
import { resumeTodos } from '#flow/reconcile.ts';
import { settleWithout } from '#flow/settle.ts';
import { cancelOf, controlOf, itemsOf, runOf } from '../support/run-spec.ts';
import { instantFlow } from './instant-flow.ts';

const WHO = 'AROAEXAMPLE1:ada';
const USD = 1_000_000;
const QUEUES = { default: { concurrency: 2 } };
const LOST = { outcome: 'contract_error', reason: 'input_missing' } as const;

/** What the waiters lack beside a slot. */
type Lack = 'locks' | 'money' | 'shared';

/** Of those that wait for money, two fit into the cap once the dear one has ended. */
const WAITERS: Record<Lack, (count: number) => object> = {
  locks: (count) => runOf(itemsOf('w', count, { locks: ['one'] })),
  shared: (count) => runOf(itemsOf('w', count, { locks: [{ name: 'one', mode: 'shared' }] })),
  money: (count) =>
    runOf([{ id: 'dear', maxUsd: 2, priority: 60 }, ...itemsOf('w', count, { maxUsd: 1 })], { caps: { usd: 2 } }),
};

/** One attempt of the waiters' run has just ended, or whoever had their lock; a run that needs nothing has both slots. */
async function lackingBoth(lack: Lack, count: number) {
  const bed = instantFlow(QUEUES);
  const flow = bed.flow('submit');
  let transactions = 0;
  const counted = bed.flow('advance', async (what) => {
    if (what.startsWith('transact')) transactions += 1;
  });
  await adoptKeys(flow);
  await defineQueues(flow, QUEUES);
  await defineCaps(flow, { accountMicroUsd: 1_000 * USD });
  const submit = async (id: string, document: object): Promise<string> => {
    await takeInOne(flow, bed.put(`default/${WHO}/${id}.json`, document));
    bed.goOn(10);
    return deriveRunId(WHO, id);
  };
  const control = (id: string, document: object) => takeInOne(flow, bed.put(`@control/${WHO}/${id}.json`, document));
  const items = (run: string): [string, ItemRow][] =>
    bed.table
      .query(`run/${run}`, { prefix: 'item/', limit: 1_000 })
      .map(({ sk, body }) => [sk.slice('item/'.length), body as unknown as ItemRow]);
  const inState = (run: string, holds: (item: ItemRow) => boolean): string[] =>
    items(run).flatMap(([id, item]) => (holds(item) ? [id] : []));
  const end = async (run: string): Promise<void> => {
    for (const [, item] of items(run)) {
      if (item.state !== 'running') continue;
      const attempt = item.attempts.at(-1)?.id ?? '';
      await settleWithout(bed.flow('settle'), attempt, LOST);
      return;
    }
    assert.fail('nothing of it runs');
  };
  const tryAll = () => resumeTodos(counted, (about) => assert.fail(about));

  const holder = lack === 'shared' ? await submit('holder', runOf([{ id: 'h', locks: ['one'] }])) : undefined;
  const waiters = await submit('waiters', WAITERS[lack](count));
  const free = await submit('free', runOf(itemsOf('f', 4 * count)));
  await advance(counted, 'default');
  await end(holder ?? waiters);
  // As in the deployed shape, where nobody says what comes first: the slot is taken before the waiters are tried.
  await advance(counted, 'default');
  transactions = 0;
  await tryAll();
  return {
    ...{ bed, flow, waiters, control, end, tryAll },
    called: () => inState(waiters, ({ called }) => called !== undefined),
    running: () => inState(waiters, ({ state }) => state === 'running'),
    open: () => inState(waiters, ({ state }) => state === 'ready' || state === 'running'),
    freeSlot: () => end(free),
    advance: () => advance(counted, 'default'),
    transactions: () => transactions,
  };
}

/** Until nothing of the waiters' run is open. */
async function workOff(bed: Awaited<ReturnType<typeof lackingBoth>>): Promise<void> {
  for (let rounds = 0; bed.open().length > 0; rounds += 1) {
    assert.ok(rounds < 40, `still open: ${bed.open()}`);
    await bed.tryAll();
    if (bed.running().length > 0) await bed.end(bed.waiters);
    else await bed.freeSlot();
    await bed.advance();
  }
}

describe('advance: who waits for a slot beside what it waited for', () => {
  for (const lack of ['locks', 'money', 'shared'] as const) {
    it(`${lack}: one is called, and an end costs no more with more waiters`, async () => {
      const [few, many] = [await lackingBoth(lack, 6), await lackingBoth(lack, 60)];
      assert.equal(few.called().length, 1);
      assert.equal(many.called().length, 1);
      assert.equal(many.transactions(), few.transactions());
    });

    for (const [how, leave] of Object.entries({
      cancelled: (run: string, item: string) => cancelOf(run, item),
      skipped: (run: string, item: string) => controlOf('skip', run, item),
      'sent back in its queue': (run: string, item: string) => controlOf('requeue', run, item),
    })) {
      it(`${lack}: the next is called when one that was called is ${how}`, async () => {
        const bed = await lackingBoth(lack, 6);
        const [first = ''] = bed.called();
        await bed.control('leave', leave(bed.waiters, first));
        await bed.tryAll();
        const called = bed.called();
        assert.equal(called.length, 1);
        assert.notEqual(called[0], first);
      });
    }

    it(`${lack}: one that is claimed runs, and all of them do in the end`, async () => {
      const bed = await lackingBoth(lack, 6);
      const [first = ''] = bed.called();
      await bed.freeSlot();
      await bed.advance();
      assert.deepEqual(bed.running(), [first]);
      await workOff(bed);
    });
  }

  for (const lack of ['money', 'shared'] as const) {
    it(`${lack}: the next is called when one that was called is claimed`, async () => {
      const bed = await lackingBoth(lack, 6);
      const [first = ''] = bed.called();
      await bed.freeSlot();
      await bed.advance();
      await bed.tryAll();
      assert.deepEqual(bed.running(), [first]);
      assert.equal(bed.called().length, 1);
    });
  }

  it('nobody is called for a slot that it could not pay for', async () => {
    const bed = await lackingBoth('money', 6);
    for (const running of [1, 2]) {
      await bed.freeSlot();
      await bed.advance();
      await bed.tryAll();
      assert.equal(bed.running().length, running);
    }
    assert.deepEqual(bed.called(), []);
  });

  it('a pause takes one that was called out of its list, and it is called no more', async () => {
    const bed = await lackingBoth('locks', 6);
    await bed.control('pause', controlOf('pause', bed.waiters));
    await lineUp(bed.flow, bed.waiters, 'again');
    assert.deepEqual(bed.called(), []);
    await bed.control('resume', controlOf('resume', bed.waiters));
    assert.deepEqual(bed.called(), []);
    await workOff(bed);
  });
});
