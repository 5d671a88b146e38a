import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { digestOf } from '@waybill/verify';
import { flowOf, task } from '../test/flow-sample.ts';
import { repository, tempDir } from '../test/git-sample.ts';
import { bytesOf, item, runOf } from '../test/run-sample.ts';
import { compile, parseRun } from './compile.ts';
import { DirectoryTransport } from './directory-transport.ts';
import { packRead } from './pack-reads.ts';
import { SpecRefused } from './spec-refused.ts';
import { prepareRun } from './submit.ts';

/** Nothing here names what is registered. */
const NONE = new DirectoryTransport('/nowhere').registry;

interface Place {
  baseDir: string;
  workDir: string;
}

function place(context: TestContext): Place {
  const root = tempDir(context);
  const [baseDir, workDir] = [join(root, 'specs'), join(root, 'work')];
  mkdirSync(join(baseDir, 'data', 'deep'), { recursive: true });
  mkdirSync(workDir);
  writeFileSync(join(root, 'outside'), 'a secret');
  writeFileSync(join(baseDir, 'one.csv'), 'a,b\n');
  writeFileSync(join(baseDir, 'data', 'z'), 'last');
  writeFileSync(join(baseDir, 'data', 'deep', 'run.sh'), '#!/bin/sh\n');
  chmodSync(join(baseDir, 'data', 'deep', 'run.sh'), 0o755);
  symlinkSync('deep/run.sh', join(baseDir, 'data', 'link'));
  return { baseDir, workDir };
}

/** A path whose last name is no UTF-8. */
function odd(folder: string): Buffer {
  return Buffer.concat([Buffer.from(`${folder}/`), Buffer.from('\xff.txt', 'latin1')]);
}

test('reads: a file is packed as it is', async (context) => {
  const at = place(context);
  const { sha256, sizeBytes, file } = await packRead({ path: './one.csv' }, 'x', at);
  assert.deepEqual([sha256, sizeBytes, readFileSync(file, 'utf8')], [digestOf('a,b\n'), 4, 'a,b\n']);
});

test('reads: a directory is one tar file whose bytes depend on names, modes and contents alone', async (context) => {
  const at = place(context);
  const first = await packRead({ path: 'data' }, 'x', at);
  const listed = execFileSync('tar', ['-tvf', first.file], { encoding: 'utf8' });
  assert.match(listed, /-rwxr-xr-x 0\/0 .* deep\/run\.sh\n/);
  assert.match(listed, /link -> deep\/run\.sh\n-rw-r--r-- 0\/0 +4 .* z\n$/);
  utimesSync(join(at.baseDir, 'data', 'z'), 1, 1);
  assert.equal((await packRead({ path: 'data' }, 'x', at)).sha256, first.sha256);
  chmodSync(join(at.baseDir, 'data', 'z'), 0o755);
  assert.notEqual((await packRead({ path: 'data' }, 'x', at)).sha256, first.sha256);
});

test('reads: a commit is the same tar file as a directory with its files, whatever its attributes say', async (context) => {
  const at = place(context);
  const sample = join(at.workDir, 'sample');
  repository(sample, { 'a.txt': 'one', 'b/c.txt': 'two', '.gitattributes': 'a.txt export-ignore\n' });
  const tree = await packRead({ git: { url: sample } }, 'x', at);
  const copy = join(at.baseDir, 'copy');
  mkdirSync(join(copy, 'b'), { recursive: true });
  for (const name of ['a.txt', 'b/c.txt', '.gitattributes'])
    writeFileSync(join(copy, name), readFileSync(join(sample, name)));
  assert.equal((await packRead({ path: 'copy' }, 'x', at)).sha256, tree.sha256);
});

test('reads: what is not there, leads away, or is too large is refused, each at its path', async (context) => {
  const at = place(context);
  symlinkSync(join(at.baseDir, '..', 'outside'), join(at.baseDir, 'away'));
  execFileSync('mkfifo', [join(at.baseDir, 'data', 'pipe')]);
  const reads = 'spec.items[0].reads.x';
  await assert.rejects(packRead({ path: 'none' }, reads, at), { code: 'SOURCE_UNRESOLVED', path: reads });
  await assert.rejects(packRead({ path: 'away' }, reads, at), { code: 'SOURCE_INVALID', path: reads });
  await assert.rejects(packRead({ path: 'data' }, reads, at), { code: 'SOURCE_INVALID', path: reads });
  await assert.rejects(packRead({ path: 'one.csv' }, reads, { ...at, maxBytes: 3 }), { code: 'SPEC_LIMIT' });
  await assert.rejects(packRead({ git: { url: 'none' } }, reads, at), {
    code: 'SOURCE_UNRESOLVED',
    path: `${reads}.git.url`,
  });
  const long = join(at.baseDir, 'long', 'x'.repeat(200));
  mkdirSync(join(at.baseDir, 'long'));
  writeFileSync(long, '');
  await assert.rejects(packRead({ path: 'long' }, reads, at), { code: 'SPEC_LIMIT' });
});

test('reads: a name that is no UTF-8 is refused in a directory and in a commit, and a link leads where it led', async (context) => {
  const at = place(context);
  const folder = join(at.baseDir, 'data', 'deep');
  symlinkSync(Buffer.from('\xff', 'latin1'), join(folder, 'link'));
  const { file } = await packRead({ path: 'data' }, 'x', at);
  assert.ok(readFileSync(file).includes(Buffer.from('\xff', 'latin1')));
  const refusal = (name: string): object => ({
    code: 'SOURCE_INVALID',
    path: 'x',
    problem: `${JSON.stringify(name)} has a name that is no UTF-8`,
    fix: 'Rename it, or leave it out.',
  });
  const sample = join(at.workDir, 'sample');
  repository(sample, { 'a.txt': 'one' });
  writeFileSync(odd(sample), '');
  for (const words of ['add .', 'commit -qm odd'])
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...words.split(' ')], { cwd: sample });
  await assert.rejects(packRead({ git: { url: sample } }, 'x', at), refusal('\ufffd.txt'));
  writeFileSync(odd(folder), '');
  await assert.rejects(packRead({ path: 'data' }, 'x', at), refusal('deep/\ufffd.txt'));
  mkdirSync(join(at.baseDir, 'folders'));
  mkdirSync(odd(join(at.baseDir, 'folders')));
  await assert.rejects(packRead({ path: 'folders' }, 'x', at), refusal('\ufffd.txt'));
});

test('reads: what this user may not read is refused by its name', async (context) => {
  const at = place(context);
  const deep = join(at.baseDir, 'data', 'deep');
  const refused = async (read: string, name: string): Promise<void> => {
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.(12_345);
    try {
      const fix = 'Let this user read it, or leave it out.';
      const problem = `nobody can read (EACCES) "${name}"`;
      await assert.rejects(packRead({ path: read }, 'x', at), { code: 'SOURCE_UNRESOLVED', path: 'x', problem, fix });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  };
  for (const folder of [join(at.baseDir, '..'), at.workDir]) chmodSync(folder, 0o777);
  chmodSync(join(at.baseDir, 'one.csv'), 0);
  await refused('one.csv', 'one.csv');
  chmodSync(join(deep, 'run.sh'), 0);
  await refused('data', 'deep/run.sh');
  chmodSync(deep, 0);
  await refused('data', 'deep');
  chmodSync(deep, 0o700);
});

test('reads: what is submitted names digests, uploads each file once, and an engine refuses what is not packed', async (context) => {
  const at = place(context);
  const uploads: string[] = [];
  const transport = { putUpload: async (digest: string) => void uploads.push(digest), registry: NONE };
  const reads = { 'b.csv': { path: 'one.csv' }, 'a.tar': { path: 'data' } };
  const spec = runOf([item('a', { reads }), item('b', { reads: { c: { path: 'one.csv' } } })]);
  const { plan, bytes } = await prepareRun(transport, bytesOf(spec), at);
  const csv = { sha256: digestOf('a,b\n'), sizeBytes: 4 };
  assert.deepEqual(
    plan.items[0]?.reads?.map(({ key }) => key),
    ['a.tar', 'b.csv'],
  );
  assert.deepEqual(plan.items[1]?.reads, [{ key: 'c', ...csv }]);
  assert.deepEqual(uploads, [csv.sha256, plan.items[0]?.reads?.[0]?.sha256]);
  const packed = parseRun(bytes);
  assert.ok(packed.ok && compile(packed.run).ok);
  const written = parseRun(bytesOf(spec));
  assert.ok(written.ok);
  const refused = compile(written.run);
  assert.ok(!refused.ok);
  assert.deepEqual(
    refused.refusals.map(({ code, path }) => [code, path]),
    [
      ['SOURCE_UNRESOLVED', 'spec.items[0].reads["b.csv"]'],
      ['SOURCE_UNRESOLVED', 'spec.items[0].reads["a.tar"]'],
      ['SOURCE_UNRESOLVED', 'spec.items[1].reads.c'],
    ],
  );
});

test('reads: a spec reads nothing above itself, nothing by other means, and nothing twice', async (context) => {
  const at = place(context);
  let said: string[] = [];
  const refusedAs = async (reads: object, more: object = {}): Promise<string[]> => {
    const preparing = prepareRun(
      { putUpload: async () => {}, registry: NONE },
      bytesOf(runOf([item('a', { reads, ...more })])),
      at,
    );
    const error = await preparing.catch((caught: unknown) => caught);
    assert.ok(error instanceof SpecRefused, String(error));
    said = error.refusals.map(({ path, problem, fix }) => `${path}: ${problem}. ${fix}`);
    return error.refusals.map(({ code }) => code);
  };
  for (const path of ['../outside', '/etc/passwd', 'a/../../x', 'a\\b'])
    assert.deepEqual(await refusedAs({ x: { path } }), ['SOURCE_INVALID'], path);
  assert.deepEqual(await refusedAs({ x: { url: 'https://example.org/x' } }), ['SPEC_INVALID', 'SPEC_UNKNOWN_KEY']);
  assert.deepEqual(await refusedAs({ x: { path: 'one.csv', git: { url: '.' } } }), ['SPEC_INVALID']);
  assert.deepEqual(said, ['spec.items[0].reads.x.git: it has both `path` and `git`. Keep one of them.']);
  assert.deepEqual(await refusedAs({ x: { git: { url: 'http://example.org/x' } } }), ['SOURCE_INVALID']);
});

test('reads: all that is missing is told at once, each by its path and what is missing, and nothing is uploaded', async (context) => {
  const at = place(context);
  const uploads: string[] = [];
  const told = async (document: unknown): Promise<string[]> => {
    const transport = { putUpload: async (digest: string) => void uploads.push(digest), registry: NONE };
    const error = await prepareRun(transport, bytesOf(document), at).catch((caught: unknown) => caught);
    assert.ok(error instanceof SpecRefused, String(error));
    return error.refusals.map(({ code, path, problem }) => `${code} ${path} ${/"(.*?)"/.exec(problem)?.[1] ?? ''}`);
  };
  const reads = { here: { path: 'one.csv' }, gone: { path: 'none' }, far: { git: { url: 'nowhere' } } };
  assert.deepEqual(await told(runOf([item('a', { reads }), item('b', { reads: { also: { path: 'none' } } })])), [
    'SOURCE_UNRESOLVED spec.items[0].reads.gone none',
    'SOURCE_UNRESOLVED spec.items[0].reads.far.git.url ',
    'SOURCE_UNRESOLVED spec.items[1].reads.also none',
  ]);
  const group = { reads, parallel: [task('a'), task('b', { reads: { own: { path: 'data/lost' } } })] };
  assert.deepEqual(await told(flowOf([{ ...group, reads: { gone: reads.gone } }])), [
    'SOURCE_UNRESOLVED tasks[0].reads.gone none',
    'SOURCE_UNRESOLVED tasks[0].parallel[1].reads.own data/lost',
  ]);
  assert.deepEqual(uploads, []);
});
