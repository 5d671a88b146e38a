/** An item that is tried again and again: how often is bounded, and one whose row is full ends without holding up others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONTROL_LIMITS } from '@waybill/client/limits';
import type { Execute } from '#adapters/in-process/executor.ts';
import { type AttemptSummary, type ItemRow, keys } from '#core/rows.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { aborted, answerTo, FAILED, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { controlOf, itemsOf, runOf } from '../support/run-spec.ts';

const EARLIER: AttemptSummary = { attempt: 0, id: '0'.repeat(32), startedAtMs: 0, endedAtMs: 0, outputs: [] };

async function change(bed: FlowBed, run: string, item: string, changed: (row: ItemRow) => ItemRow): Promise<void> {
  const [row] = await bed.deps.store.get([keys.item(run, item)]);
  assert.ok(row);
  const { pk, sk, version: expect } = row;
  await bed.deps.store.transact([{ do: 'put', pk, sk, expect, body: changed(row.body as unknown as ItemRow) }]);
}

describe('flow: full records', { concurrency: true }, () => {
  it('an item into whose row no other attempt fits fails for that, and its queue goes on', async () => {
    const ended = new Gate();
    const execute: Execute = async ({ item }) => {
      if (item !== 'x') return SUCCEEDED;
      await ended.opened;
      return FAILED;
    };
    await withBed({ execute, concurrency: 1 }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x', retry: { maxAttempts: 2, backoff: '100ms' } }]));
      await bed.until(() => bed.status('s')?.counts.running === 1);
      const filler = { ...EARLIER, reason: 'r'.repeat(340_000) };
      await change(bed, run, 'x', (row) => ({ ...row, attempts: [filler, ...row.attempts] }));
      bed.submit('t', runOf(itemsOf('later', 2)));
      ended.open();
      const { status, states } = await finished(bed, 's');
      assert.deepEqual([states.x, status.items[0]?.reason], ['failed', 'record_full']);
      assert.equal((await finished(bed, 't')).status.state, 'done');
    });
  });

  it('an attempt is stopped for others so often and not once more', async () => {
    const execute: Execute = async (_job, { signal }) => {
      await aborted(signal);
      return { outcome: 'cancelled', reason: 'cancelled', exit: null };
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await bed.until(() => bed.status('s')?.counts.running === 1);
      const stopped = (times: number) => (row: ItemRow) => {
        const before = Array.from({ length: times }, () => ({ ...EARLIER, reason: 'requeued' }));
        return { ...row, attempts: [...before, ...row.attempts.slice(-1)] };
      };
      await change(bed, run, 'x', stopped(CONTROL_LIMITS.requeuesPerItem));
      assert.deepEqual(await answerTo(bed, 'over', controlOf('requeue', run, 'x')), ['invalid', 'ITEM_STATE']);
      await change(bed, run, 'x', stopped(CONTROL_LIMITS.requeuesPerItem - 1));
      assert.deepEqual(await answerTo(bed, 'last', controlOf('requeue', run, 'x')), ['accepted', undefined]);
    });
  });

  it('an item is opened again so often and not once more', async () => {
    const held = new Gate();
    const execute: Execute = async ({ item }) => {
      if (item === 'x') return FAILED;
      await held.opened;
      return SUCCEEDED;
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }, { id: 'open' }]));
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.state === 'failed');
      await change(bed, run, 'x', (row) => ({ ...row, reopened: CONTROL_LIMITS.retriesPerItem }));
      assert.deepEqual(await answerTo(bed, 'over', controlOf('retry', run, 'x')), ['invalid', 'ITEM_STATE']);
      await change(bed, run, 'x', (row) => ({ ...row, reopened: CONTROL_LIMITS.retriesPerItem - 1 }));
      assert.deepEqual(await answerTo(bed, 'last', controlOf('retry', run, 'x')), ['accepted', undefined]);
      held.open();
    });
  });
});
