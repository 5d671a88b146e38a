/** What no patch can carry, what is too large and what does not hold still ends the attempt with a reason of its own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { captureCases } from '../../test/support/capture-case.ts';
import { git } from '../../test/support/git-repository.ts';

const write =
  (name: string, text = 'x\n') =>
  (at: string): void =>
    writeFileSync(join(at, name), text);

function deep(at: string, levels: number): void {
  const name = 'd'.repeat(200);
  const enter = `i=0; while [ $i -lt ${levels} ]; do mkdir ${name}; cd -P ${name}; i=$((i+1)); done; echo x > file`;
  execFileSync('/bin/sh', ['-c', enter], { cwd: at });
}

/** A submodule without content, as a source has it, beside ignore rules. */
function submodule(at: string): void {
  writeFileSync(join(at, 'file'), 'one\n');
  writeFileSync(join(at, '.gitignore'), '*.o\n');
  git(at, 'update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},sub`);
  mkdirSync(join(at, 'sub'));
}

describe('capture, of names:', () => {
  const refused = 'patch_path_invalid';
  captureCases([
    { title: 'a line feed', edit: write('a\nb'), refused },
    { title: 'a tab', edit: write('a\tb'), refused },
    { title: 'a backslash', edit: write('a\\b'), refused },
    { title: 'a character that nobody sees', edit: write('a\u202eb'), refused },
    { title: 'one of the source that goes away', fill: write('a\nb'), edit: (at) => rmSync(join(at, 'a\nb')), refused },
    { title: 'longer than a record may hold', edit: (at) => deep(at, 6), refused },
    { title: 'deeper than the system can name', edit: (at) => deep(at, 25), refused: 'workspace_unreadable' },
    { title: 'one that git takes for its own', edit: write('.git\\x'), refused },
    {
      title: 'a list of submodules that is a link',
      edit: (at) => symlinkSync('file', join(at, '.gitmodules')),
      refused,
    },
    {
      title: 'other spellings of .git are left out and listed',
      edit: (at) => {
        for (const name of ['.GIT', 'git~1', '.git ']) {
          mkdirSync(join(at, name));
          writeFileSync(join(at, name, 'config'), 'x\n');
        }
      },
      excluded: ['.GIT', '.git ', 'git~1'],
    },
  ]);
});

describe('capture, of submodules:', () => {
  const refused = 'submodule_changed';
  const sub = (change: (path: string) => void) => ({
    fill: submodule,
    edit: (at: string): void => change(join(at, 'sub')),
    refused,
  });
  captureCases([
    { title: 'filled', ...sub((path) => writeFileSync(join(path, 'new'), 'x')) },
    { title: 'removed', ...sub((path) => rmSync(path, { recursive: true })) },
    {
      title: 'a file now',
      ...sub((path) => {
        rmSync(path, { recursive: true });
        writeFileSync(path, 'x');
      }),
    },
    { title: 'checked out', ...sub((path) => git(path, 'clone', '--quiet', '../../repository', '.')) },
    {
      title: 'nobody touches them, and they stay',
      fill: submodule,
      edit: write('file', 'two\n'),
      submodules: { sub: '1'.repeat(40) },
      check: (_, patch) => assert.doesNotMatch(patch, /sub/),
    },
  ]);
});

describe('capture, of sizes:', () => {
  const long = 'long\n'.repeat(1_000);
  captureCases([
    {
      title: 'a patch over its limit',
      edit: write('file', long),
      limits: { patchBytes: 4_000 },
      refused: 'patch_too_large',
    },
    { title: 'a patch below it', edit: write('file', long), limits: { patchBytes: 8_000 } },
    {
      title: 'a file over the limit, before it is read',
      edit: (at) => {
        writeFileSync(join(at, 'huge'), '');
        truncateSync(join(at, 'huge'), 2 ** 40);
      },
      refused: 'patch_file_too_large',
    },
    {
      title: 'a file over the limit that nobody touched',
      fill: write('file', long),
      edit: write('new'),
      limits: { fileBytes: 100 },
    },
    {
      title: 'a file over the limit that was changed',
      fill: write('file', long),
      edit: write('file', long.replace('long', 'LONG')),
      limits: { fileBytes: 100 },
      refused: 'patch_file_too_large',
    },
    {
      title: 'files that are too large together',
      edit: (at) => {
        for (const name of ['a', 'b', 'c']) writeFileSync(join(at, name), name.repeat(50));
      },
      limits: { outputsBytes: 149 },
      refused: 'patch_too_large',
    },
    {
      title: 'copies are one',
      edit: (at) => {
        for (const name of ['a', 'b', 'c']) writeFileSync(join(at, name), 'x'.repeat(50));
      },
      limits: { outputsBytes: 149 },
    },
  ]);
});

describe('capture, of what cannot be read:', () => {
  const hidden = (name: string, mode: number) => (at: string) => {
    mkdirSync(join(at, 'dir'));
    writeFileSync(join(at, 'dir', 'inside'), 'x\n');
    chmodSync(join(at, name), mode);
  };
  const refused = 'workspace_unreadable';
  captureCases([
    { title: 'a file', edit: hidden('file', 0), unprivileged: true, refused },
    { title: 'a directory', edit: hidden('dir', 0), unprivileged: true, refused },
    { title: 'a directory that lists its names alone', edit: hidden('dir', 0o444), unprivileged: true, refused },
    { title: 'modes that let their owner read', edit: hidden('dir', 0o500), unprivileged: true },
    { title: 'no workspace any more', edit: (at) => rmSync(at, { recursive: true }), refused },
    {
      title: 'a link where the workspace was',
      edit: (at) => {
        renameSync(at, `${at}-moved`);
        symlinkSync(`${at}-moved`, at);
      },
      refused,
    },
  ]);
});

describe('capture, of what does not hold still:', () => {
  const refused = 'workspace_changed';
  const secret = (_at: string, { root }: { root: string }): void => {
    mkdirSync(join(root, 'secrets'));
    writeFileSync(join(root, 'secrets', 'file'), 'no block may read this\n');
  };
  const inDirectory = (at: string): void => {
    mkdirSync(join(at, 'dir'));
    writeFileSync(join(at, 'dir', 'file'), 'one\n');
  };
  captureCases([
    {
      title: 'written between its name and its bytes',
      edit: write('new'),
      during: { command: 'fast-import', run: 'echo y > new' },
      refused,
    },
    { title: 'longer', edit: write('new'), during: { command: 'fast-import', run: 'echo y >> new' }, refused },
    {
      title: 'written after it was read',
      edit: write('new'),
      during: { command: 'write-tree', run: 'echo y > new' },
      refused,
    },
    { title: 'a file that comes', edit: write('new'), during: { command: 'write-tree', run: 'echo > late' }, refused },
    { title: 'a file that goes', edit: write('new'), during: { command: 'ls-tree', run: 'rm file' }, refused },
    { title: 'a mode', edit: write('new'), during: { command: 'write-tree', run: 'chmod +x file' }, refused },
    {
      title: 'a pipe for a file',
      edit: write('new'),
      during: { command: 'ls-tree', run: 'rm new; mkfifo new' },
      refused,
    },
    {
      title: 'a link for a directory, to one that blocks cannot reach',
      fill: inDirectory,
      edit: secret,
      during: { command: 'ls-tree', run: 'rm -r dir; ln -s ../../secrets dir' },
      refused,
    },
  ]);
});
