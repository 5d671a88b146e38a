/** Items that run or not by what came before them: conditions, failures that may happen, the first of several. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { digestOf } from '@waybill/verify';
import type { Execute, Execution } from '#adapters/in-process/executor.ts';
import { asMany, openFlowBed } from '../support/embedded-flow.ts';
import { answerTo, FAILED, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { cancelOf, controlOf, type ItemDraft, itemsOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const leaving = (value: unknown): Execution => ({ ...SUCCEEDED, outputs: { 'v.json': json(value) } });
const VALUE = { output: 'v.json' };
const taking = (oneOf: string[]): NonNullable<ItemDraft['needs']> => ({ got: { oneOf, select: VALUE } });

/** Each item does what stands under its id, or succeeds. */
function acting(acts: Record<string, Execution | (() => Promise<Execution>)>): Execute {
  return async (job) => {
    const act = acts[job.item] ?? SUCCEEDED;
    return typeof act === 'function' ? act() : act;
  };
}

async function ended(execute: Execute, items: ItemDraft[]): ReturnType<typeof finished> {
  let result: Awaited<ReturnType<typeof finished>> | undefined;
  await withBed({ execute }, async (bed) => {
    bed.submit('s', runOf(items));
    result = await finished(bed, 's');
  });
  return result ?? assert.fail();
}

describe('flow: conditions', { concurrency: true }, () => {
  it('an item runs when its condition holds, and the value that decided is sealed', async () => {
    const ok = { ...VALUE, from: 'check', at: '/ok', equals: true };
    const { states, events } = await ended(acting({ check: leaving({ ok: true }) }), [
      { id: 'check' },
      { id: 'publish', when: ok },
      { id: 'mend', when: { not: ok } },
    ]);
    assert.deepEqual(states, { check: 'done', publish: 'done', mend: 'skipped' });
    const sha256 = digestOf(json({ ok: true }));
    const decided = eventsOf(events, 'item.decided').map(({ data }) => data);
    const operands = [{ from: 'check', output: 'v.json', sha256, value: true }];
    assert.deepEqual(
      decided.toSorted((a, b) => (a.item < b.item ? -1 : 1)),
      [
        { item: 'mend', holds: false, operands },
        { item: 'publish', holds: true, operands },
      ],
    );
  });

  it('a run of which a condition left something out is done, and so is what only waited for that', async () => {
    const { states, status, item } = await ended(acting({ check: leaving({ found: 0 }) }), [
      { id: 'check' },
      { id: 'mend', when: { ...VALUE, from: 'check', at: '/found', moreThan: 0 } },
      { id: 'reads-mend', needs: { patch: { from: 'mend', select: VALUE } } },
      { id: 'after-both', dependsOn: ['mend', 'reads-mend'] },
    ]);
    assert.deepEqual(states, { check: 'done', mend: 'skipped', 'reads-mend': 'skipped', 'after-both': 'done' });
    assert.equal(status.state, 'done');
    assert.deepEqual([item('mend')?.reason, item('mend')?.cause], ['condition_false', undefined]);
    assert.deepEqual([item('reads-mend')?.reason, item('reads-mend')?.cause], ['upstream_skipped', 'mend']);
  });

  it('every operator decides by one value, and by none where there is no such value', async () => {
    const of = (test: object): object => ({ ...VALUE, from: 'up', ...test });
    const cases: [id: string, when: object, runs: boolean][] = [
      ['equals-text', of({ at: '/text', equals: 'abc' }), true],
      ['equals-other', of({ at: '/text', equals: 'abd' }), false],
      ['in', of({ at: '/list/1', in: [1, 2] }), true],
      ['less', of({ at: '/share', lessThan: 80 }), true],
      ['at-least', of({ at: '/share', atLeast: 79.6 }), false],
      ['at-most', of({ at: '/share', atMost: 79.5 }), true],
      ['more', of({ at: '/text', moreThan: 0 }), false],
      ['exists', of({ at: '/none', exists: true }), false],
      ['is-null', of({ at: '/none/deeper', exists: false }), true],
      ['null', of({ at: '/nothing', equals: null }), true],
      ['a-slash', of({ at: '/a~1b', exists: true }), true],
      ['inherited', of({ at: '/constructor', exists: true }), false],
      ['no-file', { from: 'up', output: 'other.json', exists: false }, true],
      ['no-json', { from: 'up', output: 'text', at: '/x', exists: true }, false],
      ['all', { all: [of({ at: '/text', equals: 'abc' }), of({ at: '/none', exists: true })] }, false],
      ['any', { any: [of({ at: '/none', exists: true }), of({ at: '/text', equals: 'abc' })] }, true],
    ];
    const value = { text: 'abc', list: [1, 2], share: 79.5, nothing: null, 'a/b': 1 };
    const outputs = { 'v.json': json(value), text: new TextEncoder().encode('not JSON') };
    const items = [{ id: 'up' }, ...cases.map(([id, when]) => ({ id, when }))];
    const { states } = await ended(acting({ up: { ...SUCCEEDED, outputs } }), items);
    assert.deepEqual(
      cases.map(([id]) => [id, states[id]]),
      cases.map(([id, , runs]) => [id, runs ? 'done' : 'skipped']),
    );
  });

  it('an item that asks how another ended runs after a failure, which fails the run all the same', async () => {
    const { states, status } = await ended(acting({ build: FAILED }), [
      { id: 'build' },
      { id: 'tell', when: { from: 'build', state: 'failed' } },
      { id: 'cheer', when: { from: 'build', state: 'done' } },
      { id: 'publish', dependsOn: ['build'] },
    ]);
    assert.deepEqual(states, { build: 'failed', tell: 'done', cheer: 'skipped', publish: 'skipped' });
    assert.equal(status.state, 'failed');
  });

  it('a failure that may happen neither skips who waits for it nor fails the run; who needs its output is skipped', async () => {
    const { states, status, item, events } = await ended(acting({ lint: FAILED }), [
      { id: 'lint', onError: 'continue' },
      { id: 'after', dependsOn: ['lint'] },
      { id: 'reads', needs: { report: { from: 'lint', select: VALUE } } },
    ]);
    assert.deepEqual(states, { lint: 'failed', after: 'done', reads: 'skipped' });
    assert.deepEqual([item('reads')?.reason, item('reads')?.cause], ['upstream_failed', 'lint']);
    assert.equal(status.state, 'done');
    assert.equal(eventsOf(events, 'run.completed')[0]?.data.counts.tolerated, 1);
  });

  it('red gate, fix, green: the check that is mended fails no run', async () => {
    const looped = (greenFrom: number): [Execute, ItemDraft[]] => [
      acting(Object.fromEntries([1, 2, 3].map((n) => [`check-${n}`, n >= greenFrom ? SUCCEEDED : FAILED]))),
      [
        { id: 'check-1', onError: 'continue' },
        { id: 'fix-1', when: { from: 'check-1', state: 'failed' } },
        { id: 'check-2', onError: 'continue', dependsOn: ['fix-1'], when: { from: 'check-1', state: 'failed' } },
        { id: 'fix-2', when: { from: 'check-2', state: 'failed' } },
        { id: 'check-3', dependsOn: ['fix-2'], when: { from: 'check-2', state: 'failed' } },
        { id: 'publish', dependsOn: ['check-1', 'check-2', 'check-3'] },
      ],
    ];
    const mended = await ended(...looped(2));
    assert.deepEqual(mended.states, {
      'check-1': 'failed',
      'fix-1': 'done',
      'check-2': 'done',
      'fix-2': 'skipped',
      'check-3': 'skipped',
      publish: 'done',
    });
    assert.equal(mended.status.state, 'done');
    const atOnce = await ended(...looped(1));
    assert.deepEqual([atOnce.states['fix-1'], atOnce.states.publish], ['skipped', 'done']);
    const never = await ended(...looped(4));
    assert.deepEqual(
      [never.states['check-3'], never.states.publish, never.status.state],
      ['failed', 'skipped', 'failed'],
    );
  });

  it('of several that could give an output the first that is done gives it, however late it is', async () => {
    const gate = new Gate();
    const took: unknown[] = [];
    const slow = async (): Promise<Execution> => {
      await gate.opened;
      return leaving('slow');
    };
    const execute: Execute = async (job, context) => {
      if (job.item === 'fast') gate.open();
      if (job.item.startsWith('take')) took.push([job.item, context.lease.inputs[0]?.sha256]);
      return acting({ slow, fast: leaving('fast'), bad: FAILED })(job, context);
    };
    const { states } = await ended(execute, [
      { id: 'slow' },
      { id: 'fast' },
      { id: 'bad', onError: 'continue' },
      { id: 'take-slow', needs: taking(['slow', 'fast']) },
      { id: 'take-fast', needs: taking(['bad', 'fast', 'slow']) },
    ]);
    assert.deepEqual([states['take-slow'], states['take-fast']], ['done', 'done']);
    const [slowOne, fastOne] = [digestOf(json('slow')), digestOf(json('fast'))];
    assert.deepEqual(
      new Map(took as [string, string][]),
      new Map([
        ['take-slow', slowOne],
        ['take-fast', fastOne],
      ]),
    );
  });

  it('where none of several is done, the item is skipped, for the first of them', async () => {
    const { states, item, status } = await ended(acting({ a: FAILED, b: FAILED }), [
      { id: 'a' },
      { id: 'b' },
      { id: 'take', needs: taking(['b', 'a']) },
    ]);
    assert.deepEqual(states, { a: 'failed', b: 'failed', take: 'skipped' });
    assert.deepEqual([item('take')?.reason, item('take')?.cause, status.state], ['upstream_failed', 'b', 'failed']);
  });

  it('where a condition left one of several out and another failed, that failure skips the item and what waits for it, in whatever order', async () => {
    const left: ItemDraft = { id: 'left', when: { from: 'first', state: 'failed' } };
    for (const oneOf of [
      ['left', 'bad'],
      ['bad', 'left'],
    ]) {
      const { states, item, status } = await ended(acting({ bad: FAILED }), [
        { id: 'first' },
        left,
        { id: 'bad' },
        { id: 'take', needs: taking(oneOf) },
        { id: 'publish', dependsOn: ['take'] },
      ]);
      const skipped = { left: 'skipped', take: 'skipped', publish: 'skipped' };
      assert.deepEqual(states, { first: 'done', bad: 'failed', ...skipped });
      assert.deepEqual([item('take')?.reason, item('take')?.cause], ['upstream_failed', 'bad']);
      assert.equal(status.state, 'failed');
    }
  });

  it('where a condition left all of several out, the item is left out too, and what only waits for it is done', async () => {
    const left = (id: string): ItemDraft => ({ id, when: { from: 'first', state: 'failed' } });
    const { states, item } = await ended(acting({}), [
      { id: 'first' },
      left('b'),
      left('a'),
      { id: 'take', needs: taking(['b', 'a']) },
      { id: 'publish', dependsOn: ['take'] },
    ]);
    assert.deepEqual(states, { first: 'done', a: 'skipped', b: 'skipped', take: 'skipped', publish: 'done' });
    assert.deepEqual([item('take')?.reason, item('take')?.cause], ['upstream_skipped', 'b']);
  });

  it('where a failure of one is not made up for, the item is skipped for it; what was left out is passed over', async () => {
    const stopping = (oneOf: string[]) => ({ got: { oneOf, select: VALUE, onError: 'stop' as const } });
    const left: ItemDraft = { id: 'left', when: { from: 'a', state: 'failed' } };
    const { states, item } = await ended(acting({ a: leaving(1), bad: FAILED, may: FAILED }), [
      { id: 'a' },
      left,
      { id: 'bad' },
      { id: 'may', onError: 'continue' },
      { id: 'takes', needs: stopping(['left', 'may', 'a']) },
      { id: 'stops', needs: stopping(['a', 'bad']) },
      { id: 'behind', dependsOn: ['stops'] },
    ]);
    assert.deepEqual([states.takes, states.stops, states.behind], ['done', 'skipped', 'skipped']);
    assert.deepEqual([item('stops')?.reason, item('stops')?.cause], ['upstream_failed', 'bad']);
  });

  it('a missing output of the chosen one fails with its key and the items that could have given it', async () => {
    const { item } = await ended(acting({ a: leaving(1) }), [
      { id: 'a' },
      { id: 'b' },
      { id: 'take', needs: { got: { oneOf: ['b', 'a'], select: { output: 'none' } } } },
    ]);
    assert.equal(item('take')?.attempts.at(-1)?.reason, 'input_missing');
    assert.match(item('take')?.detail ?? '', /needs\.got: b, a left no output "outputs\/none"/);
  });

  it('a failure that others went on after is not tried again, one that nobody went on after is', async () => {
    const gate = new Gate();
    const execute: Execute = async (job) => {
      if (job.item === 'open') await gate.opened;
      return job.item === 'open' || job.attempt > 1 || job.item === 'after' ? SUCCEEDED : FAILED;
    };
    await withBed({ execute }, async (bed) => {
      const items: ItemDraft[] = [
        { id: 'open' },
        { id: 'passed', onError: 'continue' },
        { id: 'after', dependsOn: ['passed'] },
        { id: 'alone', onError: 'continue' },
      ];
      const run = bed.submit('s', runOf(items));
      await bed.until(async () => (await bed.itemRow(run, 'after'))?.state === 'done');
      await bed.until(async () => (await bed.itemRow(run, 'alone'))?.state === 'failed');
      assert.deepEqual(await answerTo(bed, 'p', controlOf('retry', run, 'passed')), ['invalid', 'ITEM_STATE']);
      assert.deepEqual(await answerTo(bed, 'a', controlOf('retry', run, 'alone')), ['accepted', undefined]);
      await bed.until(async () => (await bed.itemRow(run, 'alone'))?.state === 'done');
      gate.open();
      const { status, events } = await finished(bed, 's');
      const { counts } = eventsOf(events, 'run.completed')[0]?.data ?? assert.fail();
      assert.deepEqual([status.state, counts.tolerated, counts.reopened], ['done', 1, 1]);
    });
  });

  it('a retry opens what was skipped for it again, and its condition is asked then', async () => {
    const gate = new Gate();
    const execute: Execute = async (job) => {
      if (job.item === 'open') await gate.opened;
      if (job.item === 'soft' || (job.item === 'hard' && job.attempt === 1)) return FAILED;
      return leaving({ ok: true });
    };
    await withBed({ execute }, async (bed) => {
      const items: ItemDraft[] = [
        { id: 'open' },
        { id: 'soft', onError: 'continue' },
        { id: 'hard' },
        { id: 'both', dependsOn: ['soft', 'hard'], when: { ...VALUE, from: 'hard', at: '/ok', equals: true } },
      ];
      const run = bed.submit('s', runOf(items));
      await bed.until(async () => (await bed.itemRow(run, 'both'))?.state === 'skipped');
      await answerTo(bed, 'r', controlOf('retry', run, 'hard'));
      await bed.until(async () => (await bed.itemRow(run, 'both'))?.state === 'done');
      gate.open();
      assert.equal((await finished(bed, 's')).status.state, 'done');
    });
  });

  it('an item may depend on hundreds, some of which fail, and be asked about one of them', async () => {
    const tens = asMany(25, 11);
    const many = itemsOf('m', 10 * tens, { onError: 'continue' });
    const execute: Execute = (job) => (job.item.endsWith('7') ? FAILED : SUCCEEDED);
    const dependsOn = many.map(({ id }) => id);
    const last = { id: 'last', dependsOn, when: { from: 'm007', state: 'failed' } };
    const { states, status, events } = await ended(execute, [...many, last]);
    assert.deepEqual([states.last, status.state], ['done', 'done']);
    assert.equal(eventsOf(events, 'run.completed')[0]?.data.counts.tolerated, tens);
  });

  it('a crash between the last end and the decision changes nothing', async () => {
    const items: ItemDraft[] = [{ id: 'up' }, { id: 'down', when: { ...VALUE, from: 'up', equals: 1 } }];
    const busy = new RetryableError({ code: 'STORE_BUSY', path: 'artifacts', problem: 'it is busy', fix: 'Wait.' });
    const first = await openFlowBed({
      execute: acting({ up: leaving(1) }),
      // What is to be decided by cannot be read before the restart.
      adapt: (deps) => ({ ...deps, artifacts: { ...deps.artifacts, open: () => Promise.reject(busy) } }),
    });
    const run = first.submit('s', runOf(items));
    await first.until(async () => (await first.itemRow(run, 'down'))?.deciding);
    await first.halt();
    await withBed({ execute: acting({}), directory: first.directory }, async (bed) => {
      assert.deepEqual((await finished(bed, 's')).states, { up: 'done', down: 'done' });
    });
  });

  it('one that is being decided can be cancelled, and then is not', async () => {
    const gate = new Gate();
    await withBed(
      {
        execute: acting({ up: leaving(1) }),
        adapt: (deps) => ({
          ...deps,
          artifacts: {
            ...deps.artifacts,
            open: async (digest) => {
              await gate.opened;
              return deps.artifacts.open(digest);
            },
          },
        }),
      },
      async (bed) => {
        const run = bed.submit('s', runOf([{ id: 'up' }, { id: 'down', when: { ...VALUE, from: 'up', equals: 1 } }]));
        await bed.until(async () => (await bed.itemRow(run, 'down'))?.deciding);
        assert.deepEqual(await answerTo(bed, 'c', cancelOf(run, 'down')), ['accepted', undefined]);
        gate.open();
        const { states, events } = await finished(bed, 's');
        assert.deepEqual(states, { up: 'done', down: 'cancelled' });
        assert.deepEqual(eventsOf(events, 'item.decided'), []);
      },
    );
  });
});
