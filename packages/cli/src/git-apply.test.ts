import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TerminalError } from '@waybill/client';
import { scratch } from '../test/scratch.ts';
import { applyPatch } from './git-apply.ts';

async function* bytesOf(patch: string | Buffer): AsyncGenerator<Uint8Array> {
  yield Buffer.from(patch);
}

const git = (cwd: string, ...args: string[]): Buffer => execFileSync('git', args, { cwd });

/** A repository with two files, and the directory `sub` with one. */
function repository(directory: string, format = 'sha1'): string {
  mkdirSync(join(directory, 'sub'), { recursive: true });
  git(directory, 'init', '--quiet', `--object-format=${format}`);
  for (const name of ['a.txt', 'b.txt', 'sub/c.txt']) writeFileSync(join(directory, name), 'old\n');
  git(directory, 'add', '.');
  return directory;
}

/** The patch of what `change` does there, which is undone. */
function patchOf(directory: string, change: () => void): Buffer {
  change();
  git(directory, 'add', '--intent-to-add', '.');
  const patch = git(directory, 'diff', '--binary', '--full-index', '--find-renames');
  git(directory, 'reset', '--quiet', '--mixed');
  return patch;
}

const [A, B] = ['3367afdbbf91e638efe983616377c60477cc6612', '3e757656cf36eca53338e520d134963a44f793f8'];
const edit = (path: string, to = 'new'): string =>
  `diff --git a/${path} b/${path}\nindex ${A}..${B} 100644\n--- a/${path}\n+++ b/${path}\n@@ -1 +1 @@\n-old\n+${to}\n`;
const add = (path: string, added: string): string =>
  `diff --git a/${path} b/${path}\nnew file mode 100644\nindex ${'0'.repeat(40)}..${B}\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1,${added.split('\n').length - 1} @@\n${added}`;
const PATCH = edit('a.txt') + edit('b.txt');

const told = (code: string, fix: RegExp, problem?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof TerminalError);
  if (problem) assert.match(error.problem, problem);
  assert.equal(error.code, code);
  assert.match(error.fix, fix);
  return true;
};

/** As a user has it whose git is started in this process. */
function setEnvironment(t: TestContext, set: Record<string, string>): void {
  const before = { ...process.env };
  Object.assign(process.env, set);
  t.after(() => {
    for (const name of Object.keys(set)) delete process.env[name];
    Object.assign(process.env, before);
  });
}

/** Has a shell do something before git takes its place. */
function beforeGit(t: TestContext, script: string): void {
  const bin = scratch(t);
  const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  writeFileSync(join(bin, 'git'), `#!/bin/sh\n${script}\nexec ${real} "$@"\n`, { mode: 0o755 });
  setEnvironment(t, { PATH: `${bin}${delimiter}${process.env.PATH}` });
}

test('git apply: a patch is applied whole, and its files are named', async (t) => {
  const directory = repository(scratch(t));
  assert.deepEqual(await applyPatch(directory, bytesOf(PATCH)), ['a.txt', 'b.txt']);
  assert.equal(readFileSync(join(directory, 'b.txt'), 'utf8'), 'new\n');
});

test('git apply: when any part does not apply, nothing is changed', async (t) => {
  const directory = repository(scratch(t));
  writeFileSync(join(directory, 'b.txt'), 'other\n');
  const patch = edit('a.txt', 'with space behind  ') + edit('b.txt');
  const refused = told('PATCH_CONFLICT', /3way/, /^the patch does not apply: error: patch failed: b\.txt:1;/);
  await assert.rejects(applyPatch(directory, bytesOf(patch)), refused);
  assert.equal(readFileSync(join(directory, 'a.txt'), 'utf8'), 'old\n');
});

test('git apply: whatever git writes into a patch is applied, and each path is told once as it is called', async (t) => {
  for (const format of ['sha1', 'sha256']) {
    const from = repository(scratch(t), format);
    const to = repository(scratch(t), format);
    const bytes = Buffer.from(Array.from({ length: 300 }, (_, n) => n % 256));
    const patch = patchOf(from, () => {
      renameSync(join(from, 'a.txt'), join(from, 'ä "b".txt'));
      chmodSync(join(from, 'b.txt'), 0o755);
      rmSync(join(from, 'sub/c.txt'));
      symlinkSync('../b.txt', join(from, 'sub/c.txt'));
      writeFileSync(join(from, 'bytes'), bytes);
    });
    assert.deepEqual(await applyPatch(to, bytesOf(patch)), ['b.txt', 'bytes', 'sub/c.txt', 'ä "b".txt'], format);
    assert.deepEqual(readFileSync(join(to, 'bytes')), bytes);
    assert.equal(statSync(join(to, 'sub/c.txt')).mode & 0o777, 0o755);
  }
});

test('git apply: a directory below the top of a repository is refused, since git would leave out what is outside of it', async (t) => {
  const top = realpathSync(repository(scratch(t)));
  symlinkSync('sub', join(top, 'link'));
  for (const name of ['sub', 'link']) {
    const refused = (error: unknown): boolean =>
      told('USAGE', /git init/)(error) && (error as TerminalError).fix.startsWith(`Name ${JSON.stringify(top)};`);
    await assert.rejects(applyPatch(join(top, name), bytesOf(edit('a.txt') + edit('sub/c.txt'))), refused);
    await assert.rejects(applyPatch(join(top, name), bytesOf(edit('c.txt'))), refused);
  }
  assert.equal(readFileSync(join(top, 'sub/c.txt'), 'utf8'), 'old\n');
  await assert.rejects(applyPatch(join(top, '.git'), bytesOf(PATCH)), told('USAGE', /Name the top of a working tree/));
});

test('git apply: a directory in no repository is a tree, and one in another repository is when it has its own', async (t) => {
  const plain = scratch(t);
  for (const name of ['a.txt', 'b.txt']) writeFileSync(join(plain, name), 'old\n');
  assert.equal((await applyPatch(plain, bytesOf(PATCH))).length, 2);
  assert.equal(readFileSync(join(plain, 'b.txt'), 'utf8'), 'new\n');
  const inner = repository(join(repository(scratch(t)), 'inner'));
  const link = join(plain, 'link');
  symlinkSync(inner, link);
  assert.equal((await applyPatch(link, bytesOf(PATCH))).length, 2);
  assert.equal(readFileSync(join(inner, 'b.txt'), 'utf8'), 'new\n');
});

test('git apply: no setting of the user, of the environment or of the repository changes a byte', async (t) => {
  const text = 'new  \r\n\t x\n';
  const added = add('n.txt', text.replace(/[^\n]*\n/g, '+$&'));
  const settings = `[core]\n\tautocrlf = true\n[apply]\n\twhitespace = fix\n[filter "loud"]\n\tsmudge = tr a-z A-Z\n`;
  const home = scratch(t);
  const config = join(home, 'config');
  writeFileSync(config, settings);
  const directory = repository(scratch(t));
  writeFileSync(join(directory, '.git/config'), `${readFileSync(join(directory, '.git/config'), 'utf8')}${settings}`);
  writeFileSync(join(directory, '.gitattributes'), '* text eol=crlf filter=loud\n');
  setEnvironment(t, {
    GIT_CONFIG_GLOBAL: config,
    GIT_CONFIG_SYSTEM: config,
    GIT_DIR: join(directory, '.git'),
    GIT_WORK_TREE: home,
  });
  const plain = scratch(t);
  for (const tree of [directory, plain]) {
    assert.deepEqual(await applyPatch(tree, bytesOf(added)), ['n.txt']);
    assert.equal(readFileSync(join(tree, 'n.txt'), 'utf8'), text);
  }
});

test('git apply: nothing is written when git reads other files in a patch than it names', async (t) => {
  const directory = repository(scratch(t));
  beforeGit(t, `[ "$\{*#* apply }" = "$*" ] || set -- "$@" --exclude=b.txt`);
  await assert.rejects(applyPatch(directory, bytesOf(PATCH)), told('GIT_FAILED', /nothing was changed/));
  assert.equal(readFileSync(join(directory, 'a.txt'), 'utf8'), 'old\n');
});

for (const [how, script, said] of [
  // As on a full disk: it is not the first byte that is refused.
  ['fails', "trap '' XFSZ; ulimit -f 1", /wrote: .*File too large.*; some files may be changed already$/],
  ['is killed', 'ulimit -f 1', /wrote: .*it was killed; some files may be changed already$/],
] as const) {
  test(`git apply: a git that ${how} while it writes has met no conflict, and may have changed files`, async (t) => {
    const directory = repository(scratch(t));
    beforeGit(t, script);
    const cutOff = told('GIT_FAILED', /`git status`.*`git restore`/, said);
    await assert.rejects(applyPatch(directory, bytesOf(edit('a.txt') + add('z', `+${'z'.repeat(4096)}\n`))), cutOff);
    assert.equal(readFileSync(join(directory, 'a.txt'), 'utf8'), 'new\n', 'the control: it is changed');
  });
}

test('git apply: where there is no git, that is said of the directory', async (t) => {
  const directory = scratch(t);
  setEnvironment(t, { PATH: directory });
  await assert.rejects(applyPatch(directory, bytesOf(PATCH)), { code: 'GIT_UNAVAILABLE', path: directory });
});

test('git apply: what is no patch is refused before git sees it', async (t) => {
  const directory = repository(scratch(t));
  for (const bytes of ['x\n', edit('../a.txt'), edit('.git/config')]) {
    await assert.rejects(applyPatch(directory, bytesOf(bytes)), { code: 'RESULT_INVALID' });
  }
  assert.ok(!existsSync(join(directory, '..', 'a.txt')));
});

test('git apply: a directory that is not there is named', async () => {
  await assert.rejects(applyPatch('/nonexistent', bytesOf(PATCH)), { code: 'FILE_UNREADABLE', path: '/nonexistent' });
});

test('git apply: an empty patch changes nothing and is no error', async (t) => {
  assert.deepEqual(await applyPatch(scratch(t), bytesOf('')), []);
});
