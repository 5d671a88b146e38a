/** What is typed wrong, or points somewhere else than was meant: said, and never taken for something else. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AnsweringEngine } from '../../client/test/answering-engine.ts';
import { DONE, runOf } from '../test/run-sample.ts';
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

test('usage: a named directory that is none of an engine is said to be so, and what is not named may be new', async (t) => {
  const root = scratch(t);
  const other = join(root, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'thesis.txt'), '');
  writeFileSync(join(root, 'file'), '');
  mkdirSync(join(root, 'empty'));
  for (const dir of ['absent', 'empty', 'other', 'file']) {
    for (const verb of [['runs'], ['status', 'latest'], ['cancel', 'latest']]) {
      for (const env of [{}, { WAYBILL_HOME: join(root, dir) }]) {
        const named = 'WAYBILL_HOME' in env ? [] : ['--dir', join(root, dir)];
        const { exit, err } = await call([...verb, ...named], env);
        const { code, path } = JSON.parse(err).error;
        assert.deepEqual([exit, code, path], [4, 'FILE_UNREADABLE', join(root, dir)], verb.join(' '));
      }
    }
  }
  const here = process.cwd();
  t.after(() => process.chdir(here));
  process.chdir(join(root, 'empty'));
  for (const env of [{}, { WAYBILL_HOME: '' }]) {
    const { exit, out } = await call(['runs', '--plain'], env);
    assert.deepEqual([exit, out], [0, `0 runs in ${join(process.cwd(), '.waybill')}\n`]);
  }
});

test('usage: no engine begins to work among the files of others', async (t) => {
  const root = scratch(t);
  writeFileSync(join(root, 'waybill.yaml'), SPEC);
  const { exit, err } = await call(['submit', join(root, 'waybill.yaml'), '--dir', root]);
  assert.deepEqual([exit, JSON.parse(err).error.path], [4, root]);
  assert.match(err, /holds other files/);
  assert.deepEqual(readdirSync(root), ['waybill.yaml']);
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

test('usage: a spec without an end is refused by its size', {
  skip: !existsSync('/dev/zero') && 'needs /dev/zero',
}, async () => {
  const { exit, err } = await call(['validate', '/dev/zero']);
  assert.deepEqual([exit, JSON.parse(err).error.code], [2, 'SPEC_TOO_LARGE']);
});

test('usage: a directory that init cannot make is named, with what stands in its way', async (t) => {
  const file = join(scratch(t), 'file');
  writeFileSync(file, '');
  const { exit, err } = await call(['init', join(file, 'x')]);
  const { code, path, problem } = JSON.parse(err).error;
  assert.deepEqual([exit, code, path], [4, 'FILE_UNWRITABLE', join(file, 'x')]);
  assert.match(problem, /no directory/);
});
