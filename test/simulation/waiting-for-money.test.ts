/** Queues that wait for money, and what may happen between two decisions about them. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { deriveRunId } from '@waybill/verify';
import { type LedgerRow, moneyKeys } from '#core/money-rows.ts';
import { type ItemRow, keys } from '#core/rows.ts';
import { advance, advanceLocks } from '#flow/advance.ts';
import { defineCaps } from '#flow/gather.ts';
import { takeInOne } from '#flow/inbox.ts';
import { adoptKeys } from '#flow/keys.ts';
import { defineQueues } from '#flow/queues.ts';
import { settleWithout } from '#flow/settle.ts';
import { cancelOf, runOf } from '../support/run-spec.ts';
import { instantFlow } from './instant-flow.ts';

const WHO = 'AROAEXAMPLE1:ada';
const USD = 1_000_000;
const QUEUES = { default: { concurrency: 4 }, other: { concurrency: 4 } };

it('who comes short and still sees its queue among those that wait is not forgotten when the queue leaves them', async () => {
  const bed = instantFlow(QUEUES);
  const flow = bed.flow('submit');
  await adoptKeys(flow);
  await defineQueues(flow, QUEUES);
  await defineCaps(flow, { accountMicroUsd: 3 * USD });
  const submit = async (queue: string, id: string, maxUsd: number): Promise<string> => {
    await takeInOne(flow, bed.put(`${queue}/${WHO}/${id}.json`, runOf([{ id: 'x', maxUsd }], { queue })));
    return deriveRunId(WHO, id);
  };
  const waiting = () => bed.table.body<LedgerRow>(moneyKeys.ledger())?.waiting;
  const holder = await submit('default', 'holder', 1);
  await submit('default', 'beside', 1);
  await advance(bed.flow('advance'), 'default');
  const wanting = await submit('other', 'wanting', 3);
  await advance(bed.flow('advance'), 'other');
  assert.deepEqual(waiting(), ['other']);
  await takeInOne(flow, bed.put(`@control/${WHO}/end.json`, cancelOf(wanting)));
  const attempt = bed.table.body<ItemRow>(keys.item(holder, 'x'))?.attempts[0]?.id ?? '';
  await settleWithout(bed.flow('settle'), attempt, { outcome: 'lost', reason: 'no_result' });
  let isOvertaken = false;
  const slow = bed.flow('advance', async (what) => {
    if (isOvertaken || !what.startsWith('transact money')) return;
    isOvertaken = true;
    await submit('other', 'late', 3);
    await advance(bed.flow('advance'), 'other');
  });
  await advanceLocks(slow, attempt);
  assert.ok(isOvertaken);
  assert.deepEqual(waiting(), ['other']);
});
