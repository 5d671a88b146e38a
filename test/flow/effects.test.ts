/** Pure items: what is used again, by whom, and everything that makes an item run after all. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { digestOf } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import { keys, type RunRow } from '#core/rows.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { answerTo, FAILED, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { controlOf, type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const PURE: ItemDraft = { id: 'made', effect: 'pure' };
const NEEDS: ItemDraft['needs'] = { got: { from: 'up', select: { output: 'v' } } };

/** Each attempt leaves a file that no other leaves, unless `leaving` says what stands in it. */
function counting(leaving: Record<string, string> = {}): { execute: Execute; ran: string[] } {
  const ran: string[] = [];
  return {
    ran,
    execute: (job) => {
      ran.push(job.item);
      return { ...SUCCEEDED, outputs: { v: text(leaving[job.item] ?? `${job.item} ${ran.length}`) } };
    },
  };
}

async function once(bed: FlowBed, id: string, items: ItemDraft[], spec: Parameters<typeof runOf>[1] = {}) {
  bed.submit(id, runOf(items, spec));
  return finished(bed, id);
}

interface Held {
  bed: FlowBed;
  run: string;
  /** Opened, it lets the item end that the pure one waits for. */
  hold: Gate;
  ran: string[];
}

/** A second run, whose pure item has a result to take over and still waits for another item. */
async function withHeld(use: (held: Held) => Promise<void>): Promise<void> {
  const { execute, ran } = counting();
  const hold = new Gate();
  const holding: Execute = async (job, context) => {
    if (job.item === 'hold') await hold.opened;
    return execute(job, context);
  };
  await withBed({ execute: holding }, async (bed) => {
    await once(bed, 'a', [PURE]);
    const run = bed.submit('b', runOf([{ id: 'hold' }, { ...PURE, dependsOn: ['hold'] }]));
    await bed.until(async () => ((await bed.itemRow(run, 'hold'))?.state === 'running' ? true : null));
    await use({ bed, run, hold, ran });
  });
}

describe('flow: pure items', { concurrency: true }, () => {
  it('a second run takes over what the first has made: nothing is claimed, and the record says from where', async () => {
    const { execute, ran } = counting();
    await withBed({ execute }, async (bed) => {
      const first = await once(bed, 'a', [PURE]);
      const second = await once(bed, 'b', [
        PURE,
        { id: 'after', needs: { got: { from: 'made', select: { output: 'v' } } } },
      ]);
      assert.deepEqual(ran, ['made', 'after']);
      const [settled] = eventsOf(first.events, 'attempt.settled');
      const [reused] = eventsOf(second.events, 'item.reused');
      const from = { run: first.status.run, item: 'made', attempt: 1, id: settled?.data.id };
      assert.deepEqual(reused?.data.from, from);
      assert.deepEqual(reused?.data.outputs, settled?.data.outputs);
      assert.equal(reused?.data.provenance, settled?.data.attestations[0]);
      assert.deepEqual(second.item('made')?.reused, { from, outputs: settled?.data.outputs });
      assert.deepEqual(second.item('made')?.attempts, []);
      const { counts } = eventsOf(second.events, 'run.completed')[0]?.data ?? assert.fail();
      assert.deepEqual([counts.done, counts.attempts, counts.reused], [2, 1, 1]);
    });
  });

  it('inside one run as well: an item that comes later takes over what one before it has made, and a condition reads it', async () => {
    const { execute, ran } = counting({ first: '{"ok":true}' });
    await withBed({ execute }, async (bed) => {
      const { states, events } = await once(bed, 'a', [
        { id: 'first', effect: 'pure' },
        { id: 'second', effect: 'pure', dependsOn: ['first'] },
        { id: 'third', when: { from: 'second', output: 'v', at: '/ok', equals: true } },
      ]);
      assert.deepEqual(states, { first: 'done', second: 'done', third: 'done' });
      assert.deepEqual(ran, ['first', 'third']);
      assert.equal(eventsOf(events, 'item.reused')[0]?.data.from.item, 'first');
    });
  });

  it('each part of the key by itself makes the item run: pipeline, env, input, and what says that it is pure', async () => {
    const leaving = { up: 'the same', made: 'x' };
    const { execute, ran } = counting(leaving);
    const items: ItemDraft[] = [{ id: 'up' }, { ...PURE, needs: NEEDS }];
    await withBed({ execute }, async (bed) => {
      await once(bed, 'first', items);
      const timesWith = async (id: string, edit: Partial<ItemDraft>, spec = {}): Promise<number> => {
        const before = ran.length;
        await once(bed, id, [{ id: 'up' }, { ...PURE, needs: NEEDS, ...edit }], spec);
        return ran.slice(before).filter((item) => item !== 'up').length;
      };
      assert.equal(await timesWith('same', {}), 0);
      assert.equal(await timesWith('other-name', { id: 'else', priority: 3, timeout: '9m', locks: ['l'] }), 0);
      assert.equal(await timesWith('lens', { lens: 'gate' }), 1);
      assert.equal(await timesWith('env', { env: { A: '1' } }), 1);
      assert.equal(await timesWith('defaults', {}, { defaults: { env: { A: '2' } } }), 1);
      assert.equal(await timesWith('other-key', { needs: { other: { from: 'up', select: { output: 'v' } } } }), 1);
      assert.equal(await timesWith('read', { effect: 'read' }), 1);
      assert.equal(await timesWith('off', {}, { reuse: 'off' }), 1);
      leaving.up = 'another';
      assert.equal(await timesWith('input', {}), 1);
      assert.equal(await timesWith('input-again', {}), 0);
    });
  });

  it('another image, or the same outside of a sandbox, makes the item run', async () => {
    const { execute, ran } = counting();
    let worker: FlowBed['deps']['worker'] | undefined;
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] => {
      worker = { ...deps.worker, isolation: 'container', executable: digestOf('one image') };
      return { ...deps, worker };
    };
    await withBed({ execute, adapt }, async (bed) => {
      await once(bed, 'a', [PURE]);
      await once(bed, 'b', [PURE]);
      assert.equal(ran.length, 1);
      Object.assign(worker ?? {}, { executable: digestOf('another image') });
      await once(bed, 'c', [PURE]);
      assert.equal(ran.length, 2);
      Object.assign(worker ?? {}, { isolation: 'none' });
      await once(bed, 'd', [PURE]);
      assert.equal(ran.length, 3);
    });
  });

  it('nothing is taken over from somebody else, whatever it is', async () => {
    const { execute, ran } = counting();
    const hold = new Gate();
    const holding: Execute = async (job, context) => {
      if (job.item === 'hold') await hold.opened;
      return execute(job, context);
    };
    await withBed({ execute: holding, status: false }, async (bed) => {
      const sealed = (run: string) =>
        bed.until(async () => ((await bed.runRow(run))?.sealedAtMs === undefined ? null : true));
      await sealed(bed.submit('a', runOf([PURE])));
      const run = bed.submit('b', runOf([{ id: 'hold' }, { ...PURE, dependsOn: ['hold'] }]));
      await bed.until(async () => ((await bed.itemRow(run, 'hold'))?.state === 'running' ? true : null));
      const { pk, sk } = keys.run(run);
      const [row] = await bed.deps.store.get([{ pk, sk }]);
      const body = { ...(row?.body as unknown as RunRow), principal: 'somebody-else' };
      await bed.deps.store.transact([{ do: 'put', pk, sk, expect: row?.version ?? 0, body }]);
      hold.open();
      await sealed(run);
      assert.deepEqual(ran, ['made', 'hold', 'made']);
    });
  });

  it('a result whose file is gone is made again, and what is made then is used', async () => {
    const { execute, ran } = counting();
    await withBed({ execute }, async (bed) => {
      const { item } = await once(bed, 'a', [PURE]);
      const [left] = item('made')?.attempts[0]?.outputs ?? [];
      const hex = left?.sha256.slice(7) ?? '';
      const gone = await bed.deps.artifacts.size(left?.sha256 ?? 'sha256:');
      assert.equal(gone, left?.sizeBytes);
      rmSync(join(bed.directory, 'artifacts', 'sha256', hex.slice(0, 2), hex));
      assert.equal(await bed.deps.artifacts.size(left?.sha256 ?? 'sha256:'), null);
      await once(bed, 'b', [PURE]);
      assert.equal(ran.length, 2);
      const third = await once(bed, 'c', [PURE]);
      assert.equal(ran.length, 2);
      assert.notDeepEqual(third.item('made')?.reused?.outputs, [left]);
    });
  });

  it('only what succeeded is used again, and only when it left something', async () => {
    let calls = 0;
    const execute: Execute = (job) => {
      calls += 1;
      if (job.item === 'empty') return SUCCEEDED;
      return calls === 1
        ? { ...FAILED, outputs: { v: text('half') } }
        : { ...SUCCEEDED, outputs: { v: text('whole') } };
    };
    await withBed({ execute }, async (bed) => {
      await once(bed, 'a', [PURE]);
      const second = await once(bed, 'b', [PURE]);
      assert.equal(second.item('made')?.reused, undefined);
      assert.equal((await once(bed, 'c', [PURE])).item('made')?.reused?.from.run, second.status.run);
      for (const id of ['d', 'e']) {
        const { item } = await once(bed, id, [{ id: 'empty', effect: 'pure', env: { E: '1' } }]);
        assert.deepEqual([item('empty')?.state, item('empty')?.reused], ['done', undefined]);
      }
    });
  });

  it('equal items that are ready at once both run, and either result is used by the next', async () => {
    const both = new Gate();
    const { execute, ran } = counting();
    const meeting: Execute = async (job, context) => {
      const execution = await execute(job, context);
      if (ran.length === 2) both.open();
      await both.opened;
      return execution;
    };
    await withBed({ execute: meeting }, async (bed) => {
      await once(bed, 'a', [
        { id: 'one', effect: 'pure' },
        { id: 'two', effect: 'pure' },
      ]);
      const { item } = await once(bed, 'b', [PURE]);
      assert.deepEqual(ran.toSorted(), ['one', 'two']);
      assert.match(item('made')?.reused?.from.item ?? '', /^(one|two)$/);
    });
  });

  it('an attempt that fails is tried again as any other, and an item that was opened again looks again', async () => {
    let fails = true;
    const { execute, ran } = counting();
    const failing: Execute = (job, context) => (fails && job.item === 'bad' ? FAILED : execute(job, context));
    const held = new Gate();
    const slow: Execute = async (job, context) => {
      if (job.item === 'open') await held.opened;
      return failing(job, context);
    };
    await withBed({ execute: slow }, async (bed) => {
      await once(bed, 'a', [PURE]);
      const run = bed.submit('b', runOf([{ id: 'bad' }, { id: 'open' }, { ...PURE, dependsOn: ['bad'] }]));
      await bed.until(async () => ((await bed.itemRow(run, 'made'))?.state === 'skipped' ? true : null));
      fails = false;
      assert.deepEqual(await answerTo(bed, 'again', controlOf('retry', run, 'bad')), ['accepted', undefined]);
      await bed.until(async () => ((await bed.itemRow(run, 'made'))?.state === 'done' ? true : null));
      held.open();
      const { item } = await finished(bed, 'b');
      assert.equal(item('made')?.reused?.from.item, 'made');
      assert.deepEqual(ran.toSorted(), ['bad', 'made', 'open']);
    });
  });

  it('a run that stands still takes nothing over: paused, the item waits and then runs', async () => {
    await withHeld(async ({ bed, run, hold, ran }) => {
      await answerTo(bed, 'stop', controlOf('pause', run));
      hold.open();
      await bed.until(async () => ((await bed.itemRow(run, 'made'))?.state === 'ready' ? true : null));
      assert.equal((await bed.itemRow(run, 'made'))?.shelved, true);
      await answerTo(bed, 'go', controlOf('resume', run));
      const { item } = await finished(bed, 'b');
      assert.equal(item('made')?.reused, undefined);
      assert.deepEqual(ran, ['made', 'hold', 'made']);
    });
  });

  it('an item whose cancel was accepted before it was weighed takes nothing over', async () => {
    await withHeld(async ({ bed, run, hold, ran }) => {
      // The cancel as it was accepted, and not followed yet: here it would end the item at once.
      const [row] = await bed.deps.store.get([keys.item(run, 'made')]);
      assert.ok(row);
      const { version, body, ...key } = row;
      await bed.deps.store.transact([{ do: 'put', ...key, expect: version, body: { ...body, cancelAsked: true } }]);
      hold.open();
      await bed.until(async () => ((await bed.itemRow(run, 'made'))?.state === 'ready' ? true : null));
      await answerTo(bed, 'end', controlOf('cancel', run));
      const { events, states } = await finished(bed, 'b');
      assert.deepEqual(eventsOf(events, 'item.reused'), []);
      assert.equal(states.made, 'cancelled');
      assert.deepEqual(ran, ['made', 'hold']);
    });
  });

  it('what was taken over before a pause and before a stop stands before them in the record', async () => {
    const { execute } = counting();
    const gate: ItemDraft = { id: 'gate', gate: { expires: '30m' } };
    const many = Array.from(
      { length: 8 },
      (_, n): ItemDraft => ({ id: `made-${n}`, effect: 'pure', dependsOn: ['plain'] }),
    );
    await withBed({ execute }, async (bed) => {
      await once(bed, 'a', [PURE]);
      const [verbs, ids]: [Parameters<typeof controlOf>[0][], string[]] = [
        ['pause', 'cancel'],
        ['b', 'c'],
      ];
      for (const [n, verb] of verbs.entries()) {
        const run = bed.submit(ids[n] ?? '', runOf([...many, { id: 'plain' }, gate]));
        for (const { id } of many)
          await bed.until(async () => ((await bed.itemRow(run, id))?.state === 'done' ? true : null));
        assert.deepEqual(await answerTo(bed, `${verb}-${n}`, controlOf(verb, run)), ['accepted', undefined]);
        if (verb !== 'cancel') await answerTo(bed, `end-${n}`, controlOf('cancel', run));
        const { events } = await finished(bed, ids[n] ?? '');
        const places = events.map(({ type }) => type);
        assert.equal(eventsOf(events, 'item.reused').length, many.length);
        assert.ok(places.lastIndexOf('item.reused') < places.indexOf('control.accepted'));
      }
    });
  });

  it('a run without pure items writes and reads no row of results', async () => {
    const touched: string[] = [];
    const adapt = (deps: FlowBed['deps']): FlowBed['deps'] => {
      const { store } = deps;
      const watched = new Proxy(store, {
        get(target, name) {
          const found = Reflect.get(target, name) as unknown;
          if (typeof found !== 'function') return found;
          return (...args: unknown[]) => {
            if (JSON.stringify(args).includes('"reuse/') || JSON.stringify(args).includes('decide/'))
              touched.push(String(name));
            return found.apply(target, args);
          };
        },
      });
      return { ...deps, store: watched };
    };
    await withBed({ execute: counting().execute, adapt }, async (bed) => {
      await once(bed, 'a', [{ id: 'x' }, { id: 'y', dependsOn: ['x'] }]);
      assert.deepEqual(touched, []);
      await once(bed, 'b', [PURE]);
      assert.notDeepEqual(touched, []);
    });
  });
});
