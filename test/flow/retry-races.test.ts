/** A retry that meets the end of an item, a cancel, a deadline, or a second process that works off the same retry. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { reopen } from '#flow/reopen.ts';
import { decide } from '#flow/transaction.ts';
import type { Action, RowRange } from '#ports/run-store.ts';
import type { FlowBed, FlowBedOptions } from '../support/embedded-flow.ts';
import { answerTo, FAILED, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { SILENT } from '../support/flow-on.ts';
import { interceptPorts, type PortCall } from '../support/intercepted-ports.ts';
import { controlOf, itemsOf, runOf } from '../support/run-spec.ts';

type Around = (call: PortCall, proceed: () => unknown) => unknown;

async function until(bed: FlowBed, run: string, item: string, state: string): Promise<void> {
  await bed.until(async () => (await bed.itemRow(run, item))?.state === state);
}

/** Whether a call comes from what another process would be. */
const outside = new AsyncLocalStorage<true>();

function elsewhere(bed: FlowBed, around: Around = (_call, proceed) => proceed()): FlowDeps {
  const deps = interceptPorts(bed.deps, (call, proceed) => outside.run(true, () => around(call, proceed)));
  return { ...deps, hints: SILENT, lane: (decision) => decision() };
}

/** The first step of working off a retry: it looks where all items stand. */
function isLook({ port, method, args }: PortCall): boolean {
  return port === 'store' && method === 'query' && (args[1] as RowRange).prefix === 'spec/';
}

function opens({ port, method, args }: PortCall, item: string): boolean {
  if (port !== 'store' || method !== 'transact') return false;
  return (args[0] as Action[]).some((action) => {
    return action.sk === `item/${item}` && action.do === 'put' && JSON.stringify(action.body).includes('"reopened":1');
  });
}

/** No gate outlives the test, or a failed one would never end. */
async function withHeldBed(
  options: FlowBedOptions,
  gates: Gate[],
  use: (bed: FlowBed) => Promise<void>,
): Promise<void> {
  await withBed(options, async (bed) => {
    try {
      await use(bed);
    } finally {
      for (const gate of gates) gate.open();
    }
  });
}

/** An engine that does not come to work off a retry before the gate opens that stands for it; others may meanwhile. */
function heldBack(gates: Gate[]): NonNullable<FlowBedOptions['adapt']> {
  let retries = 0;
  let current: Gate | undefined;
  return (deps) =>
    interceptPorts(deps, async (call, proceed) => {
      const { port, method, args } = call;
      if (port === 'store' && method === 'transact') {
        const begins = (args[0] as Action[]).some(({ sk, ...rest }) => sk.startsWith('retry/') && rest.do === 'put');
        if (begins) current = gates[retries++];
      }
      if (isLook(call) && !outside.getStore()) await current?.opened;
      return proceed();
    });
}

describe('flow: races of a retry', { concurrency: true }, () => {
  it('what somebody asked to cancel is not tried again, and is not opened with others', async () => {
    const gate = new Gate();
    const execute: FlowBedOptions['execute'] = async ({ item }) => {
      if (item === 'open') await gate.opened;
      return item.startsWith('bad') ? FAILED : SUCCEEDED;
    };
    await withBed({ execute }, async (bed) => {
      const items = [{ id: 'open' }, { id: 'bad-1' }, { id: 'bad-2' }, { id: 'below', dependsOn: ['bad-2'] }];
      const run = bed.submit('s', runOf([...items, { id: 'free', dependsOn: ['bad-2'] }]));
      for (const id of ['below', 'free']) await until(bed, run, id, 'skipped');
      await until(bed, run, 'bad-1', 'failed');
      // As when the cancels were accepted while these were ending.
      await decide(elsewhere(bed), async (draft) => {
        for (const id of ['bad-1', 'below']) {
          const row = await draft.readOne(keys.item(run, id));
          draft.put(keys.item(run, id), { ...row, cancelAsked: true });
        }
      });
      assert.deepEqual(await answerTo(bed, 'r1', controlOf('retry', run, 'bad-1')), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await answerTo(bed, 'r2', controlOf('retry', run, 'bad-2')), ['accepted', undefined]);
      await bed.until(async () => (await bed.itemRow(run, 'bad-2'))?.attempt === 2);
      await until(bed, run, 'bad-2', 'failed');
      gate.open();
      const { states } = await finished(bed, 's');
      assert.deepEqual(states, {
        ...{ open: 'done', 'bad-1': 'failed', 'bad-2': 'failed' },
        ...{ below: 'skipped', free: 'skipped' },
      });
      assert.equal((await bed.itemRow(run, 'below'))?.reopened, undefined);
      assert.equal((await bed.itemRow(run, 'free'))?.reopened, 1);
    });
  });

  it('no item goes on past its deadline, whatever it had failed or been skipped for', async () => {
    const gate = new Gate();
    const execute: FlowBedOptions['execute'] = async ({ item, attempt }) => {
      if (item === 'open') await gate.opened;
      return item.startsWith('bad') && attempt === 1 ? FAILED : SUCCEEDED;
    };
    await withBed({ execute }, async (bed) => {
      const deadline = '1s';
      const items = [{ id: 'open' }, { id: 'bad-late', deadline }, { id: 'bad' }];
      const below = [
        { id: 'late', deadline, dependsOn: ['bad'] },
        { id: 'deep', dependsOn: ['late'] },
        { id: 'free', dependsOn: ['bad'] },
      ];
      const run = bed.submit('s', runOf([...items, ...below]));
      for (const id of ['late', 'deep', 'free']) await until(bed, run, id, 'skipped');
      await until(bed, run, 'bad-late', 'failed');
      await bed.until(async () => (await bed.deps.store.query('timers', { prefix: '', limit: 1 })).length === 0);
      assert.deepEqual(await answerTo(bed, 'r1', controlOf('retry', run, 'bad-late')), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await answerTo(bed, 'r2', controlOf('retry', run, 'bad')), ['accepted', undefined]);
      await until(bed, run, 'free', 'done');
      gate.open();
      assert.deepEqual((await finished(bed, 's')).states, {
        ...{ open: 'done', 'bad-late': 'failed', bad: 'done' },
        ...{ late: 'skipped', deep: 'skipped', free: 'done' },
      });
    });
  });

  it('an item with hundreds of dependencies does not wait for one that ended while two processes opened it', async () => {
    const slow = new Gate();
    const engine = new Gate();
    const execute: FlowBedOptions['execute'] = async ({ item, attempt }) => {
      if (item === 'a-slow') await slow.opened;
      return item === 'z-bad' && attempt === 1 ? FAILED : SUCCEEDED;
    };
    await withHeldBed({ execute, concurrency: 64, adapt: heldBack([engine]) }, [slow, engine], async (bed) => {
      const leaves = [{ id: 'a-slow' }, ...itemsOf('leaf-', 99), { id: 'z-bad' }];
      const join = { id: 'join', dependsOn: leaves.map(({ id }) => id) };
      const run = bed.submit('s', runOf([...leaves, join]));
      await until(bed, run, 'join', 'skipped');
      await bed.until(async () => (await bed.runRow(run))?.state === 'running');
      for (const { id } of leaves.slice(1, -1)) await until(bed, run, id, 'done');
      bed.control('r', controlOf('retry', run, 'z-bad'));
      await until(bed, run, 'z-bad', 'pending');
      const ref = { run, item: 'z-bad' };
      let isHeld = false;
      const older = reopen(
        elsewhere(bed, async (call, proceed) => {
          if (!isHeld && opens(call, 'join')) {
            isHeld = true;
            slow.open();
            await until(bed, run, 'a-slow', 'done');
            const newer = elsewhere(bed, (other, go) => {
              if (!opens(other, 'join')) return go();
              throw new TerminalError({ code: 'STORE_BUSY', path: 'test', problem: 'it dies here', fix: 'None.' });
            });
            await assert.rejects(reopen(newer, ref), /it dies here/);
          }
          return proceed();
        }),
        ref,
      );
      await older;
      assert.ok(isHeld);
      engine.open();
      await until(bed, run, 'join', 'done');
      assert.equal((await finished(bed, 's')).status.state, 'done');
    });
  });

  it('whoever still works off an earlier retry leaves the next one alone', async () => {
    const gate = new Gate();
    const [first, second, held] = [new Gate(), new Gate(), new Gate()];
    const execute: FlowBedOptions['execute'] = async ({ item, attempt }) => {
      if (item === 'open') await gate.opened;
      return item === 'bad' && attempt <= 2 ? FAILED : SUCCEEDED;
    };
    const gates = [gate, first, second, held];
    await withHeldBed({ execute, adapt: heldBack([first, second]) }, gates, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'open' }, { id: 'bad' }, { id: 'below', dependsOn: ['bad'] }]));
      await until(bed, run, 'below', 'skipped');
      bed.control('r1', controlOf('retry', run, 'bad'));
      await until(bed, run, 'bad', 'pending');
      let looks = 0;
      const stale = reopen(
        elsewhere(bed, async (call, proceed) => {
          if (isLook(call) && ++looks === 3) await held.opened;
          return proceed();
        }),
        { run, item: 'bad' },
      );
      await bed.until(() => looks === 3);
      first.open();
      await bed.until(async () => (await bed.itemRow(run, 'bad'))?.attempt === 2);
      await until(bed, run, 'bad', 'failed');
      await until(bed, run, 'below', 'skipped');
      await bed.until(() => bed.receipts('r1')[0]);
      bed.control('r2', controlOf('retry', run, 'bad'));
      await until(bed, run, 'bad', 'pending');
      held.open();
      await stale;
      assert.equal((await bed.itemRow(run, 'bad'))?.state, 'pending', 'not before what is below it is open');
      assert.notEqual(await bed.row(keys.todoRetry(run, 'bad')), null);
      second.open();
      await until(bed, run, 'below', 'done');
      gate.open();
      assert.equal((await finished(bed, 's')).status.state, 'done');
    });
  });
});
