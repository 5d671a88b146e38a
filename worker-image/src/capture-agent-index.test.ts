/** Indexes, ignore rules and ruins of the repository in a workspace hide nothing from the patch. */
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { captureCases } from '../../test/support/capture-case.ts';
import { git } from '../../test/support/git-repository.ts';
import { changeFile, hiding, write } from '../../test/support/workspace-edits.ts';

const LONG_AGO = new Date('2020-01-01T00:00:00Z');

describe('capture, whatever became of the repository of the block:', () => {
  captureCases([
    {
      title: 'an index that skips the work tree',
      edit: hiding((at) => git(at, 'update-index', '--skip-worktree', 'file')),
      naive: 'wrong',
    },
    {
      title: 'an index that assumes files unchanged',
      edit: hiding((at) => git(at, 'update-index', '--assume-unchanged', 'file')),
      naive: 'wrong',
    },
    {
      title: 'size and time as before, and an index that asks for no more',
      edit: (at) => {
        git(at, 'config', 'core.trustCtime', 'false');
        git(at, 'config', 'core.checkStat', 'minimal');
        utimesSync(join(at, 'file'), LONG_AGO, LONG_AGO);
        git(at, 'update-index', '--refresh');
        changeFile(at);
        utimesSync(join(at, 'file'), LONG_AGO, LONG_AGO);
      },
      naive: 'wrong',
    },
    {
      title: 'excludes of the repository',
      edit: (at) => {
        write(at, '.git/info/exclude', '*\n');
        write(at, 'new', 'x\n');
      },
      naive: 'wrong',
    },
    {
      title: 'excludes of its configuration',
      edit: (at) => {
        write(at, '.git/excludes', '*\n');
        git(at, 'config', 'core.excludesFile', join(at, '.git', 'excludes'));
        write(at, 'new', 'x\n');
      },
      naive: 'wrong',
    },
    {
      title: 'ignore rules of its own',
      edit: (at) => {
        write(at, '.gitignore', '*\n!.gitignore\n');
        write(at, 'new', 'x\n');
      },
      naive: 'wrong',
    },
    {
      title: 'a sparse checkout',
      fill: (at) => {
        for (const directory of ['kept', 'left']) {
          mkdirSync(join(at, directory));
          write(at, `${directory}/file`, `${directory}\n`);
        }
      },
      edit: (at) => {
        git(at, 'status');
        git(at, 'sparse-checkout', 'set', 'kept');
        write(at, 'kept/new', 'x\n');
      },
      naive: 'wrong',
    },
    { title: 'without its index', edit: hiding((at) => write(at, '.git/index', 'garbage')), naive: 'fails' },
    { title: 'locked', edit: hiding((at) => write(at, '.git/index.lock', '')), naive: 'fails' },
    { title: 'without its configuration', edit: hiding((at) => write(at, '.git/config', 'garbage [')), naive: 'fails' },
    {
      title: 'about another work tree',
      edit: hiding((at) => git(at, 'config', 'core.worktree', join(at, '.git'))),
      naive: 'wrong',
    },
    { title: 'gone', edit: hiding((at) => rmSync(join(at, '.git'), { recursive: true })), naive: 'fails' },
    {
      title: 'a file',
      edit: hiding((at) => {
        rmSync(join(at, '.git'), { recursive: true });
        write(at, '.git', 'gitdir: /nonexistent\n');
      }),
      naive: 'fails',
    },
    {
      title: 'a link',
      edit: hiding((at) => {
        renameSync(join(at, '.git'), join(at, '..', 'elsewhere'));
        rmSync(join(at, '..', 'elsewhere', 'index'));
        rmSync(join(at, '..', 'elsewhere', 'HEAD'));
        symlinkSync('../elsewhere', join(at, '.git'));
      }),
      naive: 'fails',
    },
    {
      title: 'beside another one with commits of its own, which is captured like any directory',
      edit: (at) => {
        mkdirSync(join(at, 'nested'));
        git(join(at, 'nested'), 'init', '--quiet');
        write(at, 'nested/inside', 'x\n');
        git(join(at, 'nested'), 'add', 'inside');
        git(join(at, 'nested'), 'commit', '--quiet', '--message=inner');
      },
      excluded: ['nested/.git'],
      naive: 'wrong',
    },
    {
      title: 'with a submodule of its own, absorbed into it',
      edit: (at) => {
        git(at, 'clone', '--quiet', '../repository', 'sub');
        write(at, 'sub/more', 'x\n');
        git(at, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', '../repository', 'sub');
        git(at, 'submodule', 'absorbgitdirs');
      },
      excluded: ['sub/.git'],
      naive: 'wrong',
    },
  ]);
});
