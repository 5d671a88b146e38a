import assert from 'node:assert/strict';
import { test } from 'node:test';
import { item, parsed, runOf, SCRIPT, summary } from '../test/run-sample.ts';
import { extensionProblems, inRun, planExtension } from './compile.ts';
import { pinProblems } from './item-pins.ts';
import type { Addition } from './spec.ts';

type Taken = Addition['defaults'];

const added = (run: object, own: object | undefined, items: unknown[]): Addition => {
  const { items: written, defaults } = parsed(runOf(items, own === undefined ? {} : { defaults: own })).spec;
  return inRun({ items: written, ...(defaults && { defaults }) }, { defaults: run as Taken });
};
const around = { hasSource: false, present: new Map(), mostItems: 100, reserved: 0, edges: 0, capMicroUsd: 1_000_000 };
const large = (key: string): object =>
  Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`${key}${n}`, 'x'.repeat(4_000)]));

test('extension: what its items and the defaults of the run say is told of the item, and of defaults only where it has them', () => {
  const cases: [run: object, own: object | undefined, more: object, refused: string[]][] = [
    [
      { retry: { backoff: '5s', maxBackoff: '1s' } },
      undefined,
      {},
      ['SPEC_INVALID spec.items[1].retry.maxBackoff', 'SPEC_INVALID spec.items[2].retry.maxBackoff'],
    ],
    [{}, { retry: { backoff: '5s', maxBackoff: '1s' } }, {}, ['SPEC_INVALID spec.defaults.retry.maxBackoff']],
    [{ maxUsd: 5 }, undefined, {}, ['SPEC_INVALID spec.items[1].maxUsd']],
    [{ maxUsd: 5 }, { timeout: '1m' }, {}, ['SPEC_INVALID spec.items[1].maxUsd']],
    [{ maxUsd: 1 }, { maxUsd: 5 }, {}, ['SPEC_INVALID spec.defaults.maxUsd']],
    [{ maxUsd: 5 }, { maxUsd: 1 }, {}, []],
    [{ env: large('E') }, undefined, {}, ['SPEC_LIMIT spec.items[1].env', 'SPEC_LIMIT spec.items[2].env']],
    [{}, { env: large('E') }, {}, ['SPEC_LIMIT spec.defaults.env']],
    [
      { env: { NO_PROXY: 'x' } },
      undefined,
      { egress: ['a.example'] },
      ['SPEC_INVALID spec.items[1].env.NO_PROXY', 'SPEC_INVALID spec.items[2].env.NO_PROXY'],
    ],
    [
      { env: { NO_PROXY: 'x' } },
      { env: { NO_PROXY: 'y' } },
      { egress: ['a.example'] },
      ['SPEC_INVALID spec.defaults.env.NO_PROXY'],
    ],
  ];
  for (const [run, own, more, refused] of cases) {
    const addition = added(run, own, [{ id: 'g', gate: {} }, item('a', more), item('b', more)]);
    assert.deepEqual(summary(extensionProblems(addition, around)), refused, JSON.stringify([run, own]).slice(0, 200));
  }
});

test('extension: names of the run that nothing pins are told of the item', () => {
  const paths = (own?: object): string[] =>
    pinProblems(added({ values: ['v'] }, own, [item('a')])).map(({ path }) => path);
  assert.deepEqual([paths(), paths({ values: ['w'] })], [['spec.items[0].values'], ['spec.defaults.values']]);
});

test('extension: the item wins over its own defaults and they over the run, key by key; a gate takes nothing', () => {
  const run = {
    timeout: '1m',
    priority: 1,
    maxUsd: 0.1,
    capabilities: ['run'],
    env: { A: 'run', B: 'run', C: 'run' },
    retry: { maxAttempts: 1, backoff: '1s', maxBackoff: '9s' },
    resources: { processes: 11, inodes: 1_001, memory: '128Mi' },
  };
  const own = {
    timeout: '2m',
    capabilities: ['own'],
    env: { B: 'own', C: 'own' },
    retry: { backoff: '2s', maxBackoff: '8s' },
    resources: { inodes: 1_002, memory: '256Mi' },
  };
  const more = { priority: 3, env: { C: 'item' }, retry: { maxBackoff: '7s' }, resources: { memory: '512Mi' } };
  const { items } = planExtension(added(run, own, [item('a', more), { id: 'g', gate: {} }]));
  const [a, g] = items;
  assert.deepEqual(
    [a?.timeoutMs, a?.priority, a?.maxMicroUsd, a?.capabilities, a?.pipeline],
    [120_000, 3, 100_000, ['own'], [SCRIPT]],
  );
  assert.deepEqual(a?.env, { A: 'run', B: 'own', C: 'item' });
  assert.deepEqual(a?.retry, { maxAttempts: 1, backoffMs: 2_000, maxBackoffMs: 7_000 });
  assert.deepEqual(a?.resources, { processes: 11, inodes: 1_002, memoryBytes: 512 * 2 ** 20 });
  assert.deepEqual([g?.env, g?.maxMicroUsd, g?.capabilities], [{}, undefined, undefined]);
});
