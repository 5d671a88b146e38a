import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { canonicalize, digestOf } from '@waybill/verify';
import { AnsweringEngine } from '../test/answering-engine.ts';
import { repository, tempDir } from '../test/git-sample.ts';
import { bytesOf, item, runOf, SCRIPT } from '../test/run-sample.ts';
import { parseRun } from './compile.ts';
import { DirectoryTransport } from './directory-transport.ts';
import { cancelRun } from './operator.ts';
import { SpecRefused } from './spec-refused.ts';
import { prepareRun, submitRun } from './submit.ts';

interface Bench {
  root: string;
  state: string;
  transport: DirectoryTransport;
  options: { baseDir: string; workDir: string; timeoutMs: number };
}

function bench(context: TestContext): Bench {
  const root = tempDir(context);
  const state = join(root, 'state');
  const workDir = join(root, 'work');
  mkdirSync(workDir);
  const transport = new DirectoryTransport(state, { pollMs: 10 });
  return { root, state, transport, options: { baseDir: root, workDir, timeoutMs: 5_000 } };
}

const SPEC = bytesOf(
  'kind: Run\napiVersion: waybill/v1\nmetadata: { name: x }\nspec: { items: [{ id: a, pipeline: [{ block: script, run: "true" }] }] }\n',
);

test('submit: YAML travels as canonical JSON and is answered', async (context) => {
  const { state, transport, options } = bench(context);
  const engine = new AnsweringEngine(state).start(context);
  const receipt = await submitRun(transport, SPEC, options);
  assert.equal(receipt.status, 'accepted');
  assert.deepEqual(engine.receipts, [receipt]);
  assert.match(receipt.submissionId, /^[0-9a-f-]{36}$/);
  const prepared = await prepareRun(transport, SPEC, options);
  const text = canonicalize(runOf([{ id: 'a', pipeline: [SCRIPT] }], {}, { metadata: { name: 'x' } }));
  assert.equal(Buffer.from(prepared.bytes).toString('utf8'), text);
  assert.equal(receipt.submission, digestOf(text));
});

test('submit: a condition compares with a number that has a fraction', async (context) => {
  const { transport, options } = bench(context);
  const pipeline = [SCRIPT, { block: 'capture', what: 'outputs' }];
  const when = { from: 'a', output: 'v.json', at: '/share', atLeast: 79.5 };
  const { bytes } = await prepareRun(
    transport,
    bytesOf(runOf([item('a', { pipeline }), item('b', { when })])),
    options,
  );
  const read = parseRun(bytes);
  assert.deepEqual(read.ok && read.run.spec.items[1]?.when, when);
});

test('submit: the same spec under one id 20 times at once is one submission', async (context) => {
  const { state, transport, options } = bench(context);
  new AnsweringEngine(state).start(context);
  const all = Array.from({ length: 20 }, () => submitRun(transport, SPEC, { ...options, submissionId: 'once' }));
  const receipts = await Promise.all(all);
  assert.equal(new Set(receipts.map(({ run }) => run)).size, 1);
  // whoever asks when it has been answered is told that it is known
  const told = receipts.filter(({ status }) => status !== 'deduped').map(({ status }) => status);
  assert.ok(told.length > 0 && told.every((status) => status === 'accepted'), told.join());
});

test('submit: other content under a used id is a conflict, also while the first still waits', async (context) => {
  const { state, transport, options } = bench(context);
  const other = bytesOf(runOf([item('b')]));
  const first = submitRun(transport, SPEC, { ...options, submissionId: 'one' });
  const inbox = join(state, 'inbox', 'default', transport.principal, 'one.json');
  while (!existsSync(inbox)) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = submitRun(transport, other, { ...options, submissionId: 'one' });
  await new Promise((resolve) => setTimeout(resolve, 60));
  new AnsweringEngine(state).start(context);
  assert.equal((await first).status, 'accepted');
  assert.equal((await second).status, 'conflict');
});

test('submit: what has been taken before is known, as the same run, and nothing is written', async (context) => {
  const { state, transport, options } = bench(context);
  const engine = new AnsweringEngine(state);
  const first = submitRun(transport, SPEC, { ...options, submissionId: 'one' });
  const timer = setInterval(() => engine.answerAll(), 5);
  const receipt = await first;
  clearInterval(timer);
  assert.equal(receipt.status, 'accepted');
  const again = await submitRun(transport, SPEC, { ...options, submissionId: 'one' });
  assert.deepEqual(again, { ...receipt, status: 'deduped' });
  assert.deepEqual(readdirSync(join(state, 'inbox', 'default', transport.principal)), []);
});

test('submit: without an engine the wait ends and says what to do; the object stays', async (context) => {
  const { state, transport, options } = bench(context);
  const attempt = submitRun(transport, SPEC, { ...options, submissionId: 'one', timeoutMs: 1_000 });
  const fix =
    'It stays in the inbox as submission one, and the next engine carries it out: look at `waybill runs` before you do it again.';
  await assert.rejects(attempt, { code: 'TIMED_OUT', retryable: true, fix });
  assert.deepEqual(readdirSync(join(state, 'inbox', 'default', transport.principal)), ['one.json']);
  const stopped = submitRun(transport, SPEC, { ...options, submissionId: 'two', signal: AbortSignal.abort() });
  await assert.rejects(stopped, { name: 'AbortError' });
});

test('submit: no run is called what commands take for another one, and a control may be', async (context) => {
  const { state, transport, options } = bench(context);
  const refused = submitRun(transport, SPEC, { ...options, submissionId: 'latest' });
  await assert.rejects(refused, { code: 'KEY_INVALID', path: 'submissionId', fix: 'Submit it under another id.' });
  assert.equal(existsSync(state), false);
  new AnsweringEngine(state).start(context);
  assert.equal((await submitRun(transport, SPEC, { ...options, submissionId: 'latest-1' })).status, 'accepted');
  const cancelled = await cancelRun(transport, { run: 'a'.repeat(32) }, { ...options, submissionId: 'latest' });
  assert.equal(cancelled.submissionId, 'latest');
});

test('submit: a spec that is refused carries every reason and leaves no trace', async (context) => {
  const { state, transport, options } = bench(context);
  const broken = bytesOf(
    runOf([item('a', { dependsOn: ['b'], x: 1 }), item('A')], { source: { git: { url: './none' } } }),
  );
  await assert.rejects(submitRun(transport, broken, options), (error: unknown) => {
    assert.ok(error instanceof SpecRefused);
    assert.deepEqual(
      error.refusals.map(({ path }) => path),
      ['spec.items[0].x', 'spec.items[1].id', 'spec.items[0].dependsOn[0]'],
    );
    assert.equal(error.path, 'spec.items[0].x');
    return true;
  });
  const circle = bytesOf(runOf([item('a', { dependsOn: ['a'] })], { source: { git: { url: './none' } } }));
  await assert.rejects(submitRun(transport, circle, options), { code: 'SPEC_CYCLE' });
  await assert.rejects(submitRun(transport, SPEC, { ...options, submissionId: '../x' }), { code: 'KEY_INVALID' });
  assert.equal(existsSync(state), false);
});

test('submit: a git source is packed, uploaded before the submission, and named in it', async (context) => {
  const { root, state, transport, options } = bench(context);
  const head = repository(join(root, 'repo'), { a: '1' });
  const spec = bytesOf(
    runOf([item('a', { pipeline: [SCRIPT, { block: 'capture', what: 'patch' }] })], {
      source: { git: { url: 'repo' } },
    }),
  );
  new AnsweringEngine(state).start(context);
  const prepared = await prepareRun(transport, spec, options);
  const read = parseRun(prepared.bytes);
  const source = read.ok ? read.run.spec.source : undefined;
  assert.ok(source && 'bundle' in source);
  assert.equal(source.commit, head);
  assert.deepEqual(prepared.plan.source, { kind: 'git', ...source });
  const uploaded = readFileSync(join(state, 'uploads', transport.principal, source.bundle.slice(7)));
  assert.equal(digestOf(uploaded), source.bundle);
  assert.equal(uploaded.length, source.sizeBytes);
  assert.deepEqual(readdirSync(options.workDir), []);
  assert.equal((await submitRun(transport, spec, options)).submission, digestOf(prepared.bytes));
});

test('operator: a cancel is an object of its own, in the control queue', async (context) => {
  const { state, transport } = bench(context);
  const run = 'a'.repeat(32);
  const asked = cancelRun(transport, { run, item: 'b' }, { submissionId: 'stop', timeoutMs: 5_000 });
  const path = join(state, 'inbox', '@control', transport.principal, 'stop.json');
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
  const object = { apiVersion: 'waybill/v1', kind: 'Control', spec: { verb: 'cancel', run, item: 'b' } };
  assert.equal(readFileSync(path, 'utf8'), canonicalize(object));
  new AnsweringEngine(state).start(context);
  assert.equal((await asked).status, 'accepted');
});

test('index: the verbs of an operator are not reachable from it', async () => {
  const index = await import('./index.ts');
  const operator = await import('./operator.ts');
  for (const verb of Object.keys(operator)) assert.equal(verb in index, false, verb);
  assert.ok('submitRun' in index);
});
