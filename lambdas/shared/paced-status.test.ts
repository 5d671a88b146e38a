import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunStatus } from '@waybill/client/documents';
import { RetryableError } from '@waybill/client/errors';
import { deriveRunId } from '@waybill/verify';
import { type ItemRow, keys, type RunRow } from '#core/rows.ts';
import { takeIn } from '#flow/inbox.ts';
import { decide } from '#flow/transaction.ts';
import { PRINCIPAL, putInbox } from '../../test/support/embedded-flow.ts';
import { keepingQueue, withHandlers } from '../../test/support/handler-bed.ts';
import { itemsOf, runOf } from '../../test/support/run-spec.ts';
import { showRun, unshownRuns } from './paced-status.ts';

interface Bench {
  run: string;
  show(): Promise<void>;
  /** Says something else of an item, which its status repeats. */
  change(detail: string): Promise<void>;
  /** What was published, by what it says of that item. */
  published: (string | undefined)[];
  timers: ReturnType<typeof keepingQueue>;
  pass(ms: number): void;
  unshown(): Promise<string[]>;
  /** Stands before each status that is written. */
  beforeWrite: () => Promise<void>;
  end(row: Partial<RunRow>): Promise<void>;
}

async function withRun(items: number, use: (bench: Bench) => Promise<void>): Promise<void> {
  await withHandlers(async (bed) => {
    putInbox(bed.directory, 'default', 's', JSON.stringify(runOf(itemsOf('i-', items))));
    await takeIn(bed.flow, () => {});
    const run = deriveRunId(PRINCIPAL, 's');
    let nowMs = bed.flow.clock.nowMs();
    const timers = keepingQueue();
    const flow = {
      ...bed.flow,
      clock: { ...bed.flow.clock, nowMs: () => nowMs },
      inbox: {
        ...bed.flow.inbox,
        async publish(_principal: string, _submissionId: string, status: RunStatus) {
          await bench.beforeWrite();
          bench.published.push(status.items[0]?.detail);
        },
      },
    };
    const item = keys.item(run, 'i-000');
    const bench: Bench = {
      run,
      timers,
      published: [],
      beforeWrite: async () => {},
      show: () => showRun({ flow, timers }, run),
      pass(ms) {
        nowMs += ms;
      },
      unshown: () => unshownRuns(flow, [run]),
      change: (detail) =>
        decide(flow, async (draft) => {
          draft.put(item, { ...((await draft.readOne<ItemRow>(item)) as ItemRow), detail });
        }),
      end: (row) =>
        decide(flow, async (draft) => {
          draft.put(keys.run(run), { ...((await draft.readOne<RunRow>(keys.run(run))) as RunRow), ...row });
        }),
    };
    await use(bench);
  });
}

describe('statuses at a pace', () => {
  it('the first change is shown at once, many more are shown once, and the last of them is', async () => {
    await withRun(1, async (bench) => {
      await bench.change('first');
      await bench.show();
      for (let n = 0; n < 200; n += 1) {
        bench.pass(10);
        await bench.change(`change ${n}`);
        await bench.show();
      }
      assert.deepEqual(bench.published, ['first']);
      assert.equal(bench.timers.sent.length, 1, 'one message for all of them');
      bench.pass((bench.timers.sent[0]?.delayS ?? 0) * 1_000);
      await bench.show();
      assert.deepEqual(bench.published, ['first', 'change 199']);
    });
  });

  it('a run of many items is shown less often', async () => {
    await withRun(1_000, async (bench) => {
      for (let n = 0; n < 600; n += 1) {
        await bench.change(`change ${n}`);
        await bench.show();
        bench.pass(100);
      }
      // A minute of changes ten times a second.
      assert.ok(bench.published.length <= 6, `${bench.published.length} statuses`);
      assert.ok(bench.timers.sent.length <= 12, `${bench.timers.sent.length} messages`);
    });
  });

  it('what has not changed is not written again', async () => {
    await withRun(1, async (bench) => {
      await bench.change('same');
      for (let n = 0; n < 5; n += 1) {
        await bench.show();
        bench.pass(60_000);
      }
      assert.deepEqual(bench.published, ['same']);
      assert.deepEqual(bench.timers.sent, []);
    });
  });

  it('a change while a status is being written is shown after it', async () => {
    await withRun(1, async (bench) => {
      await bench.change('old');
      bench.beforeWrite = async () => {
        bench.beforeWrite = async () => {};
        await bench.change('new');
        await bench.show();
      };
      await bench.show();
      assert.equal(bench.timers.sent.length, 1);
      bench.pass(10_000);
      await bench.show();
      assert.deepEqual(bench.published, ['old', 'new']);
    });
  });

  it('one that could not be written is written by the message that comes then', async () => {
    await withRun(1, async (bench) => {
      await bench.change('x');
      const away = new RetryableError({ code: 'STORE_BUSY', path: 'outbox', problem: 'p', fix: 'f' });
      bench.beforeWrite = () => Promise.reject(away);
      await assert.rejects(bench.show(), away);
      assert.equal(bench.timers.sent.length, 1);
      bench.beforeWrite = async () => {};
      bench.pass(10_000);
      await bench.show();
      assert.deepEqual(bench.published, ['x'], 'although the row said that it was');
    });
  });

  it('one whose writer was cut off is written by whoever comes next, though nothing has changed since', async () => {
    await withRun(1, async (bench) => {
      await bench.change('x');
      bench.beforeWrite = () => new Promise(() => {});
      const cutOff = bench.show();
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(await Promise.race([cutOff, 'cut off']), 'cut off');
      bench.beforeWrite = async () => {};
      bench.pass(90_000);
      assert.deepEqual(await bench.unshown(), [bench.run]);
      await bench.show();
      assert.deepEqual(bench.published, ['x']);
      assert.deepEqual(await bench.unshown(), []);
    });
  });

  it('runs that were never shown, and those whose message does not come, are found', async () => {
    await withRun(1, async (bench) => {
      assert.deepEqual(await bench.unshown(), [bench.run]);
      await bench.show();
      assert.deepEqual(await bench.unshown(), []);
      await bench.change('x');
      await bench.show();
      bench.pass(30_000);
      assert.deepEqual(await bench.unshown(), [], 'it may still come');
      bench.pass(60_000);
      assert.deepEqual(await bench.unshown(), [bench.run]);
      await bench.show();
      assert.deepEqual(await bench.unshown(), []);
    });
  });

  it('of a sealed run whoever sealed it has told, at once', async () => {
    await withRun(1, async (bench) => {
      await bench.show();
      await bench.end({ bundle: { key: 'k', sha256: `sha256:${'0'.repeat(64)}` } });
      await bench.show();
      assert.deepEqual([bench.published.length, bench.timers.sent.length], [1, 0]);
    });
  });
});
