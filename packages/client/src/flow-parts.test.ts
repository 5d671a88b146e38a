/** Included files: what they add, what wins, and how far they may go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compiled, filesOf, flowOf, flowRefusals, itemOf, partOf, task } from '../test/flow-sample.ts';
import { summary } from '../test/run-sample.ts';
import { compileFlow } from './compile-flow.ts';
import { FLOW_LIMITS } from './limits.ts';

const envOf = (document: object, files: Record<string, unknown>): object | undefined =>
  itemOf(compiled(document, files), 'a').env;

const presets = (env: object): object => ({ presets: { p: { env } } });

test('include: presets are merged by key; later files win, and the file that includes wins over all', () => {
  const flow = flowOf([task('a', { preset: 'p' })], { include: ['one.yaml', 'two.yaml'], ...presets({ C: 'flow' }) });
  const files = {
    'one.yaml': partOf(presets({ A: 'one', B: 'one', C: 'one' })),
    'two.yaml': partOf(presets({ B: 'two', C: 'two' })),
  };
  assert.deepEqual(envOf(flow, files), { A: 'one', B: 'two', C: 'flow' });
  const turned = { ...flow, include: ['two.yaml', 'one.yaml'] };
  assert.deepEqual(envOf(turned, files), { A: 'one', B: 'one', C: 'flow' });
});

test('include: an agent of an included file is completed where it is included; lists are replaced whole', () => {
  const flow = flowOf([task('a', { agent: 'x' })], {
    include: ['lib/agents.yaml'],
    agents: { x: { lens: 'gate', locks: ['mine'] } },
  });
  const part = partOf({ agents: { x: { run: 'true', timeout: '1m', locks: ['theirs', 'more'] } } });
  const { pipeline, timeout, locks } = itemOf(compiled(flow, { 'lib/agents.yaml': part }), 'a');
  assert.deepEqual(pipeline, [{ block: 'script', run: 'true', lens: 'gate' }]);
  assert.deepEqual([timeout, locks], ['1m', ['mine']]);
});

test('include: paths are relative to the file that names them, and may go up as far as the flow', () => {
  const flow = flowOf([task('a', { preset: 'p' })], { include: ['./lib/deep/one.yaml'] });
  const files = {
    'lib/deep/one.yaml': partOf({ include: ['../two.yaml', '../../three.yaml'] }),
    'lib/two.yaml': partOf(presets({ A: 'two' })),
    'three.yaml': partOf(presets({ B: 'three' })),
  };
  assert.deepEqual(envOf(flow, files), { A: 'two', B: 'three' });
});

test('include: a file that is included twice counts where it stands last', () => {
  const flow = flowOf([task('a', { preset: 'p' })], { include: ['one.yaml', 'two.yaml', 'one.yaml'] });
  const files = { 'one.yaml': partOf(presets({ A: 'one' })), 'two.yaml': partOf(presets({ A: 'two' })) };
  assert.deepEqual(envOf(flow, files), { A: 'one' });
});

test('include: what is wrong in an included file is told once, with the file, beside everything else', () => {
  const flow = flowOf([task('a', { preset: 'q' })], { include: ['x.yaml', 'x.yaml'] });
  const files = {
    'x.yaml': partOf({
      include: ['y.yaml'],
      presets: { p: { timeout: '5' } },
      agents: { n: { run: 'true', preset: 'nope' }, b: { run: 'true', command: ['x'] }, c: {} },
    }),
    'y.yaml': partOf({ tasks: [] }),
  };
  assert.deepEqual(summary(flowRefusals(flow, files)).sort(), [
    'SPEC_INVALID x.yaml: agents.b',
    'SPEC_INVALID x.yaml: agents.c',
    'SPEC_INVALID x.yaml: presets.p.timeout',
    'SPEC_UNKNOWN_KEY y.yaml: tasks',
    'SPEC_UNKNOWN_REFERENCE tasks[0].preset',
    'SPEC_UNKNOWN_REFERENCE x.yaml: agents.n.preset',
  ]);
});

test('include: files that include each other are refused where the circle closes', () => {
  const flow = flowOf([task('a')], { include: ['x.yaml'] });
  const files = { 'x.yaml': partOf({ include: ['y.yaml'] }), 'y.yaml': partOf({ include: ['x.yaml'] }) };
  const [refusal, ...more] = flowRefusals(flow, files);
  assert.deepEqual([refusal?.code, refusal?.path, more], ['SPEC_CYCLE', 'y.yaml: include[0]', []]);
  assert.match(refusal?.problem ?? '', /x\.yaml -> y\.yaml -> x\.yaml/);
});

test('include: files in a row and files in all are bounded, each counted as often as it is included', () => {
  const chain = (length: number): Record<string, unknown> =>
    Object.fromEntries(
      Array.from({ length }, (_, n) => [`f${n}.yaml`, partOf(n + 1 < length ? { include: [`f${n + 1}.yaml`] } : {})]),
    );
  const deep = flowOf([task('a')], { include: ['f0.yaml'] });
  assert.deepEqual(flowRefusals(deep, chain(FLOW_LIMITS.includeDepth)), []);
  assert.deepEqual(summary(flowRefusals(deep, chain(FLOW_LIMITS.includeDepth + 1))), [
    `SPEC_LIMIT f${FLOW_LIMITS.includeDepth - 1}.yaml: include[0]`,
  ]);
  const half = FLOW_LIMITS.includes / 2;
  const pair = { 'p.yaml': partOf({ include: ['q.yaml'] }), 'q.yaml': partOf() };
  const wide = (count: number): object =>
    flowOf([task('a')], { include: Array.from({ length: count }, () => 'p.yaml') });
  assert.deepEqual(flowRefusals(wide(half), pair), []);
  assert.deepEqual(summary(flowRefusals(wide(half + 1), pair)), [`SPEC_LIMIT include[${half}]`]);
});

const ASTRAY: readonly (readonly [path: string, problem: RegExp])[] = [
  ['../x.yaml', /above the directory/],
  ['a/../../x.yaml', /above the directory/],
  ['/etc/passwd', /not relative/],
  ['https://example.com/x.yaml', /not relative/],
  ['C:x.yaml', /not relative/],
  ['a\\b.yaml', /backslash/],
  ['a//b.yaml', /empty part/],
  ['a/', /empty part/],
  ['', /./],
  ['.', /names no file/],
  ['a\u0000b', /./],
];

for (const [path, problem] of ASTRAY) {
  test(`include: ${JSON.stringify(path)} leads astray and is refused, whatever is there`, () => {
    const files = filesOf({ [path]: partOf(), 'x.yaml': partOf(), '../x.yaml': partOf() });
    const result = compileFlow(flowOf([task('a')], { include: [path] }), files);
    const [refusal] = result.ok ? [] : result.refusals;
    assert.deepEqual([refusal?.code, refusal?.path], ['SPEC_INVALID', 'include[0]']);
    assert.match(refusal?.problem ?? '', problem);
  });
}
