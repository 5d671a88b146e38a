/** What the simulation has found, each as the shortest history that shows it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { deriveRunId } from '@waybill/verify';
import { LAUNCH_DEFERRED } from '#core/attempt.ts';
import type { LockRow } from '#core/queue-rows.ts';
import { type ItemRow, keys } from '#core/rows.ts';
import { advance } from '#flow/advance.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { dispatch } from '#flow/dispatch.ts';
import { enterRun } from '#flow/enter.ts';
import { takeInOne } from '#flow/inbox.ts';
import { adoptKeys } from '#flow/keys.ts';
import { defineQueues } from '#flow/queues.ts';
import { fireTimers } from '#flow/reconcile.ts';
import { seal } from '#flow/seal.ts';
import { sequence } from '#flow/sequence.ts';
import { settleWithout } from '#flow/settle.ts';
import { verifySealed } from '#flow/verify.ts';
import { abortOf, cancelOf, controlOf, extendOf, itemsOf, runOf } from '../support/run-spec.ts';
import { type InstantFlow, instantFlow } from './instant-flow.ts';

const WHO = 'AROAEXAMPLE1:ada';
/** Items of a run whose rows do not fit into one transaction. */
const MORE_THAN_AT_ONCE = 40;
const OFF = new TypeError('cut off');
const BUSY = new RetryableError({ code: 'STORE_BUSY', path: 'store', problem: 'no answer', fix: 'Try again.' });

async function opened(bed: InstantFlow, submissionId: string, document: object): Promise<string> {
  const flow = bed.flow('submit');
  await adoptKeys(flow);
  await defineQueues(flow, { default: { concurrency: 4 } });
  await takeInOne(flow, bed.put(`default/${WHO}/${submissionId}.json`, document));
  return deriveRunId(WHO, submissionId);
}

function itemOf(bed: InstantFlow, run: string, item: string): ItemRow | null {
  return bed.table.body<ItemRow>(keys.item(run, item));
}

describe('simulation: what it has found', () => {
  it('a submission that is taken in twice at once has one plan, although the other is opened and sequenced first', async () => {
    const bed = instantFlow();
    const object = bed.put(`default/${WHO}/twice.json`, runOf(itemsOf('i', MORE_THAN_AT_ONCE)));
    const run = deriveRunId(WHO, 'twice');
    const other = bed.flow('submit');
    await adoptKeys(other);
    await defineQueues(other, { default: { concurrency: 4 } });
    let isOvertaken = false;
    const slow = bed.flow('submit', async (what) => {
      if (isOvertaken || !what.startsWith(`get run/${run} spec/`)) return;
      isOvertaken = true;
      await takeInOne(other, object);
      await sequence(bed.flow('seal'), run);
    });
    await takeInOne(slow, object);
    assert.ok(isOvertaken);
    await takeInOne(other, bed.put(`@control/${WHO}/end.json`, cancelOf(run)));
    await seal(bed.flow('seal'), run);
    const report = await verifySealed(bed.flow('submit'), run);
    assert.deepEqual(
      report?.checks.filter(({ status }) => status === 'fail'),
      [],
    );
  });

  it('an abort by force ends what waits, although the stop before it was cut off, and its own at first', async () => {
    const bed = instantFlow();
    const run = await opened(bed, 'aborted', runOf(itemsOf('i', 3, { locks: ['one'] })));
    await advance(bed.flow('advance'), 'default');
    assert.equal(bed.table.query('lock/one', { prefix: 'wait/', limit: 9 }).length, 2);
    const cutOff = async (what: string): Promise<void> => {
      if (what.startsWith(`get run/${run} item/`) || what.startsWith(`get run/${run} spec/`)) throw BUSY;
    };
    const dying = bed.flow('submit', cutOff);
    await assert.rejects(takeInOne(dying, bed.put(`@control/${WHO}/end.json`, abortOf(run, 'regret'))), BUSY);
    bed.goOn(31_000);
    const troubles: unknown[] = [];
    await fireTimers(bed.flow('timers', cutOff), (_about, error) => troubles.push(error));
    assert.deepEqual(troubles, [BUSY]);
    assert.notEqual(bed.table.body(keys.activeRun(run)), null);
    bed.goOn(1_001);
    await fireTimers(bed.flow('timers'), (_about, error) => assert.fail(String(error)));
    assert.equal(bed.table.body(keys.activeRun(run)), null);
    assert.deepEqual(bed.table.query('lock/one', { prefix: 'wait/', limit: 9 }), []);
    assert.equal(itemOf(bed, run, 'i002')?.state, 'cancelled');
  });

  it('an abort by force takes a run out of which a row is gone', async () => {
    const bed = instantFlow();
    const run = await opened(bed, 'damaged', runOf(itemsOf('i', 3)));
    const damaged = bed.flow('timers', async (what) => {
      if (what.startsWith(`get run/${run} spec/`)) throw new RangeError('a row is missing');
    });
    const dying = bed.flow('submit', async (what) => {
      if (what.startsWith(`get run/${run} spec/`)) throw OFF;
    });
    await assert.rejects(takeInOne(dying, bed.put(`@control/${WHO}/end.json`, abortOf(run, 'regret'))), OFF);
    bed.goOn(31_000);
    await fireTimers(damaged, (_about, error) => assert.fail(String(error)));
    assert.equal(bed.table.body(keys.activeRun(run)), null);
  });

  it('items that were parked while the ready list was read do not leave the lists of a lock in one decision', async () => {
    const bed = instantFlow();
    await opened(bed, 'parked', runOf(itemsOf('i', 3, { locks: [{ name: 'one', mode: 'shared' }] })));
    const holder = await opened(bed, 'holder', runOf([{ id: 'first', locks: ['one'], priority: 90 }]));
    let isParked = false;
    const late = bed.flow('advance', async (what) => {
      if (isParked || what !== 'get queue/default queue') return;
      isParked = true;
      await advance(bed.flow('advance'), 'default');
      await takeInOne(bed.flow('submit'), bed.put(`@control/${WHO}/end.json`, cancelOf(holder)));
      // The holder has ended, and nobody has looked at those who wait.
      const attempt = itemOf(bed, holder, 'first')?.attempts.at(-1)?.id ?? '';
      await dispatch(bed.flow('dispatch'), attempt);
    });
    await advance(late, 'default');
    assert.ok(isParked);
    const waiting = bed.table
      .query('lock/one', { prefix: 'wait/', limit: 9 })
      .map(({ sk }) => sk.slice('wait/'.length));
    const head = bed.table.body<LockRow>(keys.lock('one'))?.head?.rank;
    assert.ok(head === undefined || waiting.includes(head), `${head} is the head of ${waiting}`);
  });

  it('a timer that two put off at once is one timer', async () => {
    const bed = instantFlow();
    const run = await opened(bed, 'put-off', runOf(itemsOf('i', 1)));
    await takeInOne(bed.flow('submit'), bed.put(`@control/${WHO}/end.json`, abortOf(run, 'regret')));
    bed.goOn(31_000);
    const fire = (flow: FlowDeps) =>
      fireTimers(
        flow,
        (_about, error) => assert.fail(String(error)),
        async () => false,
      );
    let isOvertaken = false;
    const slow = bed.flow('timers', async (what) => {
      if (isOvertaken || !what.startsWith('get timers ')) return;
      isOvertaken = true;
      bed.goOn(1);
      await fire(bed.flow('timers'));
    });
    await fire(slow);
    assert.ok(isOvertaken);
    assert.equal(bed.table.query('timers', { prefix: '', limit: 9 }).length, 1);
  });

  it('a sealed run leaves no wake behind whose stream record was lost', async () => {
    const bed = instantFlow();
    const items = [{ id: 'a' }, { id: 'b', dependsOn: ['a'] }];
    const run = await opened(bed, 'woken', runOf(items));
    await takeInOne(bed.flow('submit'), bed.put(`@control/${WHO}/end.json`, cancelOf(run)));
    assert.notEqual(bed.table.query(`run/${run}`, { prefix: 'wake/', limit: 1 }).length, 0);
    await enterRun(bed.flow('seal'), run);
    await seal(bed.flow('seal'), run);
    assert.deepEqual(bed.table.query(`run/${run}`, { prefix: 'wake/', limit: 1 }), []);
  });

  it('a tree is not taken for whole while another has removed the events of a batch and has not ended it', async () => {
    const bed = instantFlow();
    const run = await opened(bed, 'placed', runOf(itemsOf('i', 3)));
    const events = bed.table.query(`run/${run}`, { prefix: 'event/', limit: 99 }).length;
    let writes = 0;
    const dying = bed.flow('seal', async (what) => {
      if (what.startsWith(`transact run/${run} tree`)) writes += 1;
      if (writes === 2) throw OFF;
    });
    let isOvertaken = false;
    const slow = bed.flow('seal', async (what) => {
      if (isOvertaken || !what.startsWith(`query run/${run} event/`)) return;
      isOvertaken = true;
      await assert.rejects(sequence(dying, run), OFF);
    });
    assert.equal((await sequence(slow, run)).size, events);
    assert.ok(isOvertaken);
  });

  it('a pause goes on although what was added to the run is not written yet', async () => {
    const bed = instantFlow();
    const run = await opened(bed, 'grown', runOf([{ id: 'first' }], { openEnded: true }));
    const dying = bed.flow('submit', async (what) => {
      if (what.startsWith('artifact open')) throw OFF;
    });
    const more = bed.put(`@control/${WHO}/more.json`, extendOf(run, [{ id: 'added' }]));
    await assert.rejects(takeInOne(dying, more), OFF);
    assert.equal(itemOf(bed, run, 'added'), null);
    await takeInOne(bed.flow('submit'), bed.put(`@control/${WHO}/pause.json`, controlOf('pause', run)));
    assert.equal(itemOf(bed, run, 'first')?.shelved, true);
    await takeInOne(bed.flow('submit'), bed.put(`@control/${WHO}/last.json`, extendOf(run, [{ id: 'last' }])));
    assert.deepEqual([itemOf(bed, run, 'added')?.shelved, itemOf(bed, run, 'last')?.shelved], [true, true]);
  });

  it('a cancel finds an item whose attempt was put off between the reading of the one and of the other', async () => {
    const bed = instantFlow();
    const run = await opened(bed, 'put-off-cancel', runOf(itemsOf('i', 1)));
    await advance(bed.flow('advance'), 'default');
    const attempt = itemOf(bed, run, 'i000')?.attempts.at(-1)?.id ?? '';
    let isOvertaken = false;
    const slow = bed.flow('submit', async (what) => {
      if (isOvertaken || !what.startsWith(`get attempt/${attempt}`)) return;
      isOvertaken = true;
      await settleWithout(bed.flow('dispatch'), attempt, LAUNCH_DEFERRED);
    });
    await takeInOne(slow, bed.put(`@control/${WHO}/end.json`, cancelOf(run, 'i000')));
    assert.ok(isOvertaken);
    assert.equal(itemOf(bed, run, 'i000')?.state, 'cancelled');
  });
});
