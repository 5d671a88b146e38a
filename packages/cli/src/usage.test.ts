/** What is typed wrong, or points somewhere else than was meant: said, and never taken for something else. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AnsweringEngine } from '../../client/test/answering-engine.ts';
import { DONE, FAILED, RUNNING, runOf } from '../test/run-sample.ts';
import { call, scratch } from '../test/scratch.ts';
import { pretendEngine, stateWith } from '../test/state.ts';
import { COMMON_OPTIONS, VERBS } from './verbs.ts';

const SPEC =
  'apiVersion: waybill/v1\nkind: Run\nmetadata: { name: x }\nspec: { items: [{ id: a, pipeline: [{ block: script, run: "true" }] }] }\n';

test('usage: --plain and --json hold for what could not be understood too, and the fix names the help of the verb', async () => {
  for (const wrong of [['runs', '--bogus'], ['bogus'], ['audit', 'verify'], ['runs', '--dir', '']]) {
    const verb =
      wrong[0] === 'bogus' ? 'waybill' : `waybill ${wrong.filter((word) => /^[a-z]+$/.test(word)).join(' ')}`;
    const plain = await call([...wrong, '--plain']);
    assert.deepEqual([plain.exit, plain.out], [4, '']);
    assert.match(plain.err, /^error USAGE at arguments: [^\n]+\n {2}fix: /);
    assert.ok(plain.err.includes(`\`${verb} --help\``), plain.err);
    assert.equal(JSON.parse((await call([...wrong, '--json'])).err).error.code, 'USAGE');
  }
});

test('usage: an empty value or argument is refused, whatever it is for', async () => {
  for (const { name, options } of VERBS) {
    for (const { flags } of [...options, ...COMMON_OPTIONS]) {
      const option = /--[a-z-]+(?= <)/.exec(flags)?.[0];
      if (option === undefined) continue;
      const { exit, err } = await call([...name.split(' '), 'x', 'y', option, '']);
      assert.equal(exit, 4, `${name} ${option}`);
      assert.match(err, /is empty/i, `${name} ${option}`);
    }
  }
  assert.match((await call(['init', ''])).err, /one of them is empty/);
  assert.match((await call(['status', ''])).err, /one of them is empty/);
});

test('usage: the help of a verb that there is none of is not taken for its own', async () => {
  for (const asked of [['control'], ['audit', 'control']]) {
    const { exit, out, err } = await call([...asked, '--help']);
    assert.deepEqual([exit, out.startsWith('Usage: waybill')], [0, true]);
    assert.equal(err, `waybill: there is no verb ${asked.join(' ')}; this is the help of what there is.\n`);
  }
  for (const asked of [[], ['cancel'], ['audit'], ['audit', 'log'], ['--target', 'aws', 'runs']]) {
    assert.equal((await call([...asked, '--help'])).err, '', asked.join(' '));
  }
});

test('usage: what writes a file says where by one option in all verbs', () => {
  const writing = VERBS.flatMap(({ options }) => options).filter(({ summary }) => /^(where to|write )/.test(summary));
  assert.ok(writing.length > 5);
  const named = new Set(writing.map(({ flags }) => flags.replace(/ <.*/, '')));
  named.delete('--save-keys');
  named.delete('--save-proof');
  assert.deepEqual([...named], ['-o, --output']);
});

test('usage: options for an engine are said to change nothing where one runs already', async (t) => {
  const dir = stateWith(t, runOf([DONE]));
  const spec = join(scratch(t), 'waybill.yaml');
  writeFileSync(spec, SPEC);
  pretendEngine(dir);
  new AnsweringEngine(dir).start(t);
  const given = ['submit', spec, '--dir', dir, '--concurrency', '3', '--no-sandbox'];
  const [engine] = (await call(given)).out.split('\n').map((line) => JSON.parse(line || '{}'));
  assert.deepEqual([engine.started, engine.ignored], [false, ['--concurrency', '--no-sandbox']]);
  assert.match(
    (await call([...given, '--plain'])).out,
    /WARNING {2}--concurrency, --no-sandbox changes nothing: an engine/,
  );
  assert.doesNotMatch((await call(['submit', spec, '--dir', dir, '--plain'])).out, /changes nothing/);
});

test('usage: the same submission again is told to be known, with the same run', async (t) => {
  const dir = stateWith(t, runOf([DONE]));
  const spec = join(scratch(t), 'waybill.yaml');
  writeFileSync(spec, SPEC);
  pretendEngine(dir);
  new AnsweringEngine(dir).start(t);
  const submit = ['submit', spec, '--dir', dir, '--plain', '--id', 'nightly'];
  const [first, again] = [await call(submit), await call(submit)];
  const run = /run ([0-9a-f]{32})/.exec(first.out)?.[1];
  assert.match(first.out, /^WARNING[\s\S]*\naccepted run/);
  assert.match(again.out, new RegExp(`\ndeduped  run ${run} from submission nightly\nknown +the same was submitted`));
  assert.doesNotMatch(first.out, /known/);
});

test('usage: options that every verb takes may stand before it, once', async (t) => {
  const dir = stateWith(t, runOf([DONE]));
  const before = await call(['--dir', dir, '--plain', 'status', 'latest']);
  assert.match(before.out, /^nightly 0123456789ab/);
  assert.equal(JSON.parse((await call(['--json', 'status', 'latest', '--dir', dir])).out).name, 'nightly');
  assert.match((await call(['--dir', dir, 'runs', '--dir', dir])).err, /before the verb and after it/);
  assert.equal(JSON.parse((await call(['--plain', 'runs', '--json', '--dir', dir])).out).name, 'nightly');
});

test('usage: the version is printed', async () => {
  assert.match((await call(['--version'])).out, /^\d+\.\d+\.\d+\n$/);
});

test('usage: what is wrong with the source shows where the spec names it', async (t) => {
  const dir = stateWith(t, runOf([DONE]));
  const spec = join(scratch(t), 'waybill.yaml');
  writeFileSync(spec, SPEC.replace('spec: {', 'spec:\n { source: { git: { url: ./absent } },'));
  pretendEngine(dir);
  const { exit, err } = await call(['submit', spec, '--dir', dir]);
  const { code, path, file, line, column } = JSON.parse(err).error;
  assert.deepEqual([exit, code, path], [2, 'SOURCE_UNRESOLVED', 'spec.source.git.url']);
  assert.deepEqual([file, line, column], [spec, 5, 21]);
});

test('usage: the log of an attempt that has none is not there, whether it runs or has ended', async (t) => {
  const dir = stateWith(t, runOf([RUNNING, FAILED]));
  for (const [item, why] of [
    ['edit-b', /has not ended/],
    ['lint', /left no log/],
  ] as const) {
    const { exit, err } = await call(['logs', 'latest', item, '--dir', dir]);
    assert.deepEqual([exit, JSON.parse(err).error.code], [4, 'OBJECT_MISSING']);
    assert.match(err, why);
  }
});
