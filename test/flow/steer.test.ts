/** A run that is paused holds up nobody and loses nothing; an item that is passed over is no stain on its run. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { MAX_ENGINE_ACTIONS } from '#core/names.ts';
import type { LockRow } from '#core/queue-rows.ts';
import type { Key } from '#core/rows.ts';
import { parkItem, readItem } from '#flow/items.ts';
import { decide } from '#flow/transaction.ts';
import type { Action } from '#ports/run-store.ts';
import { type FlowBed, openFlowBed } from '../support/embedded-flow.ts';
import { answerTo, FAILED, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { SILENT } from '../support/flow-on.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { cancelOf, controlOf, itemsOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

/** Until it is answered again; not before its first copy is out of the way, which would take this one with it. */
async function deliverAgain(bed: FlowBed, submissionId: string, document: object): Promise<void> {
  const isEmpty = async (): Promise<boolean> => (await bed.deps.inbox.list({ limit: 1 })).length === 0;
  await bed.until(isEmpty);
  bed.control(submissionId, document);
  await bed.until(isEmpty);
}

async function stateOf(bed: FlowBed, run: string, item: string): Promise<string | undefined> {
  return (await bed.itemRow(run, item))?.state;
}

/** Until everything that waits has left the lists. */
async function shelved(bed: FlowBed, run: string, ...items: string[]): Promise<void> {
  for (const item of items) await bed.until(async () => (await bed.itemRow(run, item))?.shelved);
}

describe('flow: pause and resume', { concurrency: true }, () => {
  it('what runs goes on, nothing more is claimed, and slots and locks are free for others', async () => {
    const released = new Gate();
    const begun: string[] = [];
    await withBed(
      {
        concurrency: 2,
        async execute(job) {
          begun.push(job.item);
          if (job.item === 'holder') await released.opened;
          return SUCCEEDED;
        },
      },
      async (bed) => {
        const items = [
          { id: 'holder', locks: ['l'], priority: 99 },
          { id: 'parked', locks: ['l', 'm'] },
          { id: 'behind', dependsOn: ['holder'] },
        ];
        const run = bed.submit('s', runOf(items));
        await bed.until(async () => (await bed.itemRow(run, 'parked'))?.parked);
        assert.deepEqual(await answerTo(bed, 'pause', controlOf('pause', run)), ['accepted', undefined]);
        await shelved(bed, run, 'parked');
        for (const name of ['l', 'm']) {
          const lock = await bed.row<LockRow>({ pk: `lock/${name}`, sk: 'lock' });
          assert.equal(lock?.head, undefined, `${name} is kept for nobody`);
        }
        const then = await bed.until(() => bed.status('s')?.items[1]?.waiting?.locks);
        assert.deepEqual(then, [{ name: 'l', holders: [{ run, item: 'holder' }] }], 'what will hold it then');
        released.open();
        await shelved(bed, run, 'behind');
        assert.equal(await stateOf(bed, run, 'holder'), 'done', 'what ran has ended');
        bed.submit('other', runOf([{ id: 'o', locks: ['l', 'm'] }]));
        assert.equal((await finished(bed, 'other')).states.o, 'done', 'another run gets slots and locks');
        const paused = await bed.until(() => (bed.status('s')?.counts.done === 1 ? bed.status('s') : null));
        assert.ok(paused.pausedAt);
        assert.deepEqual(
          paused.items.map(({ waiting }) => waiting?.paused),
          [undefined, 'run', 'run'],
        );
        assert.deepEqual(begun, ['holder', 'o']);
        await answerTo(bed, 'resume', controlOf('resume', run));
        const { states, status, events } = await finished(bed, 's');
        assert.deepEqual(states, { holder: 'done', parked: 'done', behind: 'done' });
        assert.equal(status.pausedAt, undefined);
        assert.deepEqual(
          eventsOf(events, 'control.accepted').map(({ data }) => data.verb),
          ['pause', 'resume'],
        );
      },
    );
  });

  it('what waits in a paused run says which queue it will stand in, and that this starts nothing either', async () => {
    const released = new Gate();
    const queues = { default: { concurrency: 1, rate: { starts: 1, perSeconds: 3600 } } };
    await withBed({ queues, execute: () => released.opened.then(() => SUCCEEDED) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'a', priority: 90 }, { id: 'b' }]));
      await bed.until(async () => (await stateOf(bed, run, 'a')) === 'running');
      await answerTo(bed, 'p', controlOf('pause', run));
      await shelved(bed, run, 'b');
      const then = await bed.until(() => {
        const waiting = bed.status('s')?.items[1]?.waiting;
        return waiting?.paused && waiting.queue ? waiting : null;
      });
      assert.deepEqual([then.paused, then.queue], ['run', { name: 'default', concurrency: 1, held: 1 }]);
      assert.deepEqual([then.rate?.starts, then.rate?.perSeconds], [1, 3600]);
      await bed.halt();
      const paused = { default: { concurrency: 1, state: 'paused' as const } };
      await withBed({ queues: paused, directory: bed.directory, execute: () => SUCCEEDED }, async (later) => {
        const queue = await later.until(() => {
          const { queue } = later.status('s')?.items[1]?.waiting ?? {};
          return queue?.state === undefined ? undefined : queue;
        });
        assert.deepEqual([queue.name, queue.state], ['default', 'paused']);
      });
      released.open();
    });
  });

  it('asking twice is deduped, and the same object again, behind others, changes nothing', async () => {
    const released = new Gate();
    await withBed({ concurrency: 1, execute: () => released.opened.then(() => SUCCEEDED) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'a' }, { id: 'b' }]));
      await bed.until(async () => (await stateOf(bed, run, 'a')) === 'running');
      assert.deepEqual(await answerTo(bed, 'r0', controlOf('resume', run)), ['deduped', undefined]);
      assert.deepEqual(await answerTo(bed, 'p1', controlOf('pause', run)), ['accepted', undefined]);
      assert.deepEqual(await answerTo(bed, 'p2', controlOf('pause', run)), ['deduped', undefined]);
      assert.deepEqual(await answerTo(bed, 'r1', controlOf('resume', run)), ['accepted', undefined]);
      // As when the engine died between its decision and the receipt, and something else came first.
      for (const id of ['p1', 'p2']) {
        await deliverAgain(bed, id, controlOf('pause', run));
        assert.equal((await bed.runRow(run))?.pausedAtMs, undefined, id);
      }
      released.open();
      const { events } = await finished(bed, 's');
      assert.equal(eventsOf(events, 'control.accepted').length, 2);
      assert.deepEqual(await answerTo(bed, 'late', controlOf('pause', run)), ['invalid', 'RUN_SEALED']);
      assert.deepEqual(await answerTo(bed, 'who', controlOf('pause', 'f'.repeat(32))), ['invalid', 'RUN_UNKNOWN']);
    });
  });

  it('an item that came into the lists of locks while the others left them leaves them too', async () => {
    const released = new Gate();
    let runId: string | undefined;
    await withBed(
      {
        concurrency: 2,
        execute: () => released.opened.then(() => SUCCEEDED),
        adapt: (deps) =>
          interceptPorts(deps, async ({ port, method, args }, proceed) => {
            const sought = port === 'store' && method === 'get' ? (args[0] as Key[]).map(({ sk }) => sk) : [];
            const run = sought.includes('item/waiter') && sought.every((sk) => sk.startsWith('item/')) && runId;
            if (!run) return proceed();
            runId = undefined;
            const seen = await proceed();
            // As an advance does that began before the pause.
            const flow = { ...deps, hints: SILENT, lane: <T>(decision: () => Promise<T>): Promise<T> => decision() };
            await decide(flow, async (draft) => {
              const ref = { run, item: 'waiter' };
              const [spec, item] = await readItem(draft, ref);
              await parkItem(flow, draft, { ...ref, queue: 'default' }, spec, item);
            });
            return seen;
          }),
      },
      async (bed) => {
        const [holder, waiter] = [
          { id: 'holder', locks: ['l'], priority: 99 },
          { id: 'waiter', locks: ['l'] },
        ];
        const run = bed.submit('s', runOf([holder, { id: 'blocker', priority: 98 }, waiter, { id: 'x' }]));
        await bed.until(async () => (await stateOf(bed, run, 'blocker')) === 'running');
        await bed.until(async () => (await bed.itemRow(run, 'x'))?.rank);
        assert.notEqual((await bed.itemRow(run, 'waiter'))?.parked, true);
        runId = run;
        await answerTo(bed, 'p', controlOf('pause', run));
        await shelved(bed, run, 'waiter', 'x');
        assert.equal((await bed.row<LockRow>({ pk: 'lock/l', sk: 'lock' }))?.head, undefined);
        await answerTo(bed, 'r', controlOf('resume', run));
        released.open();
        assert.equal((await finished(bed, 's')).status.state, 'done');
      },
    );
  });

  it('what was refused is not carried out when it comes again and could be', async () => {
    const [running, open] = [new Gate(), new Gate()];
    const execute = ({ item }: { item: string }) =>
      item === 'x' ? running.opened.then(() => FAILED) : open.opened.then(() => SUCCEEDED);
    await withBed({ execute }, async (bed) => {
      const retry = { maxAttempts: 2, backoff: '1h', maxBackoff: '1h' };
      const run = bed.submit('s', runOf([{ id: 'x', retry }, { id: 'open' }]));
      await bed.until(async () => (await stateOf(bed, run, 'x')) === 'running');
      assert.deepEqual(await answerTo(bed, 'k1', controlOf('skip', run, 'x')), ['invalid', 'ITEM_STATE']);
      running.open();
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.notBeforeMs);
      await deliverAgain(bed, 'k1', controlOf('skip', run, 'x'));
      assert.equal((await bed.itemRow(run, 'x'))?.state, 'ready');
      assert.deepEqual(
        bed.receipts('k1').map(({ status, reasons }) => [status, reasons[0]?.code]),
        [['invalid', 'ITEM_STATE']],
      );
      assert.deepEqual(await answerTo(bed, 'k2', controlOf('skip', run, 'x')), ['accepted', undefined]);
      open.open();
      await finished(bed, 's');
    });
  });

  it('a back-off that ends meanwhile waits with the others, and a cancel ends a paused run', async () => {
    await withBed({ execute: () => FAILED }, async (bed) => {
      const flaky = { id: 'flaky', retry: { maxAttempts: 2, backoff: '3s' } };
      const run = bed.submit('s', runOf([flaky, { id: 'behind', dependsOn: ['flaky'] }]));
      await bed.until(async () => (await bed.itemRow(run, 'flaky'))?.notBeforeMs);
      await answerTo(bed, 'p', controlOf('pause', run));
      await shelved(bed, run, 'flaky');
      assert.equal((await bed.itemRow(run, 'flaky'))?.attempt, 1);
      await answerTo(bed, 'c', cancelOf(run));
      assert.deepEqual((await finished(bed, 's')).states, { flaky: 'cancelled', behind: 'cancelled' });
    });
  });

  it('a deadline of the run goes on while it is paused', async () => {
    await withBed({ concurrency: 1, execute: () => new Gate().opened.then(() => SUCCEEDED) }, async (bed) => {
      const slow = { id: 'slow' };
      const run = bed.submit('s', runOf([slow, { id: 'x' }], { caps: { wallClock: '1s' } }));
      await bed.until(async () => (await stateOf(bed, run, 'slow')) === 'running');
      await answerTo(bed, 'p', controlOf('pause', run));
      await bed.until(async () => (await stateOf(bed, run, 'x')) === 'failed');
      assert.deepEqual(await answerTo(bed, 'r', controlOf('resume', run)), ['invalid', 'RUN_SEALED']);
    });
  });

  it('an engine that dies between the control and the lists brings them in line when it comes back', async () => {
    const released = new Gate();
    const execute = () => released.opened.then(() => SUCCEEDED);
    const isLineUp = (actions: Action[]): boolean =>
      actions.some((action) => action.do === 'put' && JSON.stringify(action.body).includes('"shelved"'));
    const bed = await openFlowBed({
      concurrency: 1,
      execute,
      adapt: (deps) =>
        interceptPorts(deps, ({ port, method, args }, proceed) => {
          if (port !== 'store' || method !== 'transact' || !isLineUp(args[0] as Action[])) return proceed();
          throw new TerminalError({ code: 'STORE_BUSY', path: 'test', problem: 'it dies here', fix: 'None.' });
        }),
    });
    const run = bed.submit('s', runOf([{ id: 'a', priority: 99 }, { id: 'b' }]));
    await bed.until(async () => (await stateOf(bed, run, 'a')) === 'running');
    bed.control('p', controlOf('pause', run));
    await bed.until(async () => (await bed.runRow(run))?.pausedAtMs);
    assert.ok((await bed.itemRow(run, 'b'))?.rank, 'still in the list, and yet nobody claims it');
    await bed.halt();
    await withBed({ execute, directory: bed.directory, concurrency: 1 }, async (later) => {
      await shelved(later, run, 'b');
      await answerTo(later, 'r', controlOf('resume', run));
      released.open();
      assert.deepEqual((await finished(later, 's')).states, { a: 'done', b: 'done' });
    });
  });
});

describe('flow: skip', { concurrency: true }, () => {
  it('ends what waits and what depends on it, and the run is done by what is left', async () => {
    const released = new Gate();
    await withBed({ concurrency: 1, execute: () => released.opened.then(() => SUCCEEDED) }, async (bed) => {
      const items = [
        { id: 'holder', locks: ['l'], priority: 99 },
        { id: 'parked', locks: ['l'] },
        { id: 'ready' },
        { id: 'pending', dependsOn: ['holder'] },
        { id: 'behind', dependsOn: ['pending', 'ready'] },
        { id: 'kept' },
      ];
      const run = bed.submit('s', runOf(items));
      await bed.until(async () => (await stateOf(bed, run, 'holder')) === 'running');
      assert.deepEqual(await answerTo(bed, 'running', controlOf('skip', run, 'holder')), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await answerTo(bed, 'nobody', controlOf('skip', run, 'nobody')), ['invalid', 'ITEM_UNKNOWN']);
      for (const id of ['parked', 'ready', 'pending'])
        assert.deepEqual(await answerTo(bed, id, controlOf('skip', run, id)), ['accepted', undefined], id);
      assert.deepEqual(await answerTo(bed, 'twice', controlOf('skip', run, 'ready')), ['deduped', undefined]);
      await bed.until(async () => (await stateOf(bed, run, 'behind')) === 'skipped');
      assert.deepEqual(await answerTo(bed, 'caused', controlOf('skip', run, 'behind')), ['invalid', 'ITEM_STATE']);
      released.open();
      const { status, states, item, events } = await finished(bed, 's');
      assert.equal(status.state, 'done');
      const skipped = { parked: 'skipped', ready: 'skipped', pending: 'skipped', behind: 'skipped' };
      assert.deepEqual(states, { holder: 'done', ...skipped, kept: 'done' });
      assert.deepEqual([item('ready')?.reason, item('behind')?.reason], ['skip_requested', 'upstream_failed']);
      assert.equal(eventsOf(events, 'control.accepted').length, 3);
      assert.deepEqual(await answerTo(bed, 'late', controlOf('skip', run, 'kept')), ['invalid', 'RUN_SEALED']);
    });
  });

  it('the last open item of a paused run may be passed over, which completes it', async () => {
    const released = new Gate();
    await withBed({ concurrency: 1, execute: () => released.opened.then(() => SUCCEEDED) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'a', priority: 99 }, { id: 'b' }]));
      await bed.until(async () => (await stateOf(bed, run, 'a')) === 'running');
      await answerTo(bed, 'p', controlOf('pause', run));
      released.open();
      await bed.until(async () => (await stateOf(bed, run, 'a')) === 'done');
      await answerTo(bed, 'k', controlOf('skip', run, 'b'));
      const { status, states } = await finished(bed, 's');
      assert.deepEqual([status.state, states], ['done', { a: 'done', b: 'skipped' }]);
    });
  });

  it('no transaction of a pause or a skip is larger than the limit, with 32 contended locks', async () => {
    const locks = Array.from({ length: 32 }, (_, n) => `l-${n}`);
    const released = new Gate();
    let largest = 0;
    await withBed(
      {
        concurrency: 2,
        adapt: (deps) =>
          interceptPorts(deps, ({ port, method, args }, proceed) => {
            if (port === 'store' && method === 'transact') largest = Math.max(largest, (args[0] as Action[]).length);
            return proceed();
          }),
        execute: () => released.opened.then(() => SUCCEEDED),
      },
      async (bed) => {
        const items = [
          { id: 'holder', locks, priority: 99 },
          ...itemsOf('waiter-', 3, { locks }),
          ...itemsOf('x-', 60),
        ];
        const run = bed.submit('s', runOf([...items, { id: 'behind', dependsOn: ['waiter-000'] }]));
        await bed.until(async () => (await bed.itemRow(run, 'waiter-002'))?.parked);
        await answerTo(bed, 'k', controlOf('skip', run, 'waiter-000'));
        await answerTo(bed, 'p', controlOf('pause', run));
        await shelved(bed, run, 'waiter-001', 'waiter-002', 'x-059');
        await answerTo(bed, 'r', controlOf('resume', run));
        released.open();
        const { status, states } = await finished(bed, 's');
        assert.equal(status.counts.done, 63);
        assert.equal(states.behind, 'skipped');
      },
    );
    assert.ok(largest <= MAX_ENGINE_ACTIONS, `${largest} actions`);
    assert.ok(largest > 64, `the worst case was not met: ${largest} actions`);
  });
});
