import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  createReadStream,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packSource } from '@waybill/client';
import { parsePatch } from '#core/patch.ts';
import { git, makeRepository } from '../../test/support/git-repository.ts';
import { AttemptEnded } from './attempt-ended.ts';
import { type AttemptTree, createAttemptTree, removeAttemptTree } from './attempt-tree.ts';
import { emptyBaseline, unpackBaseline } from './baseline.ts';
import { type CapturedPatch, capturePatch } from './capture-patch.ts';

const LATIN_1 = Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x0a]);
const BINARY = Buffer.from(Array.from({ length: 2_000 }, (_, index) => (index * 7) % 256));

interface Change {
  patch: string;
  captured: CapturedPatch;
  tree: AttemptTree;
  /** A clone of the repository, to which `git apply` has been done with the user's own git. */
  applied: string;
}

/** Packs, unpacks, lets `edit` loose on the workspace, captures, applies to a fresh clone and hands over. */
async function withChange(
  fill: (directory: string) => void,
  edit: (workspace: string) => void,
  check: (change: Change) => void | Promise<void>,
  maxBytes = 1_000_000,
): Promise<void> {
  const tree = await createAttemptTree('test');
  try {
    const repository = join(tree.root, 'repository');
    makeRepository(repository, () => fill(repository));
    const packed = await packSource({ url: repository }, { baseDir: tree.root, workDir: join(tree.root, 'packed') });
    const baseline = await unpackBaseline(tree, createReadStream(packed.path), packed.commit);
    edit(tree.workspace);
    const captured = await capturePatch(tree, baseline, maxBytes);
    const patch = readFileSync(captured.file.path, 'latin1');
    const applied = join(tree.root, 'applied');
    git(tree.root, 'clone', '--quiet', repository, applied);
    if (patch !== '') git(applied, 'apply', captured.file.path);
    await check({ patch, captured, tree, applied });
  } finally {
    await removeAttemptTree(tree);
  }
}

/** Every path below the directory with its kind, mode and bytes; `.git` at the top left out. */
function snapshot(directory: string): Record<string, string> {
  const found: Record<string, string> = {};
  // Names as latin1 text, so that those which are not UTF-8 survive.
  for (const name of readdirSync(directory, { recursive: true, encoding: 'latin1' })) {
    const path = Buffer.from(`${Buffer.from(directory).toString('latin1')}/${name}`, 'latin1');
    const stat = lstatSync(path);
    if (name === '.git' || name.startsWith('.git/') || stat.isDirectory()) continue;
    const content = stat.isSymbolicLink() ? `-> ${readlinkSync(path)}` : readFileSync(path, 'latin1');
    found[name] = `${stat.mode & 0o111 ? 'x' : '-'} ${content}`;
  }
  return found;
}

async function refused(
  reason: string,
  fill: (directory: string) => void,
  edit: (workspace: string) => void,
  maxBytes?: number,
): Promise<void> {
  await assert.rejects(
    withChange(fill, edit, () => {}, maxBytes),
    (error) => error instanceof AttemptEnded && error.reason === reason,
  );
}

const one = (directory: string): void => writeFileSync(join(directory, 'file'), 'one\n');

describe('capture patch:', () => {
  it('every kind of change comes back byte for byte', () =>
    withChange(
      (at) => {
        mkdirSync(join(at, 'dir'));
        writeFileSync(join(at, 'text'), 'a\nb\nc\n');
        writeFileSync(join(at, 'binary'), BINARY);
        writeFileSync(join(at, 'latin-1'), LATIN_1);
        writeFileSync(join(at, 'old name'), `${'line\n'.repeat(50)}`);
        writeFileSync(join(at, 'script'), '#!/bin/sh\n');
        writeFileSync(join(at, 'dir', 'gone'), 'x\n');
        writeFileSync(join(at, 'becomes-link'), 'x\n');
        writeFileSync(join(at, 'crlf'), 'a\r\nb\r\n');
        writeFileSync(join(at, 'ünïcode'), '1\n');
        symlinkSync('text', join(at, 'link'));
      },
      (at) => {
        writeFileSync(join(at, 'text'), 'a\nB\nc');
        writeFileSync(join(at, 'binary'), BINARY.toReversed());
        writeFileSync(join(at, 'latin-1'), Buffer.concat([LATIN_1, LATIN_1]));
        renameSync(join(at, 'old name'), join(at, 'new "name"'));
        chmodSync(join(at, 'script'), 0o755);
        rmSync(join(at, 'dir'), { recursive: true });
        rmSync(join(at, 'becomes-link'));
        symlinkSync('/etc/passwd', join(at, 'becomes-link'));
        writeFileSync(join(at, 'crlf'), 'a\r\nb\nc\r\n');
        writeFileSync(join(at, 'ünïcode'), '2\n');
        writeFileSync(Buffer.concat([Buffer.from(`${at}/caf`), Buffer.from([0xe9])]), 'name in Latin-1\n');
        writeFileSync(join(at, 'empty'), '');
        rmSync(join(at, 'link'));
        symlinkSync('elsewhere', join(at, 'link'));
      },
      ({ tree, applied, captured, patch }) => {
        assert.deepEqual(snapshot(applied), snapshot(tree.workspace));
        assert.deepEqual(captured.excluded, []);
        const changes = parsePatch(Buffer.from(patch, 'latin1')).files.map(({ change, path }) => `${change} ${path}`);
        assert.deepEqual(changes.sort(), [
          'added becomes-link',
          'added caf\\351',
          'added empty',
          'deleted becomes-link',
          'deleted dir/gone',
          'modified binary',
          'modified crlf',
          'modified latin-1',
          'modified link',
          'modified script',
          'modified text',
          'modified ünïcode',
          'renamed new "name"',
        ]);
      },
    ));

  it('no change is an empty patch', () =>
    withChange(
      one,
      () => {},
      ({ captured, patch }) => {
        assert.equal(patch, '');
        assert.equal(captured.file.sizeBytes, 0);
      },
    ));

  it('without a source every file is an addition', async () => {
    const tree = await createAttemptTree('test');
    try {
      writeFileSync(join(tree.workspace, 'new'), 'x\n');
      const { file } = await capturePatch(tree, await emptyBaseline(tree), 1_000);
      assert.deepEqual(
        parsePatch(readFileSync(file.path)).files.map(({ change, path }) => [change, path]),
        [['added', 'new']],
      );
    } finally {
      await removeAttemptTree(tree);
    }
  });

  describe('nothing that a block writes hides a change:', () => {
    const change = (at: string): void => writeFileSync(join(at, 'file'), 'two\n');
    for (const [title, hide] of [
      ['ignore rules', (at) => writeFileSync(join(at, '.gitignore'), '*\n')],
      ['excludes of the repository', (at) => writeFileSync(join(at, '.git', 'info', 'exclude'), '*\n')],
      ['attributes', (at) => writeFileSync(join(at, '.gitattributes'), '* binary -diff filter=x eol=crlf ident\n')],
      ['an index that assumes files unchanged', (at) => git(at, 'update-index', '--assume-unchanged', 'file')],
      ['an index that skips the work tree', (at) => git(at, 'update-index', '--skip-worktree', 'file')],
      ['a commit', (at) => git(at, 'commit', '--quiet', '--all', '--message=mine')],
      ['no repository any more', (at) => rmSync(join(at, '.git'), { recursive: true })],
      ['a broken repository', (at) => writeFileSync(join(at, '.git', 'config'), 'garbage [')],
      [
        'a filter and a monitor in the configuration',
        (at) => {
          git(at, 'config', 'filter.x.clean', 'cat /dev/null');
          git(at, 'config', 'core.fsmonitor', 'false #');
          git(at, 'config', 'core.autocrlf', 'input');
        },
      ],
      [
        'size and time as before',
        (at) => {
          const { atime, mtime } = lstatSync(join(at, 'file'));
          writeFileSync(join(at, 'file'), 'two\n');
          utimesSync(join(at, 'file'), atime, mtime);
        },
      ],
    ] as [string, (at: string) => void][]) {
      it(title, () =>
        withChange(
          one,
          (at) => {
            change(at);
            hide(at);
          },
          ({ tree, applied }) => {
            assert.equal(readFileSync(join(applied, 'file'), 'utf8'), 'two\n');
            assert.deepEqual(snapshot(applied), snapshot(tree.workspace));
          },
        ),
      );
    }
  });

  it('runs no hook, filter, text conversion or external diff of anybody', () =>
    withChange(
      (at) => {
        writeFileSync(join(at, '.gitattributes'), '* filter=evil diff=evil\n');
        one(at);
      },
      (at) => {
        const run = `touch ${join(at, '..', 'ran')}; cat`;
        for (const name of ['filter.evil.clean', 'filter.evil.smudge', 'diff.evil.textconv', 'diff.evil.command'])
          git(at, 'config', name, run);
        mkdirSync(join(at, '.git', 'hooks'));
        writeFileSync(join(at, '.git', 'hooks', 'post-index-change'), `#!/bin/sh\n${run}`, { mode: 0o755 });
        writeFileSync(join(at, 'file'), 'two\n');
      },
      ({ tree, patch }) => {
        assert.equal(readdirSync(tree.waybill).includes('ran'), false);
        assert.match(patch, /^\+two$/m);
      },
    ));

  it('text attributes of the source convert neither the workspace nor the patch', () =>
    withChange(
      (at) => {
        writeFileSync(join(at, 'crlf'), 'a\r\n');
        git(at, 'add', 'crlf');
        git(at, 'commit', '--quiet', '--message=before the attribute');
        writeFileSync(join(at, '.gitattributes'), '*.txt text eol=crlf ident\n');
        writeFileSync(join(at, 'a.txt'), '$Id$\nlf\n');
      },
      (at) => {
        assert.equal(readFileSync(join(at, 'a.txt'), 'utf8'), '$Id$\nlf\n');
        writeFileSync(join(at, 'a.txt'), '$Id$\nlf\nmore\n');
      },
      ({ patch }) => {
        assert.match(patch, /^\+more$/m);
        assert.doesNotMatch(patch, /\r/);
      },
    ));

  it('what the baseline ignores is left out and listed, and what a block ignores is neither', () =>
    withChange(
      (at) => {
        writeFileSync(join(at, '.gitignore'), 'build/\n*.log\n!keep.log\n');
        mkdirSync(join(at, 'build'));
        writeFileSync(join(at, 'build', 'tracked'), '1\n');
      },
      (at) => {
        writeFileSync(join(at, '.gitignore'), 'secret\n');
        for (const directory of ['build/deep', 'sub/build/x', 'src'])
          mkdirSync(join(at, directory), { recursive: true });
        for (const name of [
          'build/tracked',
          'build/new',
          'build/deep/a',
          'sub/build/x/y',
          'src/a.log',
          'src/keep.log',
          'src/b',
          'secret',
        ])
          writeFileSync(join(at, name), '2\n');
      },
      ({ captured, patch }) => {
        const changed = parsePatch(Buffer.from(patch, 'latin1')).files.map(({ path }) => path);
        assert.deepEqual(changed.sort(), ['.gitignore', 'build/tracked', 'secret', 'src/b', 'src/keep.log']);
        assert.deepEqual(captured.excluded, ['build/deep/', 'build/new', 'src/a.log', 'sub/']);
      },
    ));

  it('a repository inside the workspace is captured like any directory, its own .git is listed', () =>
    withChange(
      one,
      (at) => {
        mkdirSync(join(at, 'nested'));
        git(join(at, 'nested'), 'init', '--quiet');
        writeFileSync(join(at, 'nested', 'inside'), 'x\n');
        execFileSync('mkfifo', [join(at, 'pipe')]);
      },
      ({ captured, applied }) => {
        assert.equal(readFileSync(join(applied, 'nested', 'inside'), 'utf8'), 'x\n');
        assert.deepEqual(captured.excluded, ['nested/.git', 'pipe']);
      },
    ));

  it('a link to a directory is captured as a link, and nothing behind it', () =>
    withChange(
      one,
      (at) => symlinkSync('/etc', join(at, 'etc')),
      ({ applied }) => assert.equal(readlinkSync(join(applied, 'etc')), '/etc'),
    ));

  describe('submodules', () => {
    const submodule = (at: string): void => {
      one(at);
      git(at, 'update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},sub`);
      mkdirSync(join(at, 'sub'));
    };

    it('stay what they are when nobody touches them', () =>
      withChange(
        submodule,
        (at) => writeFileSync(join(at, 'file'), '2\n'),
        ({ patch }) => assert.doesNotMatch(patch, /sub/),
      ));

    it('that are filled or removed end the attempt by name', async () => {
      await refused('submodule_changed', submodule, (at) => writeFileSync(join(at, 'sub', 'new'), 'x'));
      await refused('submodule_changed', submodule, (at) => rmSync(join(at, 'sub'), { recursive: true }));
    });
  });

  it('a patch over its limit is refused, one below it is not', async () => {
    const edit = (at: string): void => writeFileSync(join(at, 'file'), 'long\n'.repeat(1_000));
    await refused('patch_too_large', one, edit, 4_000);
    await withChange(one, edit, ({ patch }) => assert.ok(patch.length > 4_000));
  });

  it('a name that nobody could write safely is refused with a reason', () =>
    refused('patch_path_invalid', one, (at) => writeFileSync(join(at, 'a\\b'), '')));

  it('a bundle that does not hold the pinned commit is refused', async () => {
    const tree = await createAttemptTree('test');
    try {
      const repository = join(tree.root, 'repository');
      makeRepository(repository, () => one(repository));
      const packed = await packSource({ url: repository }, { baseDir: tree.root, workDir: join(tree.root, 'packed') });
      for (const [bundle, commit] of [
        [createReadStream(packed.path), '2'.repeat(40)],
        [createReadStream(packed.path, { end: packed.sizeBytes - 30 }), packed.commit],
      ] as const) {
        await assert.rejects(
          unpackBaseline(tree, bundle, commit),
          (error) => error instanceof AttemptEnded && error.reason === 'source_invalid',
        );
        rmSync(join(tree.private, 'baseline.git'), { recursive: true });
      }
    } finally {
      await removeAttemptTree(tree);
    }
  });

  it('the decoy is an ordinary clean repository at the pinned commit', () =>
    withChange(
      one,
      (at) => {
        assert.equal(git(at, 'status', '--porcelain'), '');
        assert.match(git(at, 'log', '--oneline'), /start/);
        cpSync(join(at, 'file'), join(at, 'copy'));
        assert.equal(git(at, 'status', '--porcelain'), '?? copy\n');
      },
      () => {},
    ));
});
