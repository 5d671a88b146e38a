/** What an attempt is charged when its worker says too much, too little, or was never there. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deriveAttemptId } from '@waybill/verify';
import { FARGATE_PRICES } from '#core/price-table.ts';
import { keys } from '#core/rows.ts';
import { settleStopped } from '#flow/settle.ts';
import { finished, Gate, SUCCEEDED } from '../support/finished-run.ts';
import { flowOn } from '../support/flow-on.ts';
import { costing, USD, withMoney } from '../support/money-bed.ts';
import { runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

describe('flow: charges', { concurrency: true }, () => {
  it('one attempt that claims far more than it had reserved uses up ten times that, and no cap of others', async () => {
    const caps = { accountMicroUsd: 40 * USD };
    await withMoney(
      { execute: ({ item }) => costing(item === 'liar' ? 9_000 * USD : USD), caps },
      async (bed, watch) => {
        bed.submit(
          's',
          runOf([
            { id: 'liar', maxUsd: 2 },
            { id: 'next', maxUsd: 1, dependsOn: ['liar'] },
          ]),
        );
        const { status, events, item } = await finished(bed, 's');
        assert.equal(status.state, 'done');
        const [cost] = eventsOf(events, 'attempt.settled').map(({ data }) => data.cost);
        assert.deepEqual(
          [cost?.microUsd, cost?.cutMicroUsd, cost?.models[0]?.microUsd],
          [20 * USD, 8_980 * USD, 9_000 * USD],
        );
        assert.deepEqual([item('liar')?.costMicroUsd, item('liar')?.cutMicroUsd], [20 * USD, 8_980 * USD]);
        assert.equal(watch.settled().spentMicroUsd, 21 * USD);
      },
    );
  });

  it('a worker that could not be started is paid for the least that there is, and its models are not', async () => {
    const never = new Gate();
    const execute = ({ attempt }: { attempt: number }) =>
      attempt === 1 ? never.opened.then(() => SUCCEEDED) : costing(0);
    await withMoney({ execute, prices: FARGATE_PRICES }, async (bed, watch) => {
      const run = bed.submit('s', runOf([{ id: 'x', maxUsd: 3 }]));
      const attemptId = deriveAttemptId(run, 'x', 1);
      await bed.until(async () => (await bed.row<{ state: string }>(keys.attempt(attemptId)))?.state === 'dispatched');
      const flow = flowOn(bed);
      assert.equal(await settleStopped(flow, { attemptId, detail: '', cause: 'start_failed', exit: null }), true);
      never.open();
      const { events } = await finished(bed, 's');
      const [failed] = eventsOf(events, 'attempt.settled').map(({ data }) => data);
      const minute = Math.ceil((40_480 + 2 * 4_445) / 60);
      assert.deepEqual(
        [failed?.neverStarted, failed?.cost?.microUsd, failed?.cost?.computeMicroUsd],
        [true, minute, minute],
      );
      assert.equal(watch.settled().spentMicroUsd, 2 * minute);
    });
  });
});
