/** From files to a run spec: what is read of a disk for a flow, and what is not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { canonicalize } from '@waybill/verify';
import { flowOf, partOf, task } from '../test/flow-sample.ts';
import { tempDir } from '../test/git-sample.ts';
import { bytesOf, item, runOf, summary } from '../test/run-sample.ts';
import { parseRun } from './compile.ts';
import { DirectoryTransport } from './directory-transport.ts';
import { FLOW_LIMITS } from './limits.ts';
import { readSchedule, readSpec } from './read-spec.ts';
import { SpecRefused } from './spec-refused.ts';
import { prepareRun } from './submit.ts';

function directoryWith(context: TestContext, files: Record<string, string>): string {
  const root = join(tempDir(context), 'flow');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

async function refused(bytes: Uint8Array, directory: string): Promise<SpecRefused> {
  const error: unknown = await readSpec(bytes, directory).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof SpecRefused, String(error));
  return error;
}

const PART = JSON.stringify(partOf({ presets: { p: { timeout: '2m' } } }));
const including = (...include: string[]): Uint8Array => bytesOf(flowOf([task('a', { preset: 'p' })], { include }));

test('read spec: a flow in YAML comes out as an ordinary run spec, and the inbox gets nothing else', async (context) => {
  const root = directoryWith(context, { 'parts/p.yaml': PART });
  const text = `apiVersion: waybill/v1
kind: Flow
metadata: { name: yaml }
include: [parts/p.yaml]
agents: { x: { run: 'true' } }
tasks:
  - { id: a, agent: x, preset: p }
`;
  const { run, items, origins } = await readSpec(bytesOf(text), root);
  assert.deepEqual(run.spec.items, [{ id: 'a', pipeline: [{ block: 'script', run: 'true' }], timeout: '2m' }]);
  assert.deepEqual([items[0]?.timeoutMs, origins], [120_000, ['tasks[0]']]);
  const { bytes } = await prepareRun(new DirectoryTransport(join(root, 'state')), bytesOf(text), { baseDir: root });
  assert.equal(Buffer.from(bytes).toString('utf8'), canonicalize(run));
  assert.equal(parseRun(bytes).ok, true);
});

test('read spec: a run spec is read as before, and comes from no flow', async () => {
  const { run, origins } = await readSpec(bytesOf(runOf([item('a')])), '/nowhere');
  assert.deepEqual([run, origins], [runOf([item('a')]), null]);
});

test('read spec: a run that nothing ends but people is warned of, in a flow too, and one with a wall clock is not', async () => {
  const warned = async (document: unknown): Promise<string[]> => {
    const { warnings } = await readSpec(bytesOf(document), '/nowhere');
    for (const { problem, fix } of warnings) assert.ok(problem.includes('for ever') && fix.includes('wallClock'));
    return warnings.map(({ path }) => path);
  };
  const endless = { openEnded: true, caps: { items: 5 } };
  assert.deepEqual(await warned(runOf([item('a')], endless)), ['spec.openEnded']);
  assert.deepEqual(await warned(flowOf([task('a')], { spec: endless })), ['spec.openEnded']);
  for (const spec of [{}, { openEnded: false }, { openEnded: true, caps: { wallClock: '1h' } }])
    assert.deepEqual(await warned(runOf([item('a')], spec)), []);
});

test('read spec: items for a run and schedules are no runs, and whoever submits one is told what takes it', async () => {
  for (const [kind, word] of [
    ['Extension', 'waybill extend'],
    ['extension', 'waybill extend'],
    ['Schedule', 'waybill schedule add'],
  ] as const) {
    const { refusals } = await refused(bytesOf({ ...runOf([item('a')]), kind }), '/nowhere');
    assert.deepEqual([summary(refusals), refusals[0]?.fix.includes(word)], [['SPEC_INVALID kind'], true]);
  }
});

test('read spec: of a flow whose directory is not there, nothing is included', async () => {
  const { refusals } = await refused(including('p.yaml'), '/nowhere/at/all');
  assert.equal(summary(refusals)[0], 'FILE_UNREADABLE include[0]');
  assert.match(refusals[0]?.problem ?? '', /^"p\.yaml": the file cannot be read/);
});

test('read spec: a slip in the kind is explained as one', async () => {
  const { refusals } = await refused(bytesOf({ ...flowOf([task('a')]), kind: 'flow' }), '/nowhere');
  assert.deepEqual([summary(refusals), refusals[0]?.fix], [['SPEC_INVALID kind'], 'Write `Flow`.']);
});

test('read spec: what cannot be read is told with its file', async (context) => {
  const root = directoryWith(context, {
    'broken.yaml': 'a: [',
    'twice.yaml': '{"a":1,"a":2}',
    'huge.yaml': ' '.repeat(FLOW_LIMITS.flowBytes),
    'folder/x.yaml': PART,
  });
  execFileSync('mkfifo', [join(root, 'pipe.yaml')]);
  const files = ['missing.yaml', 'broken.yaml', 'twice.yaml', 'huge.yaml', 'folder', 'pipe.yaml', 'folder/x.yaml'];
  const { refusals } = await refused(including(...files), root);
  assert.deepEqual(summary(refusals), [
    'FILE_UNREADABLE include[0]',
    'SPEC_SYNTAX broken.yaml: line 1, column 5',
    'SPEC_SYNTAX twice.yaml: line 1, column 8',
    'SPEC_TOO_LARGE include[3]',
    'FILE_UNREADABLE include[4]',
    'FILE_UNREADABLE include[5]',
  ]);
  for (const [n, file] of files.entries())
    for (const { path, problem } of refusals)
      if (path === `include[${n}]`) assert.ok(problem.startsWith(`"${file}": `));
});

test('read spec: a link out of the directory of the flow is not followed, one within it is', async (context) => {
  const root = directoryWith(context, { 'real/p.yaml': PART });
  writeFileSync(join(root, '..', 'secret.yaml'), PART);
  symlinkSync(join(root, '..', 'secret.yaml'), join(root, 'file.yaml'));
  symlinkSync('..', join(root, 'up'));
  symlinkSync('real', join(root, 'within'));
  assert.equal((await readSpec(including('within/p.yaml'), root)).items[0]?.timeoutMs, 120_000);
  for (const path of ['file.yaml', 'up/secret.yaml']) {
    const { refusals } = await refused(including(path), root);
    assert.equal(refusals[0]?.path, 'include[0]');
    assert.ok(refusals[0]?.problem.startsWith(`"${path}": the file is a link out of the directory`));
  }
});

test('read spec: the files of a flow are bounded in number, depth and bytes together', async (context) => {
  const third = ' '.repeat(FLOW_LIMITS.flowBytes / 3);
  const part = JSON.stringify(partOf());
  const chain = Object.fromEntries(
    Array.from({ length: FLOW_LIMITS.includeDepth + 2 }, (_, n) => [
      `c${n}.yaml`,
      JSON.stringify(partOf({ include: [`c${n + 1}.yaml`] })),
    ]),
  );
  const many = Array.from({ length: FLOW_LIMITS.includes + 1 }, (_, n) => `m${n}.yaml`);
  const root = directoryWith(context, {
    ...chain,
    ...Object.fromEntries(many.map((path) => [path, part])),
    'one.yaml': part + third,
    'two.yaml': part + third,
    'three.yaml': part + third,
    'p.yaml': PART,
  });
  const over = async (...paths: string[]): Promise<string[]> =>
    summary((await refused(including('p.yaml', ...paths), root)).refusals);
  assert.deepEqual(await over('one.yaml', 'two.yaml', 'three.yaml'), ['SPEC_TOO_LARGE include[3]']);
  assert.deepEqual(await over('c0.yaml'), [`SPEC_LIMIT c${FLOW_LIMITS.includeDepth - 1}.yaml: include[0]`]);
  assert.deepEqual(await over(...many), ['SPEC_LIMIT include', 'SPEC_LIMIT include[32]', 'SPEC_LIMIT include[33]']);
});

test('read: a value that no JSON carries hides nothing else that is wrong, in whichever document it stands', async (context) => {
  const root = directoryWith(context, {});
  const items = '[{ id: a, priority: .nan, pipeline: [{ block: script, run: x, odd: 1 }] }, { id: a, pipeline: [] }]';
  const head = (kind: string): string => `apiVersion: waybill/v1\nkind: ${kind}\nmetadata: { name: x }\n`;
  const bytesIn = (text: string): Uint8Array => new TextEncoder().encode(text);
  const run = bytesIn(`${head('Run')}spec: { items: ${items} }\n`);
  const found = summary((await refused(run, root)).refusals);
  assert.deepEqual(
    [found[0], found.filter((one) => one.includes('priority')).length, found.some((one) => one.includes('.odd'))],
    ['SPEC_INVALID spec.items[0].priority', 1, true],
  );
  assert.ok(found.some((one) => one.startsWith('SPEC_DUPLICATE_ID') || one.includes('items[1].pipeline')));
  const spec = `spec: { timeZone: Mars, cron: '0 0 * * *', run: { items: ${items} } }\n`;
  const schedule = await readSchedule(bytesIn(`${head('Schedule')}${spec}`), root).catch((error: unknown) => error);
  assert.ok(schedule instanceof SpecRefused);
  const ofSchedule = summary(schedule.refusals);
  assert.ok(ofSchedule.some((one) => one.includes('priority')) && ofSchedule.includes('SPEC_INVALID spec.timeZone'));
  const flow = bytesIn(`${head('Flow')}tasks: [{ id: a, priority: .inf, agent: gone, odd: 1 }]\n`);
  const ofFlow = summary((await refused(flow, root)).refusals);
  assert.ok(ofFlow[0] === 'SPEC_INVALID tasks[0].priority' && ofFlow.length > 1, ofFlow.join());
});
