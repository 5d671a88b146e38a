/** Behaviours 1 to 5: what may run beside what, and in which order. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answerTo, finished, Gate, inState, ranAlone, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { controlOf, extendOf, itemsOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

describe('behaviours: order', { concurrency: true }, () => {
  it('1. four items with different locks in a queue of two slots run two at a time', async () => {
    const both = new Gate();
    let [running, most] = [0, 0];
    const items = itemsOf('i', 4).map((item) => ({ ...item, locks: [`repo:${item.id}`] }));
    const execute = async () => {
      running += 1;
      most = Math.max(most, running);
      if (running === 2) both.open();
      await both.opened;
      running -= 1;
      return SUCCEEDED;
    };
    const { status } = await ranAlone({ execute, concurrency: 2 }, runOf(items));
    assert.deepEqual([most, status.state], [2, 'done']);
  });

  it('2. an item that wants the locks {A, B} while A is held leaves B free', async () => {
    const released = new Gate();
    const ended: string[] = [];
    const execute = async ({ item }: { item: string }) => {
      if (item === 'holder') await released.opened;
      if (item === 'b-only') released.open();
      ended.push(item);
      return SUCCEEDED;
    };
    const items = [
      { id: 'holder', locks: ['a'], priority: 90 },
      { id: 'both', locks: ['a', 'b'], priority: 80 },
      { id: 'b-only', locks: ['b'], priority: 70 },
    ];
    await ranAlone({ execute }, runOf(items));
    assert.deepEqual(ended, ['b-only', 'holder', 'both']);
  });

  it('3. items that only need each other run as a chain, and each is given what the one before left', async () => {
    const given: string[] = [];
    const need = (from: string) => ({ in: { from, select: { output: 'out' } } });
    const items = [{ id: 'a' }, { id: 'b', needs: need('a') }, { id: 'c', needs: need('b') }];
    const { events } = await ranAlone(
      {
        execute({ item }, { lease }) {
          given.push(`${item} ${lease.inputs.map(({ sha256 }) => sha256)}`);
          return { ...SUCCEEDED, outputs: { out: Buffer.from(item) } };
        },
      },
      runOf(items),
    );
    const [a, b] = eventsOf(events, 'attempt.settled').map(({ data }) => data.outputs[0]?.sha256);
    assert.deepEqual(given, ['a ', `b ${a}`, `c ${b}`]);
  });

  it('4. an output that upstream did not leave fails the item with key and upstream named, and dependents are skipped', async () => {
    const started: string[] = [];
    const execute = ({ item }: { item: string }) => {
      started.push(item);
      return SUCCEEDED;
    };
    const needs = { report: { from: 'maker', select: { output: 'report.md' } } };
    const items = [
      { id: 'maker' },
      { id: 'taker', needs, retry: { maxAttempts: 5 } },
      { id: 'after', dependsOn: ['taker'] },
    ];
    const { states, item } = await ranAlone({ execute }, runOf(items));
    assert.deepEqual(states, { maker: 'done', taker: 'failed', after: 'skipped' });
    assert.equal(item('taker')?.reason, 'input_missing');
    assert.match(item('taker')?.detail ?? '', /report.*maker.*outputs\/report\.md/);
    assert.deepEqual(started, ['maker'], 'nothing is started without its input');
  });

  it('5. an open-ended run takes more items when all that it had has ended, and is over once it is closed', async () => {
    await withBed({ execute: () => SUCCEEDED }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'first' }], { openEnded: true }));
      await inState(bed, run, 'first', 'done');
      await answerTo(bed, 'more', extendOf(run, [{ id: 'second', dependsOn: ['first'] }]));
      await inState(bed, run, 'second', 'done');
      assert.equal((await bed.runRow(run))?.completedAtMs, undefined);
      await answerTo(bed, 'close', controlOf('close', run));
      const { states, status } = await finished(bed, 's');
      assert.deepEqual([states, status.state], [{ first: 'done', second: 'done' }, 'done']);
    });
  });
});
