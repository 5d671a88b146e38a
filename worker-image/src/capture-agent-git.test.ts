/** What a block configures, commits and replaces in the repository of its workspace hides nothing from the patch. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { captureCases } from '../../test/support/capture-case.ts';
import { git } from '../../test/support/git-repository.ts';
import { changeFile, hiding, write } from '../../test/support/workspace-edits.ts';

function configure(at: string, settings: Record<string, string>): void {
  for (const [name, value] of Object.entries(settings)) git(at, 'config', name, value);
}

function attribute(at: string, line: string): void {
  mkdirSync(join(at, '.git', 'info'), { recursive: true });
  write(at, '.git/info/attributes', `${line}\n`);
}

function program(at: string, path: string, ...lines: string[]): string {
  mkdirSync(join(at, path, '..'), { recursive: true });
  writeFileSync(join(at, path), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
  return join(at, path);
}

describe('capture, whatever the repository of the block says:', () => {
  captureCases([
    { title: 'untouched, beside a change', edit: changeFile, naive: 'right' },
    {
      title: 'a hook that takes the file out of the index',
      edit: hiding((at) => {
        const once = '[ -e .git/once ] || { : > .git/once; git update-index --force-remove file; }';
        program(at, '.git/hooks/post-index-change', once);
      }),
      naive: 'wrong',
    },
    {
      title: 'clean and smudge filters',
      edit: hiding((at) => {
        attribute(at, '* filter=x');
        configure(at, { 'filter.x.clean': 'echo one', 'filter.x.smudge': 'echo two', 'filter.x.required': 'true' });
      }),
      naive: 'wrong',
    },
    {
      title: 'a monitor that says that nothing changed',
      edit: (at) => {
        configure(at, { 'core.fsmonitor': program(at, '.git/monitor', String.raw`printf 'token\000'`) });
        configure(at, { 'core.fsmonitorHookVersion': '2' });
        git(at, 'update-index', '--fsmonitor');
        git(at, 'update-index', '--fsmonitor-valid', 'file');
        changeFile(at);
      },
      naive: 'wrong',
    },
    {
      title: 'a text conversion',
      edit: hiding((at) => {
        attribute(at, '* diff=x');
        configure(at, { 'diff.x.textconv': 'echo same' });
      }),
      naive: 'fails',
    },
    { title: 'an external diff', edit: hiding((at) => configure(at, { 'diff.external': 'true' })), naive: 'wrong' },
    {
      title: 'objects in an alternate that is gone',
      edit: hiding((at) => {
        rmSync(join(at, '.git', 'objects'), { recursive: true });
        mkdirSync(join(at, '.git', 'objects', 'info'), { recursive: true });
        write(at, '.git/objects/info/alternates', '/nonexistent/objects\n');
      }),
      naive: 'fails',
    },
    {
      title: 'a replaced blob',
      edit: hiding((at) => {
        git(at, 'replace', git(at, 'rev-parse', 'HEAD:file').trim(), git(at, 'hash-object', '-w', 'file').trim());
      }),
      naive: 'wrong',
    },
    {
      title: 'a replaced commit',
      edit: hiding((at) => {
        const head = git(at, 'rev-parse', 'HEAD').trim();
        git(at, 'commit', '--quiet', '--all', '--message=mine');
        git(at, 'replace', head, git(at, 'rev-parse', 'HEAD').trim());
        git(at, 'update-ref', '--no-deref', 'HEAD', head);
      }),
      naive: 'wrong',
    },
    {
      title: 'a commit of its own, with grafts',
      edit: hiding((at) => {
        git(at, 'commit', '--quiet', '--all', '--message=mine');
        write(at, '.git/info/grafts', git(at, 'rev-parse', 'HEAD'));
      }),
      naive: 'wrong',
    },
    {
      title: 'a branch without history',
      edit: hiding((at) => git(at, 'symbolic-ref', 'HEAD', 'refs/heads/unborn')),
      naive: 'fails',
    },
    {
      title: 'attributes of its own',
      edit: (at) => {
        rmSync(join(at, '.git', 'info', 'attributes'));
        write(
          at,
          '.gitattributes',
          '* text eol=lf ident export-ignore\nfile binary\nwide working-tree-encoding=UTF-16\n',
        );
        write(at, 'file', '$Id: mine $\r\n');
        write(at, 'windows', 'a\r\nb\n$Id: yours $\r\n');
        writeFileSync(join(at, 'wide'), Buffer.from('\ufeffwide\n', 'utf16le'));
      },
      naive: 'wrong',
    },
    {
      title: 'a conversion of line ends',
      edit: (at) => {
        rmSync(join(at, '.git', 'info', 'attributes'));
        configure(at, { 'core.autocrlf': 'input' });
        write(at, 'windows', 'a\r\nb\r\n');
      },
      naive: 'wrong',
    },
    {
      title: 'modes and links that it does not believe in',
      edit: (at) => {
        configure(at, { 'core.fileMode': 'false', 'core.symlinks': 'false' });
        chmodSync(join(at, 'file'), 0o755);
      },
      naive: 'wrong',
    },
  ]);
});
