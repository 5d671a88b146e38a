/** What a client reads of a run, when several write it at once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunStatus } from '@waybill/client/documents';
import type { LedgerRow } from '#core/money-rows.ts';
import { type ItemRow, keys, type RunRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { publishStatus } from '#flow/status.ts';
import { decide } from '#flow/transaction.ts';
import type { Action } from '#ports/run-store.ts';
import type { FlowBedOptions } from '../support/embedded-flow.ts';
import { FAILED, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { SILENT } from '../support/flow-on.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { costing, USD, withMoney } from '../support/money-bed.ts';
import { itemsOf, runOf } from '../support/run-spec.ts';

type Put = Extract<Action, { do: 'put' }>;

/** Decisions that write this wait until `held` is opened, and all decisions after them. */
function heldBack(held: Gate, isHeld: (put: Put) => boolean): Required<Pick<FlowBedOptions, 'adapt'>> {
  return {
    adapt: (deps) =>
      interceptPorts(deps, async ({ port, method, args: [actions] }, proceed) => {
        if (port !== 'store' || method !== 'transact') return proceed();
        const puts = (actions as Action[]).filter((action) => action.do === 'put');
        if (puts.some(isHeld)) await held.opened;
        return proceed();
      }),
  };
}

describe('status', { concurrency: true }, () => {
  it('is the newest in the end, whichever of two writers is the last to write', async () => {
    const ended = new Gate();
    await withBed({ execute: () => ended.opened.then(() => SUCCEEDED), status: false }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'a' }]));
      await bed.until(async () => (await bed.itemRow(run, 'a'))?.state === 'running');
      const [reached, held] = [new Gate(), new Gate()];
      const published: RunStatus[] = [];
      let asked = 0;
      const inbox = {
        ...bed.deps.inbox,
        async publish(_principal: string, _submissionId: string, status: RunStatus) {
          asked += 1;
          if (asked === 1) {
            reached.open();
            await held.opened;
          }
          published.push(status);
        },
      };
      const deps = {
        ...bed.deps,
        inbox,
        hints: SILENT,
        lane: <T>(decision: () => Promise<T>) => decision(),
      } satisfies FlowDeps;
      const slow = publishStatus(deps, run);
      await reached.opened;
      await decide(deps, async (draft) => {
        const row = await draft.readOne<RunRow>(keys.run(run));
        draft.put(keys.run(run), { ...(row as RunRow), name: 'newest' });
      });
      await publishStatus(deps, run);
      held.open();
      await slow;
      assert.deepEqual(
        published.map(({ name }) => name),
        ['newest', 'tested', 'newest'],
        'the slow writer sees that it wrote an old one',
      );
      ended.open();
      await bed.sealed('s');
    });
  });

  it('is written again when a gate comes to wait, however long after what it depends on', async () => {
    const held = new Gate();
    const suspends = ({ body }: Put) => (body as unknown as ItemRow).state === 'suspended';
    await withBed({ execute: () => SUCCEEDED, ...heldBack(held, suspends) }, async (bed) => {
      bed.submit('s', runOf([{ id: 'build' }, { id: 'gate', gate: {}, dependsOn: ['build'] }]));
      await bed.until(() => bed.status('s')?.counts.done === 1);
      assert.equal(bed.status('s')?.counts.pending, 1);
      held.open();
      await bed.until(() => bed.status('s')?.items[1]?.waiting?.gate);
    });
  });

  it('is written again when a queue comes to wait for money, however long after its last claim', async () => {
    const [held, ended] = [new Gate(), new Gate()];
    const waits = ({ pk, body }: Put) => pk === 'money' && (body as unknown as LedgerRow).waiting.length > 0;
    const execute = () => ended.opened.then(() => costing(USD));
    await withMoney({ execute, caps: { accountMicroUsd: USD }, ...heldBack(held, waits) }, async (bed) => {
      bed.submit('s', runOf(itemsOf('i', 3), { defaults: { maxUsd: 1 } }));
      await bed.until(() => bed.status('s')?.counts.running === 1);
      assert.equal(bed.status('s')?.items[1]?.waiting?.cap, undefined);
      held.open();
      await bed.until(() => bed.status('s')?.items[1]?.waiting?.cap);
      const [, first, second] = bed.status('s')?.items ?? [];
      const { cap, behind } = second?.waiting ?? {};
      assert.deepEqual([cap, behind?.item], [undefined, first?.id], 'behind the first, money is not what it waits for');
      ended.open();
    });
  });

  it('says of a run that has ended which failures its plan lets pass', async () => {
    const execute = ({ item }: { item: string }) => (item === 'well' ? SUCCEEDED : FAILED);
    await withBed({ execute }, async (bed) => {
      bed.submit('s', runOf([{ id: 'may', onError: 'continue' }, { id: 'well' }, { id: 'must' }]));
      await bed.sealed('s');
      const items = bed.status('s')?.items ?? [];
      assert.deepEqual(
        items.map(({ isLetPass }) => isLetPass),
        [true, undefined, undefined],
      );
    });
  });
});
