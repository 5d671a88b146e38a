/** Behaviours 6 to 12: what becomes of what fails, hangs or is red. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSpec } from '@waybill/client';
import type { Execute, Execution } from '#adapters/in-process/executor.ts';
import type { FlowBedOptions } from '../support/embedded-flow.ts';
import { aborted, FAILED, ranAlone, SUCCEEDED } from '../support/finished-run.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

/** Everybody succeeds but those who are named. */
const but =
  (others: Record<string, Execution>): Execute =>
  ({ item }) =>
    others[item] ?? SUCCEEDED;

const shards = (count: number): Execution => ({
  ...SUCCEEDED,
  outputs: Object.fromEntries(Array.from({ length: count }, (_, n) => [`shards/${n}`, Buffer.from(`${n}`)])),
});

const MAP_REDUCE: ItemDraft[] = [
  { id: 'split' },
  { id: 'map', forEach: { from: 'split', outputs: 'shards/' } },
  { id: 'reduce', dependsOn: ['map'] },
];

/** Built, checked, mended at most twice, and then published. */
async function mended(red: string[]): Promise<{ states: Record<string, string>; state: string }> {
  const agents = { work: { run: 'true', capture: ['outputs'] } };
  const gate = { run: 'true', max: 2, fix: [{ id: 'fix', agent: 'work' }] };
  const tasks = [
    { id: 'build', agent: 'work' },
    { id: 'check', gate },
    { id: 'publish', agent: 'work' },
  ];
  const flow = { apiVersion: 'waybill/v1', kind: 'Flow', metadata: { name: 'mended' }, agents, tasks };
  const { run } = await readSpec(Buffer.from(JSON.stringify(flow)), '.');
  const execute = but(Object.fromEntries(red.map((id) => [id, FAILED])));
  const { states, status } = await ranAlone({ execute }, run);
  return { states, state: status.state };
}

describe('behaviours: failure', { concurrency: true }, () => {
  it('6. an attempt that failed is tried again, and not before its back-off', async () => {
    const execute: Execute = ({ attempt }) => (attempt === 1 ? FAILED : SUCCEEDED);
    const items = [{ id: 'flaky', retry: { maxAttempts: 3, backoff: '200ms' } }];
    const { states, events } = await ranAlone({ execute }, runOf(items));
    assert.equal(states.flaky, 'done');
    const [first, second] = eventsOf(events, 'attempt.settled');
    assert.deepEqual([first?.data.next, first?.data.spent], ['retry', true]);
    assert.deepEqual([second?.data.next, second?.data.spent], ['done', false]);
    const promisedMs = Date.parse(first?.data.retryAt ?? '') - Date.parse(first?.at ?? '');
    assert.ok(promisedMs >= 100 && promisedMs <= 201, `back-off of ${promisedMs} ms`);
    const claims = eventsOf(events, 'attempt.claimed');
    assert.ok((claims[1]?.at ?? '') >= (first?.data.retryAt ?? '~'), 'claimed before its time');
  });

  it('7. an item that hangs is told to stop exactly once, and has failed', async () => {
    let told = 0;
    const adapt: FlowBedOptions['adapt'] = (deps) =>
      interceptPorts(deps, ({ port, method }, proceed) => {
        if (port === 'mailbox' && method === 'cancel') told += 1;
        return proceed();
      });
    const execute: Execute = async (_job, { signal }) => {
      await aborted(signal);
      return { outcome: 'timed_out', reason: 'timeout', exit: null };
    };
    const { states, events, item } = await ranAlone({ execute, adapt }, runOf([{ id: 'hangs', deadline: '1s' }]));
    assert.deepEqual([states.hangs, item('hangs')?.reason, told], ['failed', 'deadline_exceeded', 1]);
    assert.equal(eventsOf(events, 'attempt.settled').length, 1);
  });

  it('8. a map-reduce whose splitter leaves two outputs grows from three items to five', async () => {
    const { states, status, events } = await ranAlone({ execute: but({ split: shards(2) }) }, runOf(MAP_REDUCE));
    assert.equal(eventsOf(events, 'run.opened')[0]?.data.items, 3);
    assert.deepEqual(Object.keys(states), ['split', 'map', 'map~1', 'map~2', 'reduce']);
    assert.deepEqual([new Set(Object.values(states)), status.state], [new Set(['done']), 'done']);
  });

  it('9. when one of the map fails there is no reduce, and the run has failed', async () => {
    const execute = but({ split: shards(2), 'map~2': FAILED });
    const { states, status } = await ranAlone({ execute }, runOf(MAP_REDUCE));
    assert.deepEqual([states['map~1'], states['map~2']], ['done', 'failed']);
    assert.deepEqual([states.reduce, status.state], ['skipped', 'failed']);
  });

  it('10. a red gate is mended and checked again; green, it lets the rest happen, and the run is done', async () => {
    const { states, state } = await mended(['check']);
    const rounds = { check: 'failed', fix: 'done', 'check~2': 'done', 'fix~2': 'skipped', 'check~3': 'skipped' };
    assert.deepEqual([states, state], [{ build: 'done', ...rounds, publish: 'done' }, 'done']);
  });

  it('11. a gate that is still red after the last mending fails the run, and nothing behind it happens', async () => {
    const { states, state } = await mended(['check', 'check~2', 'check~3']);
    const { 'fix~2': lastFix, 'check~3': lastCheck, publish } = states;
    assert.deepEqual([lastFix, lastCheck, publish, state], ['done', 'failed', 'skipped', 'failed']);
  });

  it('12. a failure skips what depends on it, siblings finish, and the run has failed', async () => {
    const items = [{ id: 'bad' }, { id: 'good' }, { id: 'after', dependsOn: ['bad'] }];
    const { states, status, item } = await ranAlone({ execute: but({ bad: FAILED }) }, runOf(items));
    assert.deepEqual(states, { bad: 'failed', good: 'done', after: 'skipped' });
    assert.deepEqual([item('after')?.cause, status.state], ['bad', 'failed']);
  });
});
