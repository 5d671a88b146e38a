/** Queues that start at a rate, that are paused or drained, and items with a time before which they do not start. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import { finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { clockFrom } from '../support/moved-clock.ts';
import { controlOf, itemsOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const NAMES = ['i000', 'i001', 'i002', 'i003', 'i004', 'i005'];

describe('flow: queues', { concurrency: true }, () => {
  it('items start at the rate of their queue, a burst first, and a status says when the next one does', async () => {
    const claimedMs: number[] = [];
    // So slow that the wait is shown for seconds: on a busy machine a status may come a second late.
    const queues = { default: { concurrency: 50, rate: { starts: 3, perSeconds: 6 } } };
    await withBed({ execute: () => SUCCEEDED, queues }, async (bed) => {
      bed.submit('s', runOf(itemsOf('i', 6)));
      const held = await bed.until(() => bed.status('s')?.items.find(({ waiting }) => waiting?.rate)?.waiting);
      assert.deepEqual([held.rate?.starts, held.rate?.perSeconds, held.queue?.concurrency], [3, 6, 50]);
      const { states, events } = await finished(bed, 's');
      assert.deepEqual(states, Object.fromEntries(NAMES.map((name) => [name, 'done'])));
      for (const { at, data } of eventsOf(events, 'attempt.claimed'))
        claimedMs.push(...data.claims.map(() => Date.parse(at)));
    });
    const [first = 0] = claimedMs;
    // Three at once, then one every two seconds; what is recorded is the time of the decision, which begins before its rows are read.
    assert.ok((claimedMs[5] ?? 0) - first >= 5_400, `${claimedMs.map((atMs) => atMs - first)}`);
  });

  it('a paused queue takes runs and starts none of them until it is opened again', async () => {
    const begun: string[] = [];
    const execute: Execute = (job) => {
      begun.push(job.item);
      return SUCCEEDED;
    };
    const paused = { default: { concurrency: 2, state: 'paused' as const } };
    await withBed({ execute, queues: paused }, async (bed) => {
      bed.submit('s', runOf([{ id: 'a' }]));
      const waiting = await bed.until(() => bed.status('s')?.items[0]?.waiting?.paused);
      assert.equal(waiting, 'queue');
      // The status of a run and the answer to its object are written beside each other.
      const receipt = await bed.until(() => bed.receipts('s')[0]);
      assert.equal(receipt.status, 'accepted');
      assert.deepEqual(begun, []);
      await bed.halt();
      await withBed({ execute, directory: bed.directory, queues: { default: { concurrency: 2 } } }, async (later) => {
        assert.equal((await finished(later, 's')).status.state, 'done');
      });
    });
  });

  it('what waits in a queue that is defined no more says so, and starts when it is defined again', async () => {
    const queues = { default: { concurrency: 2 }, old: { concurrency: 2, state: 'paused' as const } };
    await withBed({ execute: () => SUCCEEDED, queues }, async (bed) => {
      bed.submit('s', runOf([{ id: 'a' }], { queue: 'old' }), 'old');
      await bed.until(() => bed.status('s')?.items[0]?.waiting);
      await bed.halt();
      const others = { default: { concurrency: 2 } };
      await withBed({ execute: () => SUCCEEDED, directory: bed.directory, queues: others }, async (without) => {
        const queue = await without.until(() => {
          const { queue } = without.status('s')?.items[0]?.waiting ?? {};
          return queue?.state === undefined ? undefined : queue;
        });
        assert.deepEqual(queue, { name: 'old', concurrency: 0, held: 0, state: 'gone' });
        await without.halt();
        const again = { ...others, old: { concurrency: 2 } };
        await withBed({ execute: () => SUCCEEDED, directory: bed.directory, queues: again }, async (later) => {
          assert.equal((await finished(later, 's')).status.state, 'done');
        });
      });
    });
  });

  it('a draining queue works off what it has and takes no more', async () => {
    const gate = new Gate();
    const execute: Execute = () => gate.opened.then(() => SUCCEEDED);
    await withBed({ execute, queues: { default: { concurrency: 1 } } }, async (bed) => {
      bed.submit('kept', runOf(itemsOf('i', 3)));
      await bed.until(() => bed.status('kept')?.counts.running === 1);
      await bed.halt();
      gate.open();
      const draining = { default: { concurrency: 1, state: 'draining' as const } };
      await withBed({ execute, directory: bed.directory, queues: draining }, async (later) => {
        later.submit('more', runOf([{ id: 'x' }]));
        const answer = await later.until(() => later.receipts('more')[0]);
        assert.deepEqual([answer.status, answer.reasons[0]?.code], ['invalid', 'QUEUE_DRAINING']);
        assert.equal((await finished(later, 'kept')).status.counts.done, 3);
      });
    });
  });

  it('an item does not start before its time, not even by a retry; what depends on it waits as well', async () => {
    const clock = clockFrom('2026-05-04T10:00:00Z');
    const notBefore = '2026-05-04T10:05:00.000Z';
    const begunMs = new Map<string, number>();
    const execute: Execute = (job) => {
      begunMs.set(job.item, clock.nowMs());
      return SUCCEEDED;
    };
    const adapt = <D extends object>(deps: D): D => ({ ...deps, clock });
    await withBed({ execute, adapt }, async (bed) => {
      const items = [{ id: 'now' }, { id: 'later', notBefore }, { id: 'behind', dependsOn: ['later'] }];
      const run = bed.submit('s', runOf(items));
      const waiting = await bed.until(() => bed.status('s')?.items[1]?.waiting);
      assert.equal(waiting.notBefore, notBefore);
      bed.control('r', controlOf('retry', run, 'later'));
      assert.equal((await bed.until(() => bed.receipts('r')[0])).status, 'deduped');
      bed.control('p', controlOf('pause', run));
      await bed.until(() => bed.receipts('p')[0]);
      bed.control('q', controlOf('resume', run));
      await bed.until(() => bed.receipts('q')[0]);
      await bed.until(() => bed.status('s')?.items[0]?.state === 'done');
      assert.deepEqual([...begunMs.keys()], ['now'], 'the others do not wait for it');
      clock.jumpTo(notBefore);
      assert.equal((await finished(bed, 's')).status.counts.done, 3);
    });
    assert.ok((begunMs.get('later') ?? 0) >= Date.parse(notBefore), 'not before its time');
  });
});
