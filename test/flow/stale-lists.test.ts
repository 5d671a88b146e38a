/** A list that somebody has read while others changed it: in a deployment two may try the same list at once. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import { keys } from '#core/rows.ts';
import { advance, advanceLocks } from '#flow/advance.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { createLane } from '#flow/lane.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { type ItemDraft, runOf } from '../support/run-spec.ts';

/** Hints nobody. */
const asAnother = (deps: FlowBed['deps']): FlowDeps => ({
  ...deps,
  hints: new Proxy({} as FlowDeps['hints'], { get: () => () => {} }),
  lane: createLane(),
});

it('who left the list of a lock for a slot is not claimed by one that still has it there, and passes nobody', async () => {
  const gates = { holder: new Gate(), busy: new Gate(), read: new Gate(), aside: new Gate() };
  let isHolding = false;
  const order: string[] = [];
  const execute: Execute = async ({ item }) => {
    order.push(item);
    if (item === 'holder' || item === 'busy') await gates[item].opened;
    return SUCCEEDED;
  };
  const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
    interceptPorts(deps, async ({ method, args }, proceed) => {
      const answer = await proceed();
      if (!isHolding || method !== 'query' || args[0] !== 'lock/l') return answer;
      isHolding = false;
      gates.read.open();
      await gates.aside.opened;
      return answer;
    });
  await withBed({ execute, concurrency: 2, adapt }, async (bed) => {
    const begin = async (item: ItemDraft, state: 'parked' | 'ready' | 'running'): Promise<string> => {
      const run = bed.submit(item.id, runOf([item]));
      await bed.until(async () => {
        const row = await bed.itemRow(run, item.id);
        return state === 'parked' ? row?.parked === true : row?.state === state;
      });
      return run;
    };
    const holder = await begin({ id: 'holder', locks: ['l'] }, 'running');
    const waiter = await begin({ id: 'waiter', locks: ['l'] }, 'parked');
    await begin({ id: 'busy' }, 'running');
    await begin({ id: 'first', priority: 99 }, 'ready');
    await begin({ id: 'second', priority: 99 }, 'ready');
    const { id: attempt = '' } = (await bed.itemRow(holder, 'holder'))?.attempts.at(-1) ?? {};
    isHolding = true;
    gates.holder.open();
    await gates.read.opened;
    const other = asAnother(bed.deps);
    // The slot goes to the first, so that who waited for the lock lines up for one.
    await advance(other, 'default');
    await advanceLocks(other, attempt);
    assert.equal((await bed.itemRow(waiter, 'waiter'))?.parked, undefined);
    gates.busy.open();
    await bed.until(async () => (await bed.row<QueueRow>(keys.queue('default')))?.holders.length !== 2);
    gates.aside.open();
    for (const id of ['holder', 'waiter', 'busy', 'first', 'second']) await finished(bed, id);
    assert.ok(order.indexOf('second') < order.indexOf('waiter'), order.join(' '));
  });
});
