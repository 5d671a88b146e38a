/** What a flow becomes: items, edges, rounds, and what each item runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compiled, edgesOf, flowOf, flowRefusals, itemOf, taking, task } from '../test/flow-sample.ts';
import { summary } from '../test/run-sample.ts';
import { compileFlow } from './compile-flow.ts';

test('flow: tasks happen in their order, a parallel group side by side, and what follows waits for all of it', () => {
  const run = compiled(
    flowOf([
      task('a'),
      { parallel: [task('b'), { sequential: [task('c'), task('d')] }, task('e')] },
      { sequential: [task('f')] },
    ]),
  );
  assert.deepEqual(edgesOf(run), ['a', 'b < a', 'c < a', 'd < c', 'e < a', 'f < b d e']);
});

test('flow: in a parallel group a task waits for another only where it needs it, even one that is written later', () => {
  const run = compiled(flowOf([{ parallel: [task('b', taking('a')), task('c'), task('a')] }]));
  assert.deepEqual(edgesOf(run), ['b < a', 'c', 'a']);
  assert.deepEqual(itemOf(run, 'b').needs, { file: { from: 'a', select: { output: 'out' } } });
});

test('flow: a loop becomes as many rounds as it says, each after the one before', () => {
  const run = compiled(flowOf([task('a'), { loop: { max: 3, body: [task('b'), task('c')] } }, task('d', taking('b'))]));
  assert.deepEqual(edgesOf(run), [
    'a',
    'b < a',
    'c < b',
    'b~2 < c',
    'c~2 < b~2',
    'b~3 < c~2',
    'c~3 < b~3',
    'd < b~3 c~3',
  ]);
});

test('flow: rounds of a loop in a loop are numbered by both, so that no two items share an id', () => {
  const run = compiled(flowOf([{ loop: { max: 2, body: [task('a'), { loop: { max: 2, body: [task('b')] } }] } }]));
  assert.deepEqual(edgesOf(run), ['a', 'b < a', 'b~1~2 < b', 'a~2 < b~1~2', 'b~2~1 < a~2', 'b~2~2 < b~2~1']);
});

test('flow: a need of the round before is left out in the first, and within one round means that round', () => {
  const body = [task('a', taking('b', { round: 'previous' })), task('b', taking('a'))];
  const run = compiled(flowOf([{ loop: { max: 3, body } }]));
  const taken = run.spec.items.map(({ id, needs }) => `${id} ${needs?.file?.from ?? '-'}`);
  assert.deepEqual(taken, ['a -', 'b a', 'a~2 b', 'b~2 a~2', 'a~3 b~2', 'b~3 a~3']);
});

test('flow: of a loop that both stand in the round is the same, of one that only the other stands in it is the last', () => {
  const inner = { loop: { max: 2, body: [task('b')] } };
  const run = compiled(flowOf([{ loop: { max: 2, body: [inner, task('c', taking('b'))] } }, task('d', taking('c'))]));
  assert.equal(itemOf(run, 'c').needs?.file?.from, 'b~1~2');
  assert.equal(itemOf(run, 'c~2').needs?.file?.from, 'b~2~2');
  assert.equal(itemOf(run, 'd').needs?.file?.from, 'c~2');
});

test('flow: input stands behind what the agent runs, and a shell script sees it as its arguments', () => {
  const agents = {
    shell: { run: 'echo "$1"', lens: 'verify' },
    words: { run: ['make', '-s'] },
    model: { command: ['my-agent', '--prompt'], capture: ['outputs', 'patch'] },
  };
  const tasks = [
    { id: 'a', agent: 'shell', input: ['x; rm y', 'z'] },
    { id: 'b', agent: 'shell' },
    { id: 'c', agent: 'words', input: 'test' },
    { id: 'd', agent: 'model', input: 'Tidy up.' },
    { id: 'e', gate: { run: 'true', capture: ['outputs'] } },
  ];
  const run = compiled(flowOf(tasks, { agents, spec: { source: { git: { url: '.' } } } }));
  assert.deepEqual(
    run.spec.items.map(({ pipeline }) => pipeline),
    [
      [{ block: 'script', run: ['/bin/sh', '-c', 'echo "$1"', 'shell', 'x; rm y', 'z'], lens: 'verify' }],
      [{ block: 'script', run: 'echo "$1"', lens: 'verify' }],
      [{ block: 'script', run: ['make', '-s', 'test'] }],
      [
        { block: 'agent', adapter: 'command', command: ['my-agent', '--prompt', 'Tidy up.'] },
        { block: 'capture', what: 'outputs' },
        { block: 'capture', what: 'patch' },
      ],
      [
        { block: 'script', run: 'true', lens: 'gate' },
        { block: 'capture', what: 'outputs' },
      ],
    ],
  );
});

test('flow: settings win the closer they stand to the task: agent, groups, task, each with its presets in front', () => {
  const presets = {
    one: { timeout: '1m', env: { A: 'preset one', B: 'preset one' }, retry: { maxAttempts: 4 } },
    two: { timeout: '2m', env: { B: 'preset two' } },
    slow: { timeout: '9m' },
  };
  const agents = {
    work: {
      run: 'true',
      preset: ['one', 'two'],
      env: { C: 'agent', D: 'agent' },
      locks: ['l'],
      retry: { backoff: '2s' },
    },
  };
  const group = { env: { D: 'group', E: 'group' }, locks: ['m', 'n'], sequential: [task('a', { env: { E: 'task' } })] };
  const tasks = [group, task('b'), task('c', { preset: 'slow' }), task('d', { preset: 'slow', timeout: '8m' })];
  const run = compiled(flowOf(tasks, { agents, presets }));
  const { env, locks, timeout, retry } = itemOf(run, 'a');
  assert.deepEqual(env, { A: 'preset one', B: 'preset two', C: 'agent', D: 'group', E: 'task' });
  assert.deepEqual([locks, timeout, retry], [['m', 'n'], '2m', { maxAttempts: 4, backoff: '2s' }]);
  assert.deepEqual(
    ['b', 'c', 'd'].map((id) => itemOf(run, id).timeout),
    ['2m', '9m', '8m'],
  );
});

test('flow: what a group needs, each task in it gets, unless it takes another file by that name', () => {
  const group = { ...taking('a'), parallel: [task('b'), task('c', taking('z'))] };
  const run = compiled(flowOf([task('z'), task('a'), group]));
  assert.deepEqual(
    ['b', 'c'].map((id) => itemOf(run, id).needs?.file?.from),
    ['a', 'z'],
  );
});

test('flow: the spec of a run stands in a flow as it is', () => {
  const spec = {
    queue: 'q',
    caps: { wallClock: '1h' },
    defaults: { timeout: '1m' },
    notBefore: '2027-01-31T05:00:00Z',
  };
  const run = compiled(flowOf([task('a')], { spec, metadata: { name: 'n', labels: { team: 'core' } } }));
  const { items, ...rest } = run.spec;
  assert.deepEqual([rest, items.length, run.kind], [spec, 1, 'Run']);
  assert.deepEqual(run.metadata, { name: 'n', labels: { team: 'core' } });
});

test('flow: each item leads back to its task', () => {
  const tasks = [task('a'), { parallel: [{ loop: { max: 2, body: [task('b')] } }] }];
  const result = compileFlow(flowOf(tasks), new Map());
  const path = 'tasks[1].parallel[0].loop.body[0]';
  assert.deepEqual(result.ok && result.origins, ['tasks[0]', path, path]);
});

test('flow: what only the run spec is held to is told with the path of the task, once for all rounds', () => {
  const env = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`K${n}`, 'x']));
  const own = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`L${n}`, 'x']));
  const tasks = [{ loop: { max: 5, body: [task('a', { env: own }), task('b', { locks: ['l', 'l'] })] } }];
  assert.deepEqual(summary(flowRefusals(flowOf(tasks, { spec: { defaults: { env } } }))), [
    'SPEC_LIMIT tasks[0].loop.body[0].env',
    'SPEC_INVALID tasks[0].loop.body[1].locks[1]',
  ]);
});

test('flow: tasks side by side that need each other are a circle, named at one of the needs', () => {
  const tasks = [{ parallel: [task('z'), { ...taking('a'), sequential: [task('b')] }, task('a', taking('b'))] }];
  const refusals = flowRefusals(flowOf(tasks));
  assert.deepEqual(summary(refusals), ['SPEC_CYCLE tasks[0].parallel[1].needs.file.from']);
  assert.match(refusals[0]?.problem ?? '', /"b" waits for "a"/);
});

test('flow: too many items are refused at the innermost task that makes them, before they are made', () => {
  const loop = (max: number, ...body: object[]): object => ({ loop: { max, body } });
  const over = (tasks: object[]): string[] => summary(flowRefusals(flowOf(tasks)));
  const nested = loop(20, loop(20, loop(20, loop(20, task('a')))));
  assert.deepEqual(over([nested]), ['SPEC_LIMIT tasks[0].loop.max']);
  const wide = (count: number, name: string): object => ({
    parallel: Array.from({ length: count }, (_, n) => task(`${name}${n}`)),
  });
  assert.deepEqual(over([task('x'), { sequential: [loop(3, wide(4_000, 'a'))] }]), [
    'SPEC_LIMIT tasks[1].sequential[0].loop.max',
  ]);
  assert.deepEqual(over([loop(1, wide(6_000, 'a')), wide(4_001, 'b')]), ['SPEC_LIMIT tasks']);
});

test('flow: too many edges are refused at the task that makes one too many', () => {
  const wide = (name: string): object => ({ parallel: Array.from({ length: 450 }, (_, n) => task(`${name}${n}`)) });
  const [refusal, ...more] = flowRefusals(flowOf([wide('a'), wide('b')]));
  assert.deepEqual([refusal?.code, refusal?.path, more], ['SPEC_LIMIT', 'tasks[1].parallel[444]', []]);
  assert.deepEqual(flowRefusals(flowOf([wide('a'), task('join'), wide('b')])), []);
});

test('flow: one that becomes more than can be submitted is refused', () => {
  const agents = { work: { run: `: ${'x'.repeat(60_000)}` } };
  const tasks = [{ loop: { max: 20, body: Array.from({ length: 5 }, (_, n) => task(`a${n}`)) } }];
  assert.deepEqual(summary(flowRefusals(flowOf(tasks, { agents }))), ['SPEC_TOO_LARGE tasks']);
});

test('flow: a list that is too short is told how many it has, and an empty one that it is empty', () => {
  for (const [oneOf, said] of [[['a'], 'it has 1'] as const, [[], 'it is empty'] as const]) {
    const needs = { file: { oneOf, select: { output: 'out' } } };
    const [refusal] = flowRefusals(flowOf([task('a'), task('b', { needs })]));
    assert.deepEqual([refusal?.path, refusal?.problem], ['tasks[1].needs.file.oneOf', said]);
  }
});
