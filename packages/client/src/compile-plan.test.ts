import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { canonicalize, digestOf } from '@waybill/verify';
import fc from 'fast-check';
import { bytesOf, DIGEST, item, PACKED, parsed, refusalsFor, runOf, SCRIPT, summary } from '../test/run-sample.ts';
import { compile, compileItems, type Plan, parseRun, planEdges, planEntries } from './compile.ts';

function planOf(document: unknown): Plan {
  const compiled = compile(parsed(document));
  if (!compiled.ok) assert.fail(JSON.stringify(compiled.refusals));
  return compiled.plan;
}

const both = (code: string, key: string): string[] => [0, 1].map((n) => `${code} spec.items[${n}].${key}`);

const renamed = (env: object): object =>
  Object.fromEntries(Object.entries(env).map(([key, value]) => [`F${key}`, value]));

test('compile: the shortest spec gets every default', () => {
  assert.deepEqual(planOf(runOf([item('a')])), {
    name: 'sample',
    labels: {},
    queue: 'default',
    source: { kind: 'none' },
    items: [
      {
        id: 'a',
        deps: [],
        needs: [],
        locks: [],
        pipeline: [SCRIPT],
        env: {},
        priority: 50,
        timeoutMs: 900_000,
        retry: { maxAttempts: 1, backoffMs: 1_000, maxBackoffMs: 60_000 },
      },
    ],
    itemDigests: ['sha256:c876b11b7b4604aca6404ca16684dcdfdd3d39d4015a5acc01576574b07e41bd'],
    digest: 'sha256:c642d204e82b250fde28471377d91beb02b3f46a29c250589f7668387b730c87',
  });
});

test('compile: what an item says wins over the defaults, key by key', () => {
  const defaults = {
    timeout: '1m',
    priority: 7,
    env: { A: 'default', B: 'default' },
    retry: { maxAttempts: 3, backoff: '2m' },
  };
  const late = planOf(runOf([item('a', { notBefore: '2027-01-01T01:00:00+01:00' }), item('b')])).items;
  assert.deepEqual(
    late.map(({ notBeforeMs }) => notBeforeMs),
    [Date.parse('2027-01-01T00:00:00Z'), undefined],
  );
  const own = { timeout: '2m', priority: 0, env: { B: 'own' }, retry: { maxAttempts: 2 }, deadline: '1h' };
  const [a, b] = planOf(runOf([item('a'), item('b', own)], { defaults })).items;
  assert.deepEqual([a?.timeoutMs, a?.priority, a?.env], [60_000, 7, { A: 'default', B: 'default' }]);
  assert.deepEqual(a?.retry, { maxAttempts: 3, backoffMs: 120_000, maxBackoffMs: 120_000 });
  assert.deepEqual([b?.timeoutMs, b?.priority, b?.env], [120_000, 0, { A: 'default', B: 'own' }]);
  assert.deepEqual(b?.retry, { maxAttempts: 2, backoffMs: 120_000, maxBackoffMs: 120_000 });
  assert.equal(b?.deadlineMs, 3_600_000);
});

test('compile: what is wrong with the defaults is told there and once, however many items take it', () => {
  const large = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`E${n}`, 'x'.repeat(4_000)]));
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`E${n}`, 'x']));
  const cases: [defaults: object, more: object, refused: string[]][] = [
    [{ retry: { backoff: '5s', maxBackoff: '1s' } }, {}, ['SPEC_INVALID spec.defaults.retry.maxBackoff']],
    [{ env: large }, {}, ['SPEC_LIMIT spec.defaults.env']],
    [{ env: large }, { env: { C: 'x' } }, ['SPEC_LIMIT spec.defaults.env']],
    [{ values: ['v', 'v'] }, {}, ['SPEC_INVALID spec.defaults.values[1]']],
    [{ capabilities: ['c', 'c'] }, { capabilities: ['c'] }, []],
    [{ env: { NO_PROXY: 'x' } }, { egress: ['a.example'] }, ['SPEC_INVALID spec.defaults.env.NO_PROXY']],
    [{ retry: { backoff: '5s' } }, { retry: { maxBackoff: '1s' } }, both('SPEC_INVALID', 'retry.maxBackoff')],
    [{ retry: { maxBackoff: '1s' } }, { retry: { backoff: '5s' } }, both('SPEC_INVALID', 'retry.maxBackoff')],
    [{ env: many }, { env: renamed(many) }, both('SPEC_LIMIT', 'env')],
  ];
  for (const [defaults, more, refused] of cases) {
    const items = [item('a', more), item('b', more), { id: 'c', gate: {} }];
    const run = runOf(items, { defaults });
    assert.deepEqual(summary(refusalsFor(run)), refused, JSON.stringify(run).slice(0, 200));
    const broken = runOf([...items, { id: 'd', gate: {}, dependson: [] }], { defaults });
    assert.deepEqual(summary(refusalsFor(broken)), ['SPEC_UNKNOWN_KEY spec.items[3].dependson', ...refused]);
  }
  const gates = runOf([{ id: 'c', gate: {} }], { defaults: { env: large, values: ['v', 'v'] } });
  assert.deepEqual(refusalsFor(gates), []);
});

test('compile: names of the defaults that nothing pins are told there and once', () => {
  const compiled = compile(parsed(runOf([item('a'), item('b')], { defaults: { values: ['v', 'w'] } })));
  assert.deepEqual(compiled.ok ? [] : compiled.refusals.map(({ path, problem }) => `${path}: ${problem}`), [
    'spec.defaults.values: nothing says which values "v" is',
    'spec.defaults.values: nothing says which values "w" is',
  ]);
});

test('compile: an environment is that of the item or of the defaults, and the default one is left out', () => {
  const items = [item('a'), item('b', { environment: 'gpu' }), item('c', { environment: 'default' })];
  const planned = (spec: object): unknown => planOf(runOf(items, spec)).items.map(({ environment }) => environment);
  assert.deepEqual(planned({}), [undefined, 'gpu', undefined]);
  assert.deepEqual(planned({ defaults: { environment: 'python' } }), ['python', 'gpu', undefined]);
  const [plain, named] = [planOf(runOf([item('a')])), planOf(runOf([item('a', { environment: 'default' })]))];
  assert.equal(plain.digest, named.digest);
});

test('compile: needs become dependencies, and everything is sorted', () => {
  const up = (id: string): object => item(id, { pipeline: [SCRIPT, { block: 'capture', what: 'outputs' }] });
  const select = { output: 'o' };
  const last = item('last', {
    dependsOn: ['c', 'a', 'c'],
    needs: { z: { from: 'b', select }, y: { from: 'a', select } },
    locks: ['z', { name: 'y', mode: 'shared' }],
  });
  const plan = planOf(runOf([up('a'), up('b'), up('c'), last]));
  assert.deepEqual(plan.items[3]?.deps, ['a', 'b', 'c']);
  assert.deepEqual(plan.items[3]?.needs, [
    { key: 'y', from: ['a'], select },
    { key: 'z', from: ['b'], select },
  ]);
  assert.deepEqual(plan.items[3]?.locks, [
    { name: 'y', mode: 'shared' },
    { name: 'z', mode: 'exclusive' },
  ]);
  assert.equal(planEdges(plan), 3);
});

test('compile: durations of blocks become milliseconds, captures stay as they are', () => {
  const pipeline = [
    { block: 'script', run: ['x'], lens: 'verify', timeout: '30s' },
    { block: 'agent', adapter: 'command', command: ['y'], timeout: '2m' },
    { block: 'capture', what: 'patch' },
  ];
  const plan = planOf(runOf([item('a', { pipeline })], { source: PACKED, caps: { wallClock: '2h' } }));
  assert.deepEqual(plan.items[0]?.pipeline, [
    { block: 'script', run: ['x'], lens: 'verify', timeoutMs: 30_000 },
    { block: 'agent', adapter: 'command', command: ['y'], timeoutMs: 120_000 },
    { block: 'capture', what: 'patch' },
  ]);
  assert.deepEqual(plan.source, { kind: 'git', bundle: DIGEST, commit: 'b'.repeat(40), sizeBytes: 1 });
  assert.equal(plan.wallClockMs, 7_200_000);
});

test('compile: a patch may be captured before scripts that judge it', () => {
  const judge = { ...SCRIPT, lens: 'verify' } as const;
  const pipeline = [SCRIPT, { block: 'capture', what: 'patch' }, judge, { block: 'capture', what: 'outputs' }];
  const plan = planOf(runOf([item('a', { pipeline })], { source: PACKED }));
  assert.deepEqual(plan.items[0]?.pipeline, pipeline);
});

test('compile: a source that is not packed has items but no plan', () => {
  const run = parsed(runOf([item('a')], { source: { git: { url: '.' } } }));
  assert.equal(compileItems(run).ok, true);
  const compiled = compile(run);
  assert.deepEqual(compiled.ok ? [] : summary(compiled.refusals), ['SOURCE_UNRESOLVED spec.source.git']);
});

test('compile: the digest covers what is sealed, and moves with every change of an item', () => {
  const plan = planOf(runOf([item('a'), item('b', { dependsOn: ['a'] })]));
  assert.deepEqual(
    plan.itemDigests,
    plan.items.map((one) => digestOf(canonicalize(one))),
  );
  const hash = createHash('sha256');
  for (const entry of planEntries(plan)) hash.update(`${canonicalize(entry)}\n`);
  assert.equal(plan.digest, `sha256:${hash.digest('hex')}`);
  assert.notEqual(plan.digest, planOf(runOf([item('a', { priority: 1 }), item('b', { dependsOn: ['a'] })])).digest);
  assert.notEqual(plan.digest, planOf(runOf([item('a'), item('b')])).digest);
});

test('compile: entries of an item with many dependencies continue each other, with needs and locks in the first', () => {
  const ids = Array.from({ length: 1_200 }, (_, n) => `i${String(n).padStart(4, '0')}`);
  const first = item('i0000', { pipeline: [SCRIPT, { block: 'capture', what: 'outputs' }] });
  const last = item('last', {
    dependsOn: ids,
    needs: { k: { from: 'i0000', select: { output: 'o' } } },
    locks: ['z', 'y'],
    retry: { maxAttempts: 3 },
  });
  const plan = planOf(runOf([first, ...ids.slice(1).map((id) => item(id)), last]));
  const locksInOrder = ['y', 'z'].map((name) => ({ name, mode: 'exclusive' }));
  const entries = planEntries(plan).slice(1_200);
  assert.deepEqual(
    entries.map(({ deps, needs, locks, maxAttempts, more }) => [deps.length, needs.length, locks, maxAttempts, more]),
    [
      [500, 1, locksInOrder, 3, true],
      [500, 0, [], 3, true],
      [200, 0, [], 3, undefined],
    ],
  );
  assert.deepEqual(
    entries.flatMap(({ deps }) => deps),
    ids,
  );
});

test('compile: a cycle is named by its members, each waiting for the next', () => {
  const items = [
    item('out', { dependsOn: ['b'] }),
    ...['a', 'b', 'c'].map((id, n) => item(id, { dependsOn: ['bca'.charAt(n)] })),
  ];
  const [refusal, ...others] = refusalsFor(runOf(items));
  assert.deepEqual(others, []);
  assert.equal(refusal?.code, 'SPEC_CYCLE');
  assert.equal(refusal?.problem, 'the items wait for each other in a circle: b -> c -> a -> b');
  assert.equal(refusal?.path, 'spec.items[2]');
});

test('compile: two separate cycles are both named', () => {
  const pair = (x: string, y: string): object[] => [item(x, { dependsOn: [y] }), item(y, { dependsOn: [x] })];
  assert.deepEqual(summary(refusalsFor(runOf([...pair('a', 'b'), ...pair('c', 'd')]))), [
    'SPEC_CYCLE spec.items[0]',
    'SPEC_CYCLE spec.items[2]',
  ]);
});

test('compile: of very many cycles twenty are named', () => {
  const pairs = Array.from({ length: 30 }, (_, n) => [
    item(`a${n}`, { dependsOn: [`b${n}`] }),
    item(`b${n}`, { dependsOn: [`a${n}`] }),
  ]);
  assert.equal(refusalsFor(runOf(pairs.flat())).length, 20);
});

const chainOf = (length: number, first: object): unknown =>
  runOf([
    item('i0', first),
    ...Array.from({ length: length - 1 }, (_, n) => item(`i${n + 1}`, { dependsOn: [`i${n}`] })),
  ]);

test('compile: a chain of 10,000 items compiles', () => {
  assert.equal(planEdges(planOf(chainOf(10_000, {}))), 9_999);
});

test('compile: a cycle of 10,000 items is named by some of them', () => {
  const [refusal] = refusalsFor(chainOf(10_000, { dependsOn: ['i9999'] }));
  assert.equal(refusal?.code, 'SPEC_CYCLE');
  assert.match(
    refusal?.problem ?? '',
    /circle: i0 -> i9999 -> i9998 -> i9997 -> i9996 -> \(9990 more\) -> i5 .* -> i1 -> i0$/,
  );
  assert.ok((refusal?.problem.length ?? 0) < 300);
});

test('compile: 10,000 items parse and compile in well under a second, and in linear time', () => {
  const measure = (count: number): number => {
    const items = Array.from({ length: count }, (_, n) =>
      item(`i${n}`, { dependsOn: n < 10 ? [] : [1, 3, 5, 7, 9].map((k) => `i${n - k}`), locks: [`l${n % 7}`] }),
    );
    const bytes = bytesOf(runOf(items));
    const before = process.cpuUsage();
    const read = parseRun(bytes);
    assert.ok(read.ok && compile(read.run).ok);
    // Time of the processor, not of the clock: other tests run on the same machine.
    return process.cpuUsage(before).user / 1_000;
  };
  measure(1_000);
  const best = (count: number): number => Math.min(measure(count), measure(count), measure(count));
  const [small, large] = [best(2_000), best(10_000)];
  assert.ok(large < 1_000, `${large} ms`);
  assert.ok(large < 5 * small * 3, `${small} ms for 2,000, ${large} ms for 10,000`);
});

const graph = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.record({
    count: fc.constant(count),
    edges: fc.array(fc.tuple(fc.nat({ max: count - 1 }), fc.nat({ max: count - 1 })), { maxLength: 24 }),
  }),
);

test('compile: a graph compiles exactly when its items can be put in an order, and its edges are those that were written', () => {
  fc.assert(
    fc.property(graph, ({ count, edges }) => {
      const deps = Array.from({ length: count }, (_, n) =>
        edges.filter(([from]) => from === n).map(([, to]) => `i${to}`),
      );
      const document = runOf(deps.map((dependsOn, n) => item(`i${n}`, { dependsOn })));
      const compiled = compile(parsed(document));
      assert.equal(compiled.ok, hasOrder(deps));
      if (!compiled.ok) {
        assert.ok(compiled.refusals.every(({ code }) => code === 'SPEC_CYCLE'));
        return;
      }
      assert.deepEqual(
        compiled.plan.items.map((one) => one.deps),
        deps.map((list) => [...new Set(list)].sort()),
      );
    }),
    { numRuns: 300 },
  );
});

/** The slow, plain way: take what is free until nothing is. */
function hasOrder(deps: readonly string[][]): boolean {
  const done = new Set<string>();
  for (let round = 0; round < deps.length; round++) {
    for (const [n, list] of deps.entries()) if (list.every((dep) => done.has(dep))) done.add(`i${n}`);
  }
  return done.size === deps.length;
}
