/** An item that gives up its turn: nothing of it is spent, nothing of it is held, and what it says too late is nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import type { LockRow } from '#core/queue-rows.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { aborted, answerTo, FAILED, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { cancelOf, controlOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

/** Its worker may have been started: an attempt that is claimed only has none. */
const running = (bed: FlowBed, run: string, item: string) =>
  bed.until(async () => {
    const { id = '' } = (await bed.itemRow(run, item))?.attempts.at(-1) ?? {};
    return (await bed.row<AttemptRow>(keys.attempt(id)))?.state === 'dispatched';
  });

/** Its first attempt works until it is told to stop; every later one succeeds. */
const firstHangs: Execute = async ({ attempt }, { signal }) => {
  if (attempt > 1) return SUCCEEDED;
  await aborted(signal);
  return { outcome: 'cancelled', reason: 'cancelled', exit: null };
};

describe('flow: requeue', { concurrency: true }, () => {
  it('stops what runs, spends nothing of it, and lets it run again behind what was ready', async () => {
    const order: string[] = [];
    const execute: Execute = async (job, context) => {
      order.push(`${job.item} ${job.attempt}`);
      return job.item === 'big' ? firstHangs(job, context) : SUCCEEDED;
    };
    await withBed({ execute, concurrency: 1 }, async (bed) => {
      const big = { id: 'big', priority: 99, locks: ['l'], retry: { maxAttempts: 1 } };
      const run = bed.submit('s', runOf([big, { id: 'small', priority: 99 }]));
      await running(bed, run, 'big');
      assert.deepEqual(await answerTo(bed, 'r', controlOf('requeue', run, 'big')), ['accepted', undefined]);
      const { states, status, events, item } = await finished(bed, 's');
      assert.deepEqual([states, status.state], [{ big: 'done', small: 'done' }, 'done']);
      assert.deepEqual(order, ['big 1', 'small 1', 'big 2']);
      assert.deepEqual([status.counts.attempts, status.counts.retries, status.counts.requeues], [3, 0, 1]);
      assert.deepEqual(
        item('big')?.attempts.map(({ outcome, reason }) => [outcome, reason]),
        [
          ['cancelled', 'requeued'],
          ['succeeded', 'ok'],
        ],
      );
      const [first] = eventsOf(events, 'attempt.settled').map(({ data }) => data);
      assert.deepEqual([first?.next, first?.spent], ['retry', false]);
    });
  });

  it('a result that is there before the worker has ended counts, and the item is done', async () => {
    const execute: Execute = async (_job, { signal }) => {
      await aborted(signal);
      return SUCCEEDED;
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await running(bed, run, 'x');
      await answerTo(bed, 'r', controlOf('requeue', run, 'x'));
      const { states, item } = await finished(bed, 's');
      assert.deepEqual([states.x, item('x')?.attempts.length], ['done', 1]);
    });
  });

  it('a cancel that comes after it wins', async () => {
    const ended = new Gate();
    const execute: Execute = async (_job, { signal }) => {
      await aborted(signal);
      await ended.opened;
      return FAILED;
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x', retry: { maxAttempts: 5 } }]));
      await running(bed, run, 'x');
      await answerTo(bed, 'r', controlOf('requeue', run, 'x'));
      assert.deepEqual(await answerTo(bed, 'again', controlOf('requeue', run, 'x')), ['deduped', undefined]);
      await answerTo(bed, 'c', cancelOf(run, 'x'));
      ended.open();
      const { states, item } = await finished(bed, 's');
      assert.deepEqual([states.x, item('x')?.attempts.length], ['cancelled', 1]);
    });
  });

  it('what is ready goes to the end of its list, and out of the lists of locks', async () => {
    const released = new Gate();
    const order: string[] = [];
    const execute: Execute = async ({ item }) => {
      order.push(item);
      if (item === 'holder') await released.opened;
      return SUCCEEDED;
    };
    await withBed({ execute, concurrency: 1 }, async (bed) => {
      const items = ['holder', 'a', 'b', 'c'].map((id) => ({ id, ...(id === 'holder' ? { priority: 99 } : {}) }));
      const run = bed.submit('s', runOf(items));
      await running(bed, run, 'holder');
      const before = (await bed.itemRow(run, 'a'))?.rank ?? '';
      assert.deepEqual(await answerTo(bed, 'r', controlOf('requeue', run, 'a')), ['accepted', undefined]);
      assert.ok(((await bed.itemRow(run, 'a'))?.rank ?? '') > before);
      released.open();
      assert.equal((await finished(bed, 's')).status.state, 'done');
      assert.deepEqual(order, ['holder', 'b', 'c', 'a']);
    });
  });

  it('who has read the list before finds it at its new place only, and does not let it pass the others', async () => {
    const [released, isRead, aside] = [new Gate(), new Gate(), new Gate()];
    let isHolding = false;
    const order: string[] = [];
    const execute: Execute = async ({ item }) => {
      order.push(item);
      if (item === 'holder') await released.opened;
      return SUCCEEDED;
    };
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
      interceptPorts(deps, async ({ method, args }, proceed) => {
        const answer = await proceed();
        if (!isHolding || method !== 'query' || args[0] !== 'queue/default') return answer;
        isHolding = false;
        isRead.open();
        await aside.opened;
        return answer;
      });
    await withBed({ execute, concurrency: 1, adapt }, async (bed) => {
      const items = ['holder', 'a', 'b', 'c'].map((id) => ({ id, ...(id === 'holder' ? { priority: 99 } : {}) }));
      const run = bed.submit('s', runOf(items));
      await running(bed, run, 'holder');
      isHolding = true;
      released.open();
      await isRead.opened;
      assert.deepEqual(await answerTo(bed, 'r', controlOf('requeue', run, 'a')), ['accepted', undefined]);
      aside.open();
      assert.equal((await finished(bed, 's')).status.state, 'done');
      assert.deepEqual(order, ['holder', 'b', 'c', 'a']);
    });
  });

  it('what waits for locks leaves their lists, and lines up for them again', async () => {
    const released = new Gate();
    const execute: Execute = async ({ item }) => {
      if (item === 'holder') await released.opened;
      return SUCCEEDED;
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf(['holder', 'waiter'].map((id) => ({ id, locks: ['l'] }))));
      await bed.until(async () => (await bed.itemRow(run, 'waiter'))?.parked);
      const before = (await bed.itemRow(run, 'waiter'))?.rank;
      await answerTo(bed, 'r', controlOf('requeue', run, 'waiter'));
      await bed.until(async () => {
        const row = await bed.itemRow(run, 'waiter');
        return row?.parked && row.rank !== before;
      });
      assert.equal((await bed.row<LockRow>(keys.lock('l')))?.head?.rank, (await bed.itemRow(run, 'waiter'))?.rank);
      released.open();
      assert.equal((await finished(bed, 's')).status.state, 'done');
    });
  });

  it('what stands in no queue is refused with what to do, or has nothing to change', async () => {
    const released = new Gate();
    const execute: Execute = async ({ item }) => {
      if (item === 'slow') await released.opened;
      return item === 'flaky' || item === 'bad' ? FAILED : SUCCEEDED;
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit(
        's',
        runOf([
          { id: 'slow' },
          { id: 'after', dependsOn: ['slow'] },
          { id: 'early' },
          { id: 'flaky', retry: { maxAttempts: 2, backoff: '1h', maxBackoff: '1h' } },
          { id: 'bad' },
          { id: 'gate', gate: {} },
        ]),
      );
      await bed.until(async () => (await bed.itemRow(run, 'bad'))?.state === 'failed');
      await bed.until(async () => (await bed.itemRow(run, 'early'))?.state === 'done');
      await bed.until(async () => (await bed.itemRow(run, 'flaky'))?.notBeforeMs);
      for (const id of ['after', 'bad', 'gate'])
        assert.deepEqual(await answerTo(bed, `r-${id}`, controlOf('requeue', run, id)), ['invalid', 'ITEM_STATE'], id);
      bed.control('r-done', controlOf('requeue', run, 'early'));
      const [reason] = (await bed.until(() => bed.receipts('r-done')[0])).reasons;
      assert.match(
        `${reason?.path}: ${reason?.problem} ${reason?.fix}`,
        /^spec\.item: .*as done Nothing is left to send back/,
      );
      assert.deepEqual(await answerTo(bed, 'r-x', controlOf('requeue', run, 'x')), ['invalid', 'ITEM_UNKNOWN']);
      assert.deepEqual(await answerTo(bed, 'r-f', controlOf('requeue', run, 'flaky')), ['deduped', undefined]);
      await answerTo(bed, 'p', controlOf('pause', run));
      released.open();
      await bed.until(async () => (await bed.itemRow(run, 'after'))?.shelved);
      assert.deepEqual(await answerTo(bed, 'r-a', controlOf('requeue', run, 'after')), ['deduped', undefined]);
      await answerTo(bed, 'c', cancelOf(run));
      await finished(bed, 's');
      assert.deepEqual(await answerTo(bed, 'late', controlOf('requeue', run, 'slow')), ['invalid', 'RUN_SEALED']);
    });
  });

  it('in a paused run it stops what runs, which is started again when the run is resumed', async () => {
    await withBed({ execute: firstHangs }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await running(bed, run, 'x');
      await answerTo(bed, 'p', controlOf('pause', run));
      await answerTo(bed, 'r', controlOf('requeue', run, 'x'));
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.shelved);
      await answerTo(bed, 'u', controlOf('resume', run));
      assert.equal((await finished(bed, 's')).item('x')?.attempts.length, 2);
    });
  });
});
