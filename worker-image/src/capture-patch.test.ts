import assert from 'node:assert/strict';
import {
  cpSync,
  createReadStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packSource } from '@waybill/client';
import { parsePatch } from '@waybill/client/patch';
import { JOB_LIMITS } from '#core/names.ts';
import { captureCases } from '../../test/support/capture-case.ts';
import { git, makeRepository } from '../../test/support/git-repository.ts';
import { NO_SECRETS } from '../../test/support/no-secrets.ts';
import { AttemptEnded } from './attempt-ended.ts';
import { type AttemptTree, createAttemptTree, removeAttemptTree } from './attempt-tree.ts';
import { emptyBaseline, unpackBaseline } from './baseline.ts';
import { capturePatch } from './capture-patch.ts';

const one = (directory: string): void => writeFileSync(join(directory, 'file'), 'one\n');

async function withTree(work: (tree: AttemptTree) => Promise<void>): Promise<void> {
  const tree = createAttemptTree('test');
  try {
    await work(tree);
  } finally {
    await removeAttemptTree(tree);
  }
}

async function packOne(tree: AttemptTree): Promise<Awaited<ReturnType<typeof packSource>>> {
  const repository = join(tree.root, 'repository');
  makeRepository(repository, () => one(repository));
  return await packSource({ url: repository }, { baseDir: tree.root, workDir: join(tree.root, 'packed') });
}

describe('capture patch:', () => {
  it('without a source every file is an addition', () =>
    withTree(async (tree) => {
      writeFileSync(join(tree.workspace, 'new'), 'x\n');
      const { file } = await capturePatch(tree, await emptyBaseline(tree), JOB_LIMITS, NO_SECRETS);
      assert.deepEqual(
        parsePatch(readFileSync(file.path)).files.map(({ change, path }) => [change, path]),
        [['added', 'new']],
      );
    }));

  let beside = '';
  captureCases([
    {
      title: 'runs no hook, filter, text conversion, monitor or external diff of anybody',
      fill: (at) => {
        writeFileSync(join(at, '.gitattributes'), '* filter=evil diff=evil\n');
        one(at);
      },
      edit: (at) => {
        beside = join(at, '..');
        const run = `touch ${join(beside, 'ran')}; cat`;
        for (const name of ['filter.evil.clean', 'filter.evil.smudge', 'diff.evil.textconv', 'diff.evil.command'])
          git(at, 'config', name, run);
        mkdirSync(join(at, '.git', 'hooks'));
        for (const name of ['monitor', 'hooks/post-index-change'])
          writeFileSync(join(at, '.git', name), `#!/bin/sh\n${run}`, { mode: 0o755 });
        git(at, 'config', 'core.fsmonitor', join(at, '.git', 'monitor'));
        writeFileSync(join(at, 'file'), 'two\n');
        rmSync(join(beside, 'ran'), { force: true });
      },
      check: (_, patch) => {
        assert.equal(readdirSync(beside).includes('ran'), false);
        assert.match(patch, /^\+two$/m);
      },
    },
    {
      title: 'text attributes of the source convert neither the workspace nor the patch',
      fill: (at) => {
        writeFileSync(join(at, '.gitattributes'), '*.txt text eol=crlf ident\n');
        writeFileSync(join(at, 'a.txt'), '$Id$\nlf\n');
      },
      edit: (at) => {
        assert.equal(readFileSync(join(at, 'a.txt'), 'utf8'), '$Id$\nlf\n');
        writeFileSync(join(at, 'a.txt'), '$Id$\nlf\nmore\n');
      },
      check: (_, patch) => {
        assert.match(patch, /^\+more$/m);
        assert.doesNotMatch(patch, /\r/);
      },
    },
    {
      title: 'what the baseline ignores is left out and listed, and what a block ignores is neither',
      fill: (at) => {
        writeFileSync(join(at, '.gitignore'), 'build/\n*.log\n!keep.log\n');
        mkdirSync(join(at, 'build'));
        writeFileSync(join(at, 'build', 'tracked'), '1\n');
      },
      edit: (at) => {
        writeFileSync(join(at, '.gitignore'), 'secret\n');
        for (const directory of ['build/deep', 'sub/build/x', 'src'])
          mkdirSync(join(at, directory), { recursive: true });
        const names = [
          'build/tracked',
          'build/new',
          'build/deep/a',
          'sub/build/x/y',
          'src/a.log',
          'src/keep.log',
          'src/b',
        ];
        for (const name of [...names, 'secret']) writeFileSync(join(at, name), '2\n');
      },
      excluded: ['build/deep/', 'build/new', 'src/a.log', 'sub/'],
      check: (_, patch) => {
        const changed = parsePatch(Buffer.from(patch, 'latin1')).files.map(({ path }) => path);
        assert.deepEqual(changed.sort(), ['.gitignore', 'build/tracked', 'secret', 'src/b', 'src/keep.log']);
      },
    },
    {
      title: 'ignore rules behind a link are no rules of the baseline',
      fill: (at) => {
        one(at);
        writeFileSync(join(at, 'rules'), '*\n');
        symlinkSync('rules', join(at, '.gitignore'));
      },
      edit: (at) => writeFileSync(join(at, 'new'), 'x\n'),
    },
  ]);

  it('a bundle that does not hold the pinned commit is refused', () =>
    withTree(async (tree) => {
      const packed = await packOne(tree);
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
    }));

  it('the decoy is an ordinary clean repository at the pinned commit', () =>
    withTree(async (tree) => {
      const packed = await packOne(tree);
      const at = tree.workspace;
      await unpackBaseline(tree, createReadStream(packed.path), packed.commit);
      assert.equal(git(at, 'status', '--porcelain'), '');
      assert.match(git(at, 'log', '--oneline'), /start/);
      cpSync(join(at, 'file'), join(at, 'copy'));
      assert.equal(git(at, 'status', '--porcelain'), '?? copy\n');
    }));
});
