/** Names as they may be, and names that change what they stand for. */
import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { type CaptureCase, captureCases } from '../../test/support/capture-case.ts';
import { filled, put, putBytes, remove } from '../../test/support/workspace-edits.ts';

const NAMES: CaptureCase[] = [
  {
    title: 'a name in other letter case',
    fill: filled({ README: 'line\n'.repeat(9), 'src/Main': '1\n', 'src/main': '2\n' }),
    edit: (at) => {
      renameSync(join(at, 'README'), join(at, 'ReadMe'));
      remove(at, 'src/Main');
      put(at, { 'SRC/main': '3\n' });
    },
  },
  {
    title: 'unusual names',
    fill: filled({ ' lead and trail ': '1\n', '-rf': '1\n', '*': '1\n', a: '1\n' }),
    edit: (at) => {
      put(at, {
        ' lead and trail ': '2\n',
        '-rf': '2\n',
        '*': '2\n',
        '--': 'x\n',
        '.. .': 'x\n',
        'a b/"quoted"/\'x\'': 'x\n',
      });
      put(at, {
        ':(exclude)a': 'x\n',
        ':!a': 'x\n',
        ':/a': 'x\n',
        '#x': 'x\n',
        '$(x)': 'x\n',
        '🧾': 'x\n',
        'e\u0301': 'x\n',
        é: 'x\n',
      });
      put(at, { ['n'.repeat(255)]: 'x\n', [`${`${'d'.repeat(200)}/`.repeat(4)}file`]: 'x\n' });
      putBytes(at, '\xff\xfe', 'x\n');
    },
  },
  {
    title: 'names that begin with a colon, asked of ignore rules',
    fill: filled({ '.gitignore': '*.log\n' }),
    edit: filled({ ':(glob)x': 'x\n', ':!x': 'x\n', ':/x.log': 'x\n', 'x.log': 'x\n' }),
    excluded: [':/', 'x.log'],
  },
  {
    title: 'a source with a name that no patch may carry, which nobody touches',
    fill: filled({ 'new\nline': '1\n', file: 'one\n' }),
    edit: filled({ file: 'two\n' }),
  },
  {
    title: 'two files that change names',
    fill: filled({ a: 'a\n'.repeat(99), b: 'b\n'.repeat(99) }),
    edit: (at) => {
      renameSync(join(at, 'a'), join(at, 'c'));
      renameSync(join(at, 'b'), join(at, 'a'));
      renameSync(join(at, 'c'), join(at, 'b'));
    },
  },
  {
    title: 'a directory where a file was, and the reverse',
    fill: filled({
      file: '1\n',
      'dir/a': '2\n',
      'dir/b/c': '3\n',
      'same/x': 'line\n'.repeat(9),
      into: 'line\n'.repeat(8),
    }),
    edit: (at) => {
      remove(at, 'file', 'dir');
      put(at, { 'file/inside': '4\n', dir: '5\n' });
      renameSync(join(at, 'same', 'x'), join(at, 'moving'));
      remove(at, 'same');
      renameSync(join(at, 'moving'), join(at, 'same'));
      renameSync(join(at, 'into'), join(at, 'moving'));
      mkdirSync(join(at, 'into'));
      renameSync(join(at, 'moving'), join(at, 'into', 'deeper'));
    },
  },
  {
    title: 'a link where a directory was, and the reverse',
    fill: (at) => {
      put(at, { 'dir/a': '1\n', 'target/a': '2\n' });
      symlinkSync('target', join(at, 'link'));
    },
    edit: (at) => {
      remove(at, 'dir', 'link');
      symlinkSync('target', join(at, 'dir'));
      put(at, { 'link/a': '3\n' });
    },
    naive: 'fails',
  },
];

describe('capture, by name:', () => captureCases(NAMES));
