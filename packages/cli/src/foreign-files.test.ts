/** Directories and files that are not what was meant, or cannot be used: said by their names, and left as they are. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DirectoryTransport } from '@waybill/client';
import { DONE, runOf } from '../test/run-sample.ts';
import { call, scratch } from '../test/scratch.ts';
import { patched, stateWith } from '../test/state.ts';
import { StateDirectory } from './state-directory.ts';

const SPEC =
  'apiVersion: waybill/v1\nkind: Run\nmetadata: { name: x }\nspec: { items: [{ id: a, pipeline: [{ block: script, run: "true" }] }] }\n';

test('foreign files: a named directory that is none of an engine is said to be so, and what is not named may be new', async (t) => {
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

test('foreign files: where no directory can be, every verb says so of the path that was named', async (t) => {
  const root = scratch(t);
  const [file, spec] = [join(root, 'file'), join(root, 'x.yaml')];
  writeFileSync(file, '');
  writeFileSync(spec, SPEC);
  const places: [dir: string, problem: RegExp][] = [
    [file, /it is a file/],
    [join(file, 'below'), /a part of its path is no directory/],
    [join(root, 'a'.repeat(300)), /longer than a file system takes/],
  ];
  for (const [dir, said] of places) {
    for (const args of [['run', spec], ['submit', spec], ...(dir === file ? [['validate', spec]] : [])]) {
      const { exit, err } = await call([...args, '--dir', dir]);
      const { code, path, problem, fix } = JSON.parse(err).error;
      assert.deepEqual([exit, code, path], [5, 'STORE_FAILED', dir], `${args.join(' ')} ${err}`);
      assert.match(problem, said);
      assert.match(fix, /nothing yet/);
    }
    const { exit, err } = await call(['status', 'latest', '--dir', dir]);
    assert.deepEqual([exit, JSON.parse(err).error.code], [4, 'FILE_UNREADABLE'], err);
  }
});

test('foreign files: what an operator lays down before an engine starts is nothing foreign', (t) => {
  for (const name of [
    'queues.json',
    'evidence.json',
    'spending.json',
    'intents.json',
    'models.json',
    'egress.json',
    'thesis.txt',
  ]) {
    const dir = join(scratch(t), 'state');
    mkdirSync(dir);
    writeFileSync(join(dir, name), '{}');
    const begin = (): void => new StateDirectory(dir).requireRoom();
    if (name === 'thesis.txt') assert.throws(begin, /other files/);
    else assert.doesNotThrow(begin, name);
  }
});

test('foreign files: no engine begins to work among the files of others', async (t) => {
  const root = scratch(t);
  writeFileSync(join(root, 'waybill.yaml'), SPEC);
  const { exit, err } = await call(['submit', join(root, 'waybill.yaml'), '--dir', root]);
  assert.deepEqual([exit, JSON.parse(err).error.path], [4, root]);
  assert.match(err, /holds other files/);
  assert.deepEqual(readdirSync(root), ['waybill.yaml']);
});

test('foreign files: a directory that init cannot make is named, with what stands in its way', async (t) => {
  const file = join(scratch(t), 'file');
  writeFileSync(file, '');
  const { exit, err } = await call(['init', join(file, 'x')]);
  const { code, path, problem } = JSON.parse(err).error;
  assert.deepEqual([exit, code, path], [4, 'FILE_UNWRITABLE', join(file, 'x')]);
  assert.match(problem, /no directory/);
});

test('foreign files: a name that is no UTF-8 stands for no other file', async (t) => {
  const root = scratch(t);
  for (const words of [
    ['init', join(root, 'd\ufffd')],
    ['submit', 'x', '--dir', join(root, 'd\ufffd')],
  ]) {
    const { exit, err } = await call(words);
    assert.equal(exit, 4);
    assert.match(err, /no UTF-8/);
  }
  assert.deepEqual(readdirSync(root), []);
});

test('foreign files: files that cannot be read say why in words', async (t) => {
  const root = scratch(t);
  writeFileSync(join(root, 'file'), '');
  for (const [path, why] of [
    ['absent', /no such file/],
    ['.', /is a directory/],
    ['file/below', /no directory/],
  ] as const) {
    for (const verb of [['validate'], ['audit', 'verify']])
      assert.match((await call([...verb, `${root}/${path}`])).err, why);
    const deployed = ['runs', '--target', 'aws', '--deployment', `${root}/${path}`];
    assert.match((await call(deployed)).err, why);
  }
});

test('foreign files: a status that is none is named, and nothing of it is shown', async (t) => {
  for (const content of ['{', '{}', 'null', '[]']) {
    const dir = stateWith(t, runOf([DONE]));
    const { principal } = new DirectoryTransport(dir);
    const file = join(dir, 'outbox', principal, 'nightly-1', 'status.json');
    writeFileSync(file, content);
    for (const verb of [['runs'], ['status', 'latest'], ['status', 'nightly-1']]) {
      const { exit, out, err } = await call([...verb, '--dir', dir]);
      const { code, path, fix } = JSON.parse(err).error;
      assert.deepEqual([exit, out, code, path, fix !== ''], [5, '', 'STORE_FAILED', file, true], content);
    }
  }
});

test('foreign files: a patch is applied to a directory, and to nothing else', async (t) => {
  const dir = stateWith(t, patched());
  const file = join(dir, 'file');
  writeFileSync(file, '');
  for (const [path, why] of [
    [join(dir, 'absent'), /no such file or directory/],
    [file, /it is no directory/],
  ] as const) {
    const { exit, err } = await call(['patch', 'latest', 'edit-a', '--apply', path, '--dir', dir]);
    assert.deepEqual([exit, JSON.parse(err).error.path], [4, path]);
    assert.match(err, why);
  }
});
