/** Items that become as many as another leaves outputs: what they are given, how the run ends, and what may come in between. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '@waybill/verify';
import type { Execute, Execution } from '#adapters/in-process/executor.ts';
import { keys } from '#core/rows.ts';
import { tellAgain } from '#flow/readiness.ts';
import { asMany, type FlowBed, type FlowBedOptions } from '../support/embedded-flow.ts';
import { answerTo, FAILED, type FinishedRun, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { flowOn } from '../support/flow-on.ts';
import { clockFrom } from '../support/moved-clock.ts';
import { cancelOf, controlOf, type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

type Act = Execution | (() => Promise<Execution>);

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
const nameOf = (n: number): string => `shards/${String(n).padStart(3, '0')}`;
const shards = (count: number): Execution => ({
  ...SUCCEEDED,
  outputs: Object.fromEntries([
    ['other', bytes('x')],
    ...Array.from({ length: count }, (_, n): [string, Uint8Array] => [nameOf(count - n), bytes(`${count - n}`)]),
  ]),
});

const mapReduce = (map: Partial<ItemDraft> = {}, max?: number): ItemDraft[] => [
  { id: 'split' },
  { id: 'map', forEach: { from: 'split', outputs: 'shards/', ...(max === undefined ? {} : { max }) }, ...map },
  { id: 'reduce', needs: { parts: { each: 'map', select: { output: 'sum' } } } },
];

/** Splits into so many; each of the many leaves its own id. What was given to whom is kept. */
function splitting(
  count: number,
  others: Record<string, Act> = {},
): { execute: Execute; given: Map<string, string[]> } {
  const given = new Map<string, string[]>();
  const execute: Execute = async (job, { lease }) => {
    given.set(
      job.item,
      lease.inputs.map(({ key, sha256 }) => `${key} ${sha256}`),
    );
    const other = others[job.item];
    if (other !== undefined) return typeof other === 'function' ? other() : other;
    return job.item === 'split' ? shards(count) : { ...SUCCEEDED, outputs: { sum: bytes(job.item) } };
  };
  return { execute, given };
}

const input = (key: string, content: string): string => `${key} ${digestOf(bytes(content))}`;

async function ended(options: FlowBedOptions, items: ItemDraft[], spec: object = {}): Promise<FinishedRun> {
  let result: FinishedRun | undefined;
  await withBed(options, async (bed) => {
    bed.submit('s', runOf(items, spec));
    result = await finished(bed, 's');
  });
  return result ?? assert.fail();
}

async function runningIn(bed: FlowBed, run: string, item: string): Promise<void> {
  await bed.until(async () => (await bed.itemRow(run, item))?.state === 'running');
}

describe('flow: items that become many', { concurrency: true }, () => {
  it('each of the many is given its own output, in the order of their names, and all are given on', async () => {
    const { execute, given } = splitting(3);
    const { states, status, events, item } = await ended({ execute }, mapReduce());
    assert.deepEqual(Object.keys(states), ['split', 'map', 'map~1', 'map~2', 'map~3', 'reduce']);
    assert.deepEqual([...new Set(Object.values(states)), status.state], ['done', 'done']);
    for (const n of [1, 2, 3]) assert.deepEqual(given.get(`map~${n}`), [input('item', `${n}`)]);
    const parts = [1, 2, 3].map((n) => input(`parts.00${n}`, `map~${n}`));
    assert.deepEqual(given.get('reduce'), parts);
    assert.deepEqual(item('map')?.attempts, [], 'it runs nothing itself');
    const [spawned, ...more] = eventsOf(events, 'items.spawned');
    assert.deepEqual([spawned?.data.items.map(({ id }) => id), more], [['map~1', 'map~2', 'map~3'], []]);
    assert.deepEqual(eventsOf(events, 'run.completed')[0]?.data.counts.items, 6);
  });

  it('more than a hundred are done, joined in rows of the store, and counted', async () => {
    const count = asMany(230, 110);
    const { execute, given } = splitting(count);
    const items = mapReduce({}, 300).slice(0, 2);
    const { states, status } = await ended({ execute, concurrency: 50 }, [
      ...items,
      { id: 'after', dependsOn: ['map'] },
    ]);
    assert.deepEqual([status.counts.done, status.counts.items, states.after], [count + 3, count + 3, 'done']);
    assert.deepEqual(given.get(`map~${count}`), [input('item', String(count))]);
  });

  it('nothing to do is done: no item comes of it, and what takes from each is given nothing', async () => {
    const { execute, given } = splitting(0);
    const { states, events } = await ended({ execute }, mapReduce());
    assert.deepEqual(states, { split: 'done', map: 'done', reduce: 'done' });
    assert.deepEqual([given.get('reduce'), eventsOf(events, 'items.spawned')], [[], []]);
  });

  it('more than may be is refused whole: the item fails, what waits for it is skipped, and no retry helps', async () => {
    const { execute, given } = splitting(3);
    const hold = new Gate();
    const waiting: Execute = async (job, context) => {
      if (job.item === 'hold') await hold.opened;
      return execute(job, context);
    };
    await withBed({ execute: waiting }, async (bed) => {
      const run = bed.submit('s', runOf([...mapReduce({}, 2), { id: 'hold' }]));
      await bed.until(async () => (await bed.itemRow(run, 'reduce'))?.state === 'skipped');
      assert.deepEqual(await answerTo(bed, 'again', controlOf('retry', run, 'map')), ['invalid', 'ITEM_STATE']);
      hold.open();
      const { states, item, status } = await finished(bed, 's');
      assert.deepEqual(states, { split: 'done', map: 'failed', reduce: 'skipped', hold: 'done' });
      assert.deepEqual(
        [item('map')?.reason, item('reduce')?.cause, status.state],
        ['too_many_outputs', 'map', 'failed'],
      );
      assert.deepEqual(item('map')?.exceeded, { outputs: 3, max: 2 });
      assert.equal(given.has('map~1'), false);
    });
  });

  it('a failed one of the many means no reduce and a failed run, and its siblings finish', async () => {
    const { execute, given } = splitting(3, { 'map~2': FAILED });
    const { states, item, status } = await ended({ execute }, mapReduce());
    const many = { 'map~1': 'done', 'map~2': 'failed', 'map~3': 'done' };
    assert.deepEqual(states, { split: 'done', map: 'skipped', ...many, reduce: 'skipped' });
    assert.deepEqual([item('map')?.cause, status.state, given.has('reduce')], ['map~2', 'failed', false]);
  });

  it('where its plan lets a failure pass, the others are given on', async () => {
    const { execute, given } = splitting(3, { 'map~2': FAILED });
    const { states, status } = await ended({ execute }, mapReduce({ onError: 'continue' }));
    assert.deepEqual([states.map, states.reduce, status.state], ['done', 'done', 'done']);
    assert.deepEqual(given.get('reduce'), [input('parts.001', 'map~1'), input('parts.003', 'map~3')]);
  });

  it('a retry of a failed one opens what it came from and what comes after, once', async () => {
    let tries = 0;
    const hold = new Gate();
    const others: Record<string, Act> = {
      'map~2': async () => {
        tries += 1;
        return tries === 1 ? FAILED : { ...SUCCEEDED, outputs: { sum: bytes('2') } };
      },
      hold: async () => hold.opened.then(() => SUCCEEDED),
    };
    const { execute } = splitting(3, others);
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([...mapReduce(), { id: 'hold' }]));
      await bed.until(async () => (await bed.itemRow(run, 'reduce'))?.state === 'skipped');
      assert.deepEqual(await answerTo(bed, 'again', controlOf('retry', run, 'map~2')), ['accepted', undefined]);
      hold.open();
      const { states, status, events } = await finished(bed, 's');
      assert.deepEqual([states.map, states['map~2'], states.reduce, status.state], ['done', 'done', 'done', 'done']);
      assert.equal(eventsOf(events, 'items.spawned').length, 1);
    });
  });

  it('what is needed beside goes to each, conditions are asked once, and a failed split means nothing is begun', async () => {
    const { execute, given } = splitting(2);
    const more = {
      needs: { all: { from: 'split', select: { output: 'other' } } },
      when: { from: 'split', state: 'done' },
    };
    const { events } = await ended({ execute }, mapReduce(more));
    assert.deepEqual(given.get('map~2'), [input('all', 'x'), input('item', '2')]);
    assert.equal(eventsOf(events, 'item.decided').length, 1);
    const failing = splitting(2, { split: FAILED });
    const { states } = await ended({ execute: failing.execute }, mapReduce());
    assert.deepEqual(states, { split: 'failed', map: 'skipped', reduce: 'skipped' });
    const left = await ended(
      { execute: splitting(2).execute },
      mapReduce({ when: { from: 'split', state: 'failed' } }),
    );
    assert.deepEqual([left.states.map, left.states.reduce, left.status.state], ['skipped', 'skipped', 'done']);
  });

  it('many share a lock one after another, and pure ones take over what was made before', async () => {
    let most = 0;
    let now = 0;
    const { execute } = splitting(4);
    const counting: Execute = async (job, context) => {
      now += 1;
      if (job.item.startsWith('map~')) most = Math.max(most, now);
      const execution = await execute(job, context);
      now -= 1;
      return execution;
    };
    await withBed({ execute: counting }, async (bed) => {
      bed.submit('a', runOf(mapReduce({ locks: ['one'], effect: 'pure' })));
      await finished(bed, 'a');
      bed.submit('b', runOf(mapReduce({ locks: ['one'], effect: 'pure' })));
      const { item, states } = await finished(bed, 'b');
      assert.deepEqual([most, states.reduce], [1, 'done']);
      for (const n of [1, 2, 3, 4])
        assert.deepEqual([item(`map~${n}`)?.attempts, item(`map~${n}`)?.state], [[], 'done']);
    });
  });

  it('a cancel, a deadline, a pause and a skip meet the many as they meet any item', async () => {
    const held = new Gate();
    const { execute } = splitting(3, { 'map~2': async () => held.opened.then(() => SUCCEEDED) });
    const one = await withinBed(execute, async (bed, run) => {
      await runningIn(bed, run, 'map~2');
      await answerTo(bed, 'stop', cancelOf(run));
    });
    assert.deepEqual([one.status.state, one.states['map~2'], one.states.map], ['cancelled', 'cancelled', 'cancelled']);
    const clock = clockFrom('2026-11-21T10:00:00.000Z');
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] => ({ ...deps, clock });
    await withBed({ execute, adapt, leaseMs: 1e9 }, async (bed) => {
      const run = bed.submit('s', runOf(mapReduce(), { caps: { wallClock: '1m' } }));
      await runningIn(bed, run, 'map~2');
      clock.jumpTo('2026-11-21T10:01:01.000Z');
      const late = await finished(bed, 's');
      assert.deepEqual([late.status.state, late.states['map~2'], late.states.map], ['failed', 'failed', 'failed']);
    });
    const passed = await withinBed(execute, async (bed, run) => {
      await runningIn(bed, run, 'map~2');
      await answerTo(bed, 'pause', controlOf('pause', run));
      await answerTo(bed, 'skip', controlOf('skip', run, 'map'));
      await answerTo(bed, 'resume', controlOf('resume', run));
      held.open();
    });
    assert.deepEqual([passed.states.map, passed.states['map~2'], passed.states.reduce], ['skipped', 'done', 'skipped']);
  });

  it('an item that waits for more than a hundred is told once more of what it waited for before it became them', async () => {
    const held = new Gate();
    const { execute } = splitting(101, { 'map~1': async () => held.opened.then(() => SUCCEEDED) });
    await withBed({ execute, concurrency: 50 }, async (bed) => {
      const run = bed.submit('s', runOf(mapReduce({}, 101).slice(0, 2)));
      await runningIn(bed, run, 'map~1');
      await tellAgain(flowOn(bed), { run, item: 'split' }, ['map']);
      held.open();
      const { status, states } = await finished(bed, 's');
      assert.deepEqual([status.state, states.map, status.counts.done], ['done', 'done', 103]);
    });
  });

  it('an item is refused of which one that it becomes might not fit into a row, where alone it would', async () => {
    const script = (length: number): object => ({ block: 'script', run: '#'.repeat(length) });
    const pipeline = [
      ...Array.from({ length: 5 }, () => script(65_000)),
      script(21_500),
      { block: 'capture', what: 'outputs' },
    ];
    const documentOf = (map: object): object => {
      const { spec, ...rest } = runOf([{ id: 'split' }]) as { spec: { items: object[] } };
      return { ...rest, spec: { ...spec, items: [...spec.items, { id: 'map', pipeline, ...map }] } };
    };
    await withBed({ execute: splitting(2).execute }, async (bed) => {
      bed.submit('alone', documentOf({}));
      await finished(bed, 'alone');
      bed.submit('many', documentOf({ forEach: { from: 'split', outputs: 'shards/' } }));
      const { status, reasons } = await bed.until(() => bed.receipts('many')[0]);
      assert.deepEqual([status, reasons[0]?.code], ['invalid', 'ROW_TOO_LARGE']);
    });
  });

  it('nothing is left over in the store when the run has ended', async () => {
    await withBed({ execute: splitting(3).execute }, async (bed) => {
      const run = bed.submit('s', runOf(mapReduce()));
      await finished(bed, 's');
      assert.deepEqual(await bed.deps.store.query('todo', { prefix: '', limit: 10 }), []);
      assert.equal(await bed.row(keys.todoSpawn(run, 'map')), null);
      assert.equal((await bed.runRow(run))?.items, 6);
    });
  });
});

async function withinBed(execute: Execute, steer: (bed: FlowBed, run: string) => Promise<void>): Promise<FinishedRun> {
  let result: FinishedRun | undefined;
  await withBed({ execute }, async (bed) => {
    await steer(bed, bed.submit('s', runOf(mapReduce())));
    result = await finished(bed, 's');
  });
  return result ?? assert.fail();
}
