/** Every kind of change to files, and every kind of file, in a patch that plain git applies to the very same tree. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { parsePatch } from '@waybill/client/patch';
import { type CaptureCase, captureCases } from '../../test/support/capture-case.ts';
import { filled, put, putBytes, remove } from '../../test/support/workspace-edits.ts';

const LATIN_1 = Buffer.from('caf\xe9\n', 'latin1');
const BINARY = Buffer.from(Array.from({ length: 2_000 }, (_, index) => (index * 7) % 256));
const IS_ROOT = process.getuid?.() === 0;

/** What the patch says it does, ascending. */
function changes(...expected: string[]): NonNullable<CaptureCase['check']> {
  return (_captured, patch) => {
    const found = parsePatch(Buffer.from(patch, 'latin1')).files.map(({ change, path }) => `${change} ${path}`);
    assert.deepEqual(found.sort(), expected);
  };
}

const DIFFERENT_KINDS: CaptureCase = {
  title: 'text, binary, Latin-1, modes, names, links',
  fill: (at) => {
    put(at, {
      text: 'a\nb\nc\n',
      binary: BINARY,
      'latin-1': LATIN_1,
      'old name': 'line\n'.repeat(50),
      'dir/gone': 'x\n',
    });
    put(at, { script: '#!/bin/sh\n', 'becomes-link': 'x\n', 'both-ends': 'a\r\nb\r\n', ünïcode: '1\n', empty: 'x\n' });
    symlinkSync('text', join(at, 'link'));
  },
  edit: (at) => {
    put(at, { text: 'a\nB\nc', binary: BINARY.toReversed(), 'latin-1': Buffer.concat([LATIN_1, LATIN_1]), empty: '' });
    put(at, { 'both-ends': 'a\r\nb\nc\r\n', ünïcode: '2\n', 'new-empty': '' });
    renameSync(join(at, 'old name'), join(at, 'new "name"'));
    chmodSync(join(at, 'script'), 0o755);
    remove(at, 'dir', 'becomes-link', 'link');
    symlinkSync('/etc/passwd', join(at, 'becomes-link'));
    symlinkSync('elsewhere', join(at, 'link'));
    putBytes(at, 'caf\xe9', 'name in Latin-1\n');
  },
  check: changes(
    'added becomes-link',
    'added caf\\351',
    'added new-empty',
    'deleted becomes-link',
    'deleted dir/gone',
    'modified binary',
    'modified both-ends',
    'modified empty',
    'modified latin-1',
    'modified link',
    'modified script',
    'modified text',
    'modified ünïcode',
    'renamed new "name"',
  ),
  naive: 'right',
};

const KINDS: CaptureCase[] = [
  DIFFERENT_KINDS,
  { title: 'no change is an empty patch', edit: () => {}, check: ({ file }) => assert.equal(file.sizeBytes, 0) },
  {
    title: 'a repository of SHA-256 names',
    objectFormat: 'sha256',
    edit: filled({ file: 'two\n', new: 'x\n' }),
  },
  {
    title: 'everything deleted',
    fill: filled({ a: '1\n', 'b/c/d': '2\n', '.gitignore': '*.o\n' }),
    edit: (at) => remove(at, ...readdirSync(at)),
    naive: 'fails',
  },
  {
    title: 'modes: who may execute is its owner',
    fill: filled({ on: 'x\n', off: 'x\n', group: 'x\n', sticky: 'x\n' }),
    edit: (at) => {
      chmodSync(join(at, 'on'), 0o700);
      chmodSync(join(at, 'off'), 0o600);
      chmodSync(join(at, 'group'), 0o674);
      chmodSync(join(at, 'sticky'), 0o4755);
    },
    check: changes('modified on', 'modified sticky'),
  },
  {
    title: 'links: inside, outside, dangling, to a directory, to themselves',
    edit: (at) => {
      const links = {
        inside: 'file',
        outside: '/etc/passwd',
        up: '../../..',
        dangling: 'nothing',
        etc: '/etc',
        self: 'self',
      };
      for (const [name, target] of Object.entries(links)) symlinkSync(target, join(at, name));
      symlinkSync(Buffer.from('\xff\n', 'latin1'), join(at, 'bytes'));
    },
  },
  {
    title: 'hard links are files',
    edit: (at) => {
      linkSync(join(at, 'file'), join(at, 'twin'));
      writeFileSync(join(at, 'twin'), 'two\n');
    },
    check: changes('added twin', 'modified file'),
  },
  {
    title: 'pipes, sockets and devices are listed, also where a file was',
    fill: filled({ file: 'one\n', other: 'x\n' }),
    edit: (at) => {
      remove(at, 'file');
      mkdirSync(join(at, 'dir'));
      execFileSync('mkfifo', [join(at, 'file'), join(at, 'dir', 'new\npipe')]);
      const listen = 'require("node:net").createServer().listen("socket", () => process.kill(process.pid, "SIGKILL"))';
      assert.throws(() => execFileSync(process.execPath, ['-e', listen], { cwd: at, stdio: 'ignore' }));
      if (IS_ROOT) execFileSync('mknod', [join(at, 'null'), 'c', '1', '3']);
    },
    excluded: ['dir/', 'file', ...(IS_ROOT ? ['null'] : []), 'socket'],
    check: changes('deleted file'),
  },
  {
    title: 'empty directories are listed, and those that were emptied are no loss',
    fill: filled({ file: 'one\n', 'src/deep/gone': 'x\n' }),
    edit: (at) => {
      remove(at, 'src/deep/gone');
      mkdirSync(join(at, 'new', 'empty'), { recursive: true });
      mkdirSync(join(at, 'src', 'bare'));
    },
    excluded: ['new/', 'src/'],
  },
];

describe('capture, of every kind:', () => captureCases(KINDS));
