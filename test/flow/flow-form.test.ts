/** Flows as they run: gates that are mended, loops that end by what a round has left, and failures that stop what follows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSpec } from '@waybill/client';
import type { Execution } from '#adapters/in-process/executor.ts';
import { FAILED, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';

interface Ran {
  states: Record<string, string>;
  state: string;
  /** Digests of what items were given, by item and key. */
  given: Record<string, string>;
}

const OUT = { output: 'out.json' };
const AGENTS = { work: { run: 'true', capture: ['outputs'] } };
const work = (id: string, more: object = {}): object => ({ id, agent: 'work', ...more });
const taking = (from: string): object => ({ needs: { in: { from, select: OUT } } });
const leaving = (value: unknown): Execution => ({
  ...SUCCEEDED,
  outputs: { 'out.json': new TextEncoder().encode(JSON.stringify(value)) },
});

/** Each item does what stands under its id, or leaves its id. */
async function ran(tasks: object[], acts: Record<string, Execution>): Promise<Ran> {
  const flow = { apiVersion: 'waybill/v1', kind: 'Flow', metadata: { name: 'flow' }, agents: AGENTS, tasks };
  const { run } = await readSpec(new TextEncoder().encode(JSON.stringify(flow)), '.');
  const given: Record<string, string> = {};
  let result: Ran | undefined;
  await withBed(
    {
      execute(job, { lease }) {
        for (const { key, sha256 } of lease.inputs) given[`${job.item} ${key}`] = sha256;
        return acts[job.item] ?? leaving(job.item);
      },
    },
    async (bed) => {
      bed.submit('s', run);
      const { states, status } = await finished(bed, 's');
      result = { states, state: status.state, given };
    },
  );
  return result ?? assert.fail();
}

const GATE = {
  id: 'check',
  gate: { run: 'true', max: 2, fix: [work('mend'), work('look')] },
};

const EDIT = work('edit', { when: { from: 'scan', ...OUT, equals: 'changed' } });

describe('flow: the flow form', { concurrency: true }, () => {
  it('a gate that is green at once is not mended', async () => {
    const { states, state } = await ran([GATE, work('publish')], {});
    const happened = Object.keys(states).filter((id) => states[id] === 'done');
    assert.deepEqual([happened.sort(), state], [['check', 'publish'], 'done']);
  });

  it('a mending that fails ends the gate, and nothing behind it happens', async () => {
    const { states, state } = await ran([GATE, work('publish')], { check: FAILED, mend: FAILED });
    assert.deepEqual([states.look, states['check~2'], states['check~3']], ['skipped', 'skipped', 'skipped']);
    assert.deepEqual([states.publish, state], ['skipped', 'failed']);
  });

  const review = (more: object = {}): object => ({
    loop: {
      until: { from: 'review', ...OUT, at: '/ok', equals: true },
      max: 4,
      body: [work('draft'), work('review', more)],
    },
  });

  it('a loop ends after the round that was enough, and the last draft is what is taken', async () => {
    const { states, state, given } = await ran([review(taking('draft')), work('publish', taking('draft'))], {
      review: leaving({ ok: false }),
      'review~2': leaving({ ok: true }),
      draft: leaving('first'),
      'draft~2': leaving('second'),
    });
    const happened = Object.keys(states).filter((id) => states[id] === 'done');
    assert.deepEqual(happened.sort(), ['draft', 'draft~2', 'publish', 'review', 'review~2']);
    assert.equal(state, 'done');
    assert.equal(given['publish in'], given['review~2 in']);
    assert.notEqual(given['publish in'], given['review in']);
  });

  it('a loop that never has enough ends after its last round, and the rest goes on', async () => {
    const { states, state, given } = await ran([review(taking('draft')), work('publish', taking('draft'))], {});
    assert.ok(Object.values(states).every((one) => one === 'done'));
    assert.deepEqual([Object.keys(states).length, state, given['publish in']], [9, 'done', given['review~4 in']]);
  });

  for (const failing of ['draft~2', 'review~2']) {
    it(`a failure of ${failing} ends the loop, and nothing that an earlier round left is taken for its result`, async () => {
      const { states, state } = await ran([review(), work('publish', taking('review')), work('after')], {
        [failing]: FAILED,
      });
      assert.deepEqual([states.review, states[failing], states['draft~3']], ['done', 'failed', 'skipped']);
      assert.deepEqual([states.publish, states.after, state], ['skipped', 'skipped', 'failed']);
    });
  }

  it('a round that only one task makes can end the loop, and hands on what it left', async () => {
    const loop = { loop: { until: { from: 'try', ...OUT, equals: 'good' }, max: 3, body: [work('try')] } };
    const good = await ran([loop, work('publish', taking('try'))], { 'try~2': leaving('good') });
    assert.deepEqual([good.states['try~3'], good.states.publish, good.state], ['skipped', 'done', 'done']);
    const bad = await ran([loop, work('publish', taking('try'))], { 'try~2': FAILED });
    assert.deepEqual([bad.states['try~3'], bad.states.publish, bad.state], ['skipped', 'skipped', 'failed']);
    const behind = await ran([loop, work('after')], { 'try~2': FAILED });
    assert.deepEqual([behind.states['try~3'], behind.states.after], ['skipped', 'skipped']);
  });

  it('a loop goes on while a task that may fail does fail', async () => {
    const loop = {
      loop: {
        until: { from: 'try', state: 'done' },
        max: 3,
        body: [work('try', { onError: 'continue' })],
      },
    };
    const { states, state } = await ran([loop, work('after')], { try: FAILED });
    assert.deepEqual(states, { try: 'failed', 'try~2': 'done', 'try~3': 'skipped', after: 'done' });
    assert.equal(state, 'done');
  });

  it('who asks how a task ended runs after its failure; who comes behind does not, unless it was allowed to fail', async () => {
    const rescue = work('rescue', { when: { from: 'risky', state: 'failed' } });
    const plain = await ran([work('risky'), rescue, work('after')], { risky: FAILED });
    assert.deepEqual(plain.states, { risky: 'failed', rescue: 'done', after: 'skipped' });
    const allowed = await ran([work('risky', { onError: 'continue' }), rescue, work('after')], { risky: FAILED });
    assert.deepEqual([allowed.states.after, allowed.state], ['done', 'done']);
    const fine = await ran([work('risky'), rescue, work('after')], {});
    assert.deepEqual(fine.states, { risky: 'done', rescue: 'skipped', after: 'done' });
  });

  it('a group that is left out is left out whole, loops and gates in it too', async () => {
    const inner = { loop: { until: { from: 'x', ...OUT, equals: 1 }, max: 2, body: [work('x')] } };
    const group = { when: { from: 'ask', ...OUT, equals: 'yes' }, sequential: [work('a'), inner, GATE] };
    const { states, state } = await ran([work('ask'), group, work('after')], {});
    const happened = Object.keys(states).filter((id) => states[id] !== 'skipped');
    assert.deepEqual([happened.sort(), state], [['after', 'ask'], 'done']);
  });

  it('a gate is passed where its own condition does not hold, and where it holds it has to be green', async () => {
    const tests = { id: 'tests', ...taking('edit'), when: { from: 'edit', state: 'done' }, gate: { run: 'true' } };
    const tasks = [work('scan'), EDIT, tests, work('publish')];
    const without = await ran(tasks, {});
    assert.deepEqual(without.states, { scan: 'done', edit: 'skipped', tests: 'skipped', publish: 'done' });
    const red = await ran(tasks, { scan: leaving('changed'), tests: FAILED });
    assert.deepEqual(red.states, { scan: 'done', edit: 'done', tests: 'failed', publish: 'skipped' });
    const broken = await ran(tasks, { scan: leaving('changed'), edit: FAILED });
    assert.deepEqual(broken.states, { scan: 'done', edit: 'failed', tests: 'skipped', publish: 'skipped' });
    await assert.rejects(
      ran([work('scan'), EDIT, { ...tests, when: undefined }, work('publish')], {}),
      /"tests" would be passed/,
    );
  });

  it('nothing gets past a red gate by a task that is left out before the gate is over', async () => {
    const gate = { id: 'tests', gate: { run: 'true' } };
    const tasks = [work('scan'), EDIT, gate, work('notes', taking('edit')), work('publish')];
    const red = await ran(tasks, { tests: FAILED });
    assert.deepEqual([red.states.notes, red.states.tests, red.states.publish], ['skipped', 'failed', 'skipped']);
    const green = await ran(tasks, {});
    assert.deepEqual([green.states.notes, green.states.tests, green.states.publish], ['skipped', 'done', 'done']);
  });

  it('a task for each output happens as often as there are outputs, in each round of a loop', async () => {
    const shards = (...names: string[]): Execution => ({
      ...SUCCEEDED,
      outputs: Object.fromEntries(names.map((name) => [`shards/${name}`, new TextEncoder().encode(name)])),
    });
    const map = work('map', { forEach: { from: 'split', outputs: 'shards/', max: 4 } });
    const sum = work('sum', { needs: { part: { each: 'map', select: OUT } } });
    const { states, state, given } = await ran([{ loop: { max: 2, body: [work('split'), map, sum] } }, work('after')], {
      split: shards('a', 'b'),
      'split~2': shards('c', 'd', 'e'),
    });
    assert.deepEqual(
      Object.keys(states)
        .filter((id) => id.startsWith('map'))
        .sort(),
      ['map~1', 'map~1~1', 'map~1~2', 'map~2', 'map~2~1', 'map~2~2', 'map~2~3'],
    );
    assert.deepEqual([new Set(Object.values(states)), state], [new Set(['done']), 'done']);
    const parts = Object.keys(given).filter((key) => key.startsWith('sum'));
    assert.deepEqual(parts.sort(), [
      'sum part.001',
      'sum part.002',
      'sum~2 part.001',
      'sum~2 part.002',
      'sum~2 part.003',
    ]);
  });
});
