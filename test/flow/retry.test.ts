/** A failed item that somebody retries, with all that was skipped because of it, while its run is open. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import type { Execute } from '#adapters/in-process/executor.ts';
import { MAX_ENGINE_ACTIONS } from '#core/names.ts';
import type { Action } from '#ports/run-store.ts';
import { asMany, type FlowBed, openFlowBed } from '../support/embedded-flow.ts';
import { answerTo, FAILED, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { cancelOf, controlOf, itemsOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

async function until(bed: FlowBed, run: string, item: string, state: string): Promise<void> {
  await bed.until(async () => (await bed.itemRow(run, item))?.state === state);
}

/** Fails its first attempts, by item; `open` ends when the gate opens, and keeps the run open. */
function flaky(failures: Record<string, number>, gate: Gate): Execute {
  return async (job) => {
    if (job.item === 'open') await gate.opened;
    return job.attempt <= (failures[job.item] ?? 0) ? FAILED : SUCCEEDED;
  };
}

describe('flow: retry', { concurrency: true }, () => {
  it('a failed item and all that was skipped because of it are tried, and the run is done', async () => {
    const gate = new Gate();
    await withBed({ execute: flaky({ bad: 2 }, gate) }, async (bed) => {
      const items = [
        { id: 'open' },
        { id: 'bad', locks: ['l'], retry: { maxAttempts: 2, backoff: '100ms' } },
        { id: 'below', dependsOn: ['bad'] },
        { id: 'deep', dependsOn: ['below', 'open'] },
      ];
      const run = bed.submit('s', runOf(items));
      await until(bed, run, 'deep', 'skipped');
      assert.deepEqual(await answerTo(bed, 'deep', controlOf('retry', run, 'deep')), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await answerTo(bed, 'r', controlOf('retry', run, 'bad')), ['accepted', undefined]);
      await until(bed, run, 'below', 'done');
      gate.open();
      const { status, states, item, events } = await finished(bed, 's');
      assert.deepEqual([status.state, states], ['done', { open: 'done', bad: 'done', below: 'done', deep: 'done' }]);
      assert.deepEqual(
        item('bad')?.attempts.map(({ outcome }) => outcome),
        ['failed', 'failed', 'succeeded'],
      );
      assert.equal(item('below')?.reason, undefined);
      assert.deepEqual(
        eventsOf(events, 'item.reopened').flatMap(({ data }) => data.items),
        ['bad', 'below', 'deep'],
      );
      assert.deepEqual(await answerTo(bed, 'late', controlOf('retry', run, 'bad')), ['invalid', 'RUN_SEALED']);
    });
  });

  it('what has a second reason not to run stays skipped, until that is retried too', async () => {
    const gate = new Gate();
    await withBed({ execute: flaky({ a: 1, b: 1 }, gate) }, async (bed) => {
      const items = [{ id: 'open' }, { id: 'a' }, { id: 'b' }, { id: 'both', dependsOn: ['a', 'b'] }];
      const run = bed.submit('s', runOf(items));
      for (const id of ['a', 'b']) await until(bed, run, id, 'failed');
      await until(bed, run, 'both', 'skipped');
      await answerTo(bed, 'ra', controlOf('retry', run, 'a'));
      await until(bed, run, 'a', 'done');
      assert.equal((await bed.itemRow(run, 'both'))?.state, 'skipped');
      await answerTo(bed, 'rb', controlOf('retry', run, 'b'));
      await until(bed, run, 'both', 'done');
      gate.open();
      assert.equal((await finished(bed, 's')).status.state, 'done');
    });
  });

  it('it may fail again, skip the same again, and be retried again', async () => {
    const gate = new Gate();
    await withBed({ execute: flaky({ bad: 2 }, gate) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'open' }, { id: 'bad' }, { id: 'below', dependsOn: ['bad'] }]));
      for (const n of [1, 2]) {
        await bed.until(
          async () => (await bed.itemRow(run, 'bad'))?.spent === 1 && (await bed.itemRow(run, 'bad'))?.attempt === n,
        );
        await until(bed, run, 'below', 'skipped');
        assert.deepEqual(await answerTo(bed, `r${n}`, controlOf('retry', run, 'bad')), ['accepted', undefined]);
      }
      await until(bed, run, 'below', 'done');
      gate.open();
      const { status, events } = await finished(bed, 's');
      assert.deepEqual([status.state, status.counts.attempts], ['done', 5]);
      assert.equal(eventsOf(events, 'control.accepted').length, 2);
    });
  });

  it('one that waits for its next attempt gets it at once; asking for what is under way is deduped', async () => {
    const gate = new Gate();
    await withBed({ execute: flaky({ slow: 1 }, gate) }, async (bed) => {
      const slow = { id: 'slow', retry: { maxAttempts: 2, backoff: '1h', maxBackoff: '1h' } };
      const run = bed.submit('s', runOf([{ id: 'open' }, slow, { id: 'below', dependsOn: ['open'] }]));
      await bed.until(async () => (await bed.itemRow(run, 'slow'))?.notBeforeMs);
      await until(bed, run, 'open', 'running');
      for (const id of ['open', 'below'])
        assert.deepEqual(await answerTo(bed, id, controlOf('retry', run, id)), ['deduped', undefined]);
      assert.deepEqual(await answerTo(bed, 'r', controlOf('retry', run, 'slow')), ['accepted', undefined]);
      await until(bed, run, 'slow', 'done');
      assert.deepEqual(await answerTo(bed, 'done', controlOf('retry', run, 'slow')), ['invalid', 'ITEM_STATE']);
      gate.open();
      assert.deepEqual((await finished(bed, 's')).states, { open: 'done', slow: 'done', below: 'done' });
    });
  });

  it('an item over its deadline, and one that was passed over, are not tried again', async () => {
    const gate = new Gate();
    await withBed({ concurrency: 1, execute: flaky({}, gate) }, async (bed) => {
      const items = [{ id: 'open', priority: 99 }, { id: 'late', deadline: '1s' }, { id: 'asked' }];
      const run = bed.submit('s', runOf(items));
      await until(bed, run, 'late', 'failed');
      await answerTo(bed, 'skip', controlOf('skip', run, 'asked'));
      for (const id of ['late', 'asked'])
        assert.deepEqual(await answerTo(bed, id, controlOf('retry', run, id)), ['invalid', 'ITEM_STATE'], id);
      gate.open();
      assert.equal((await finished(bed, 's')).status.state, 'failed');
    });
  });

  it('while the run is paused it is opened and waits; when it is cancelled it ends', async () => {
    const gate = new Gate();
    await withBed({ execute: flaky({ bad: 1 }, gate) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'open' }, { id: 'bad' }, { id: 'below', dependsOn: ['bad'] }]));
      await until(bed, run, 'below', 'skipped');
      await answerTo(bed, 'p', controlOf('pause', run));
      await answerTo(bed, 'r', controlOf('retry', run, 'bad'));
      await bed.until(async () => (await bed.itemRow(run, 'bad'))?.shelved);
      await until(bed, run, 'below', 'pending');
      await answerTo(bed, 'c', cancelOf(run, 'bad'));
      await until(bed, run, 'below', 'skipped');
      await answerTo(bed, 'p2', controlOf('resume', run));
      gate.open();
      assert.deepEqual((await finished(bed, 's')).states, { open: 'done', bad: 'cancelled', below: 'skipped' });
    });
  });

  it('hundreds of dependents and a join of them are opened again, in bounded transactions', async () => {
    const gate = new Gate();
    let largest = 0;
    await withBed(
      {
        concurrency: 64,
        execute: flaky({ bad: 1 }, gate),
        adapt: (deps) =>
          interceptPorts(deps, ({ port, method, args }, proceed) => {
            if (port === 'store' && method === 'transact') largest = Math.max(largest, (args[0] as Action[]).length);
            return proceed();
          }),
      },
      async (bed) => {
        const count = asMany(250, 110);
        const leaves = itemsOf('leaf-', count, { dependsOn: ['bad'] });
        const join = { id: 'join', dependsOn: leaves.map(({ id }) => id) };
        const run = bed.submit('s', runOf([{ id: 'open' }, { id: 'bad' }, ...leaves, join]));
        await until(bed, run, 'join', 'skipped');
        await answerTo(bed, 'r', controlOf('retry', run, 'bad'));
        await until(bed, run, 'join', 'done');
        gate.open();
        const { status } = await finished(bed, 's');
        assert.deepEqual([status.state, status.counts.done], ['done', count + 3]);
      },
    );
    assert.ok(largest <= MAX_ENGINE_ACTIONS, `${largest} actions`);
  });

  it('an engine that dies while it opens them goes on where it stopped', async () => {
    const gate = new Gate();
    const execute = flaky({ bad: 1 }, gate);
    let opened = 0;
    const bed = await openFlowBed({
      execute,
      adapt: (deps) =>
        interceptPorts(deps, ({ port, method, args }, proceed) => {
          if (port !== 'store' || method !== 'transact') return proceed();
          const opens = (args[0] as Action[]).some(({ pk, sk }) => pk.startsWith('run/') && sk === 'item/leaf-030');
          const isReopening = opens && JSON.stringify(args[0]).includes('"reopened":1');
          opened += isReopening ? 1 : 0;
          if (!isReopening) return proceed();
          throw new TerminalError({ code: 'STORE_BUSY', path: 'test', problem: 'it dies here', fix: 'None.' });
        }),
    });
    const leaves = itemsOf('leaf-', 60, { dependsOn: ['bad'] });
    const run = bed.submit('s', runOf([{ id: 'open' }, { id: 'bad' }, ...leaves]));
    await until(bed, run, 'leaf-059', 'skipped');
    bed.control('r', controlOf('retry', run, 'bad'));
    await bed.until(() => opened > 0);
    await bed.halt();
    await withBed({ execute, directory: bed.directory }, async (later) => {
      await until(later, run, 'leaf-059', 'done');
      gate.open();
      assert.equal((await finished(later, 's')).status.counts.done, 62);
    });
  });
});
