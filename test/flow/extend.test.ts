/** Runs that are open-ended: what may be added to them while they go on, when they end, and what is refused. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import { type Key, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { prepareStatus } from '#flow/status.ts';
import { asMany, type FlowBed } from '../support/embedded-flow.ts';
import { answerTo, FAILED, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { cancelOf, controlOf, extendOf, type ItemDraft, itemsOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const OPEN = { openEnded: true };
/** For what only reads. */
const IDLE: Pick<FlowDeps, 'hints' | 'lane'> = { hints: {} as FlowDeps['hints'], lane: (decision) => decision() };
const DATA = { output: 'data' };
const data = new TextEncoder().encode('x');
const execute: Execute = (job) => (job.item.startsWith('bad') ? FAILED : { ...SUCCEEDED, outputs: { data } });
const reading = (from: string): NonNullable<ItemDraft['needs']> => ({ data: { from, select: DATA } });

async function ended(bed: FlowBed, run: string, ...items: string[]): Promise<void> {
  const ends = ['done', 'failed', 'skipped'];
  await bed.until(async () => {
    const rows = await Promise.all(items.map((item) => bed.itemRow(run, item)));
    return rows.every((row) => ends.includes(row?.state ?? ''));
  });
}

async function running(bed: FlowBed, run: string, item: string): Promise<void> {
  await bed.until(async () => (await bed.itemRow(run, item))?.state === 'running');
}

/** Everything that was wrong, as `code path`. */
async function refusalsOf(bed: FlowBed, id: string, document: object): Promise<string[]> {
  bed.control(id, document);
  const { status, reasons } = await bed.until(() => bed.receipts(id)[0]);
  assert.equal(status, 'invalid');
  return reasons.map(({ code, path }) => `${code} ${path}`);
}

describe('flow: open-ended runs', { concurrency: true }, () => {
  it('added items take what the run says of its own, and what stands beside them wins over it', async () => {
    await withBed({ execute }, async (bed) => {
      const env = { A: 'run', B: 'run' };
      const more = { timeout: '7m', env, retry: { maxAttempts: 3, backoff: '5s' }, priority: 9 };
      const opened = { ...OPEN, defaults: more, reuse: 'off' as const, notBefore: '2001-01-01T00:00:00Z' };
      const run = bed.submit('s', runOf([{ id: 'first' }], opened));
      await ended(bed, run, 'first');
      const pure = { id: 'late', effect: 'pure' as const, env: { C: 'item' }, notBefore: '2000-01-01T00:00:00Z' };
      const plain = extendOf(run, [pure]);
      assert.deepEqual(await answerTo(bed, 'plain', plain), ['accepted', undefined]);
      const own = extendOf(run, [{ id: 'later' }]) as { spec: object };
      const defaults = { timeout: '1m', env: { B: 'own' }, retry: { maxAttempts: 2 } };
      const document = { ...own, spec: { ...own.spec, defaults, notBefore: '2002-01-01T00:00:00Z' } };
      assert.deepEqual(await answerTo(bed, 'own', document), ['accepted', undefined]);
      await ended(bed, run, 'late', 'later');
      const planned = async (item: string): Promise<unknown[]> => {
        const [row] = await bed.deps.store.get([keys.spec(run, item)]);
        assert.ok(row);
        const { timeoutMs, env, retry, priority, reuse, notBeforeMs } = (row.body as unknown as SpecRow).item;
        return [timeoutMs, env, retry.maxAttempts, retry.backoffMs, priority, reuse, notBeforeMs];
      };
      const since = (year: number): number => Date.parse(`${year}-01-01T00:00:00Z`);
      assert.deepEqual(await planned('late'), [420_000, { ...env, C: 'item' }, 3, 5_000, 9, 'off', since(2001)]);
      assert.deepEqual(await planned('later'), [60_000, { ...env, B: 'own' }, 2, 5_000, 9, undefined, since(2002)]);
    });
  });

  it('while added items are written the status says so, and not when they are', async () => {
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'first' }], OPEN));
      await ended(bed, run, 'first');
      const store: FlowBed['deps']['store'] = Object.create(bed.deps.store, {
        get: {
          value: async (asked: Key[]) => {
            const [row, ...rows] = await bed.deps.store.get(asked);
            if (asked[0]?.sk !== 'run' || !row) return [row, ...rows];
            const growth = { ...(row.body as unknown as RunRow).growth, extending: 'x' };
            return [{ ...row, body: { ...row.body, growth } }, ...rows];
          },
        },
      });
      assert.equal((await prepareStatus({ ...bed.deps, ...IDLE, store }, run))?.status.extending, true);
      assert.equal((await prepareStatus({ ...bed.deps, ...IDLE }, run))?.status.extending, undefined);
    });
  });

  it('a run stays open when all has ended, takes more, and ends when it is closed', async () => {
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'first' }], OPEN));
      await ended(bed, run, 'first');
      const more = [
        { id: 'second', needs: reading('first') },
        { id: 'third', needs: reading('second') },
        { id: 'alone' },
      ];
      assert.deepEqual(await answerTo(bed, 'more', extendOf(run, more)), ['accepted', undefined]);
      await ended(bed, run, 'second', 'third', 'alone');
      assert.equal((await bed.runRow(run))?.completedAtMs, undefined);
      assert.deepEqual(await answerTo(bed, 'close', controlOf('close', run)), ['accepted', undefined]);
      const { states, status, events } = await finished(bed, 's');
      assert.deepEqual(states, { first: 'done', second: 'done', third: 'done', alone: 'done' });
      assert.deepEqual([status.state, status.counts.items, status.openEnded], ['done', 4, 'closed']);
      assert.deepEqual(
        eventsOf(events, 'run.extended')[0]?.data.items.map(({ id }) => id),
        ['second', 'third', 'alone'],
      );
      assert.deepEqual(await bed.deps.store.query('todo', { prefix: '', limit: 10 }), []);
    });
  });

  it('one that is closed while items run ends with the last of these', async () => {
    const hold = new Gate();
    const holding: Execute = async (job, context) => hold.opened.then(() => execute(job, context));
    await withBed({ execute: holding }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }], OPEN));
      await running(bed, run, 'x');
      await answerTo(bed, 'more', extendOf(run, [{ id: 'y', dependsOn: ['x'] }]));
      await answerTo(bed, 'close', controlOf('close', run));
      assert.deepEqual(await answerTo(bed, 'again', controlOf('close', run)), ['deduped', undefined]);
      assert.deepEqual(await answerTo(bed, 'late', extendOf(run, [{ id: 'z' }])), ['invalid', 'RUN_CLOSED']);
      hold.open();
      assert.deepEqual((await finished(bed, 's')).states, { x: 'done', y: 'done' });
    });
  });

  it('what ended before means to an added item what it would have meant to one of the plan', async () => {
    await withBed({ execute }, async (bed) => {
      const soft = { id: 'bad-soft', onError: 'continue' as const };
      const run = bed.submit(
        's',
        runOf([{ id: 'good' }, { id: 'bad' }, soft, { id: 'tied', dependsOn: ['bad'] }], OPEN),
      );
      await ended(bed, run, 'good', 'bad', 'bad-soft', 'tied');
      const more: ItemDraft[] = [
        { id: 'after-good', dependsOn: ['good'] },
        { id: 'after-bad', dependsOn: ['good', 'bad'] },
        { id: 'after-soft', dependsOn: ['bad-soft'] },
        { id: 'behind', dependsOn: ['after-bad'] },
        { id: 'either', needs: { data: { oneOf: ['bad', 'good'], select: DATA } } },
        { id: 'when-bad', when: { from: 'bad', state: 'failed' } },
        { id: 'ruled', dependsOn: ['good'], gate: {} },
      ];
      await answerTo(bed, 'more', extendOf(run, more));
      await bed.until(async () => (await bed.itemRow(run, 'ruled'))?.state === 'suspended');
      await answerTo(bed, 'yes', controlOf('approve', run, 'ruled'));
      await answerTo(bed, 'close', controlOf('close', run));
      const { states, item } = await finished(bed, 's');
      const expected = { 'after-good': 'done', 'after-bad': 'skipped', 'after-soft': 'done', behind: 'skipped' };
      const { good: _good, bad: _bad, 'bad-soft': _soft, tied: _tied, ...added } = states;
      assert.deepEqual(added, { ...expected, either: 'done', 'when-bad': 'done', ruled: 'done' });
      assert.deepEqual([item('after-bad')?.cause, item('behind')?.cause], ['bad', 'after-bad']);
    });
  });

  it('hundreds are added at once and one by one, behind one that runs and in front of one that joins them', async () => {
    const hold = new Gate();
    const holding: Execute = async (job, context) =>
      job.item === 'root' ? hold.opened.then(() => SUCCEEDED) : execute(job, context);
    await withBed({ execute: holding, concurrency: 50 }, async (bed) => {
      const added = itemsOf('a', asMany(250, 110), { dependsOn: ['root'] });
      const run = bed.submit('s', runOf([{ id: 'root' }, ...itemsOf('p', 90, { dependsOn: ['root'] })], OPEN));
      await running(bed, run, 'root');
      await answerTo(bed, 'a', extendOf(run, added));
      await answerTo(bed, 'b', extendOf(run, itemsOf('b', 30, { dependsOn: ['root'] })));
      const joined = added.map(({ id }) => id);
      await answerTo(bed, 'c', extendOf(run, [{ id: 'join', dependsOn: joined }]));
      hold.open();
      await answerTo(bed, 'close', controlOf('close', run));
      const { status, states } = await finished(bed, 's');
      assert.deepEqual([status.counts.done, states.join], [122 + added.length, 'done']);
    });
  });

  it('an object that comes again adds nothing, and a retry opens what was added behind a failure', async () => {
    let tries = 0;
    const failing: Execute = (job, context) => {
      if (job.item !== 'bad') return execute(job, context);
      tries += 1;
      return tries === 1 ? FAILED : SUCCEEDED;
    };
    await withBed({ execute: failing }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'bad' }], OPEN));
      await ended(bed, run, 'bad');
      const document = extendOf(run, [{ id: 'x', dependsOn: ['bad'] }]);
      assert.deepEqual(await answerTo(bed, 'more', document), ['accepted', undefined]);
      await ended(bed, run, 'x');
      // Its file goes last of all.
      await bed.until(async () => (await bed.deps.inbox.list({ limit: 1 })).length === 0);
      bed.control('more', Object.fromEntries(Object.entries(document).reverse()));
      await bed.until(() => bed.receipts('more').length === 2);
      assert.deepEqual(
        bed
          .receipts('more')
          .map(({ status }) => status)
          .sort(),
        ['accepted', 'deduped'],
      );
      assert.deepEqual(await answerTo(bed, 'again', controlOf('retry', run, 'bad')), ['accepted', undefined]);
      await bed.until(async () => (await bed.itemRow(run, 'x'))?.state === 'done');
      await answerTo(bed, 'close', controlOf('close', run));
      assert.deepEqual((await finished(bed, 's')).states, { bad: 'done', x: 'done' });
    });
  });

  it('every reason is told with its path, and nothing is added where there is one', async () => {
    await withBed({ execute }, async (bed) => {
      const map: ItemDraft = { id: 'map', forEach: { from: 'x', outputs: 'data' } };
      const run = bed.submit('s', runOf([{ id: 'x' }, map, { id: 'loop~1' }], { ...OPEN, caps: { items: 120 } }));
      await ended(bed, run, 'x', 'map');
      const bad = [
        { id: 'x' },
        { id: 'a', dependsOn: ['nobody'], needs: { d: { from: 'x', select: 'patch' as const } } },
        { id: 'a' },
        { id: 'c', dependsOn: ['d'] },
        { id: 'd', dependsOn: ['c'] },
        { id: 'map~7' },
        { id: 'e', needs: { m: { from: 'map', select: DATA } } },
        { id: 'loop', forEach: { from: 'x', outputs: 'data', max: 1 } },
      ];
      assert.deepEqual(await refusalsOf(bed, 'bad', extendOf(run, bad)), [
        'SPEC_DUPLICATE_ID spec.items[0].id',
        'SPEC_DUPLICATE_ID spec.items[2].id',
        'SPEC_UNKNOWN_REFERENCE spec.items[1].dependsOn[0]',
        'SPEC_INVALID spec.items[1].needs.d.select',
        'SPEC_INVALID spec.items[6].needs.m.from',
        'SPEC_DUPLICATE_ID spec.items[5].id',
        'SPEC_DUPLICATE_ID spec.items[7].id',
        'SPEC_CYCLE spec.items[3]',
      ]);
      const many = itemsOf('n', 18);
      assert.deepEqual(await refusalsOf(bed, 'many', extendOf(run, many)), ['SPEC_LIMIT spec.items']);
      assert.deepEqual(await answerTo(bed, 'fits', extendOf(run, many.slice(1))), ['accepted', undefined]);
      await answerTo(bed, 'close', controlOf('close', run));
      assert.equal((await finished(bed, 's')).status.counts.items, 21);
    });
  });

  it('an item of which no attempt could be paid for is refused, and one that takes all that there is runs', async () => {
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }], { ...OPEN, caps: { usd: 1.1 } }));
      await ended(bed, run, 'x');
      const dear = [{ id: 'y' }, { id: 'z', maxUsd: 1.100001 }];
      assert.deepEqual(await refusalsOf(bed, 'dear', extendOf(run, dear)), ['SPEC_INVALID spec.items[1].maxUsd']);
      const fits = extendOf(run, [{ id: 'z', maxUsd: 1.1 }]);
      assert.deepEqual(await answerTo(bed, 'fits', fits), ['accepted', undefined]);
      await answerTo(bed, 'close', controlOf('close', run));
      assert.deepEqual((await finished(bed, 's')).states, { x: 'done', z: 'done' });
    });
  });

  it('a run with all of its items, one that has ended, one that is being ended and one of somebody else take nothing', async () => {
    const hold = new Gate();
    const holding: Execute = async (job, context) =>
      job.item === 'held' ? hold.opened.then(() => SUCCEEDED) : execute(job, context);
    await withBed({ execute: holding }, async (bed) => {
      const whole = bed.submit('whole', runOf([{ id: 'held' }]));
      const more = [{ id: 'y' }];
      await running(bed, whole, 'held');
      assert.deepEqual(await answerTo(bed, 'a', extendOf(whole, more)), ['invalid', 'RUN_CLOSED']);
      assert.deepEqual(await answerTo(bed, 'b', controlOf('close', whole)), ['invalid', 'RUN_CLOSED']);
      const open = bed.submit('open', runOf([{ id: 'held' }], OPEN));
      await running(bed, open, 'held');
      await answerTo(bed, 'stop', cancelOf(open));
      assert.deepEqual(await answerTo(bed, 'c', extendOf(open, more)), ['invalid', 'RUN_SEALED']);
      hold.open();
      assert.equal((await finished(bed, 'open')).status.state, 'cancelled');
      assert.deepEqual(await answerTo(bed, 'd', extendOf(open, more)), ['invalid', 'RUN_SEALED']);
      assert.deepEqual(await answerTo(bed, 'e', extendOf('0'.repeat(32), more)), ['invalid', 'RUN_UNKNOWN']);
      await finished(bed, 'whole');
    });
  });

  it('an open run that nothing runs of is ended by a cancel and by its wall clock', async () => {
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('a', runOf([{ id: 'x' }], OPEN));
      bed.submit('b', runOf([{ id: 'x' }], { ...OPEN, caps: { wallClock: '1s' } }));
      await ended(bed, run, 'x');
      await answerTo(bed, 'stop', cancelOf(run));
      const [a, b] = [await finished(bed, 'a'), await finished(bed, 'b')];
      assert.deepEqual([a.status.state, b.status.state], ['cancelled', 'failed']);
    });
  });

  it('what is added may become many, and a paused run takes more that waits for its end', async () => {
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }], OPEN));
      await ended(bed, run, 'x');
      await answerTo(bed, 'pause', controlOf('pause', run));
      const map: ItemDraft = { id: 'map', forEach: { from: 'x', outputs: 'da' } };
      await answerTo(
        bed,
        'more',
        extendOf(run, [map, { id: 'all', needs: { d: { each: 'map', select: DATA } } }, { id: 'y' }]),
      );
      assert.deepEqual([(await bed.itemRow(run, 'y'))?.state, (await bed.itemRow(run, 'y'))?.shelved], ['ready', true]);
      await answerTo(bed, 'resume', controlOf('resume', run));
      await answerTo(bed, 'close', controlOf('close', run));
      const { states } = await finished(bed, 's');
      assert.deepEqual(states, { x: 'done', map: 'done', 'map~1': 'done', all: 'done', y: 'done' });
    });
  });

  it('an added item that uses a result of its own run again stands behind the attempt that made it', async () => {
    const hold = new Gate();
    const holding: Execute = async (job, context) =>
      job.item === 'held' ? hold.opened.then(() => execute(job, context)) : execute(job, context);
    await withBed({ execute: holding }, async (bed) => {
      const pure: Omit<ItemDraft, 'id'> = { effect: 'pure', env: { OF: 'pure' } };
      // Whatever is written with every claim and every end is far ahead of the row of the run by then.
      const others = itemsOf('i', 9);
      const run = bed.submit('s', runOf([{ id: 'held' }, ...others, { id: 'maker', ...pure }], OPEN));
      await ended(bed, run, ...others.map(({ id }) => id), 'maker');
      await answerTo(bed, 'more', extendOf(run, [{ id: 'taker', ...pure }]));
      await ended(bed, run, 'taker');
      await answerTo(bed, 'close', controlOf('close', run));
      hold.open();
      const { events } = await finished(bed, 's');
      assert.deepEqual(
        eventsOf(events, 'item.reused').map(({ data: { item, from } }) => [item, from.item]),
        [['taker', 'maker']],
      );
    });
  });
});
