import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { JobLimits } from '#core/mailbox-protocol.ts';
import { CHECKPOINT_NAME, PATCH_NAME } from '#core/output-name.ts';
import { indexWeight, MAX_INDEX_WEIGHT } from '#core/outputs-frame.ts';
import { NO_SECRETS } from '../../test/support/no-secrets.ts';
import { AttemptEnded } from './attempt-ended.ts';
import { type AttemptTree, createAttemptTree, removeAttemptTree } from './attempt-tree.ts';
import { captureOutputs, openPlainFile } from './capture-outputs.ts';
import { type CapturedFile, describeFile } from './captured-file.ts';
import { frameOf } from './framed-files.ts';

const LIMITS: JobLimits = { outputsBytes: 1_200, fileBytes: 1_000, files: 3, logBytes: 0, patchBytes: 0 };

async function withTree(use: (tree: AttemptTree) => Promise<void>): Promise<void> {
  const tree = createAttemptTree('test');
  try {
    await use(tree);
  } finally {
    await removeAttemptTree(tree);
  }
}

describe('capture outputs:', () => {
  it('files become outputs by their path, copied out of the reach of later blocks', () =>
    withTree(async (tree) => {
      mkdirSync(join(tree.outputs, 'a', 'b'), { recursive: true });
      writeFileSync(join(tree.outputs, 'a', 'b', 'one'), 'first');
      writeFileSync(join(tree.outputs, 'zwei-ü'), '');
      const captured = await captureOutputs(tree, LIMITS, NO_SECRETS);
      writeFileSync(join(tree.outputs, 'a', 'b', 'one'), 'changed later');
      const bytes = captured.map(({ name, path, sizeBytes }) => [name, readFileSync(path, 'utf8'), sizeBytes]);
      assert.deepEqual(bytes.sort(), [
        ['outputs/a/b/one', 'first', 5],
        ['outputs/zwei-ü', '', 0],
      ]);
    }));

  it('a file behind a link that took the place of a directory is refused; the same file at its own place is not', () =>
    withTree(async (tree) => {
      mkdirSync(join(tree.private, 'secrets'));
      writeFileSync(join(tree.private, 'secrets', 'file'), 'secret');
      symlinkSync(join(tree.private, 'secrets'), join(tree.outputs, 'a'));
      const throughLink = openPlainFile(join(tree.outputs, 'a', 'file'), 'outputs/a/file');
      await assert.rejects(throughLink, (error) => error instanceof AttemptEnded && error.reason === 'output_symlink');
      await (await openPlainFile(join(tree.private, 'secrets', 'file'), 'outputs/file')).close();
    }));

  it('no outputs are no outputs', () =>
    withTree(async (tree) => assert.deepEqual(await captureOutputs(tree, LIMITS, NO_SECRETS), [])));

  const at = (tree: AttemptTree, name: string): string => join(tree.outputs, name);
  for (const [title, reason, make] of [
    ['a symbolic link', 'output_symlink', (tree) => symlinkSync('/etc/passwd', at(tree, 'l'))],
    ['a link to a directory', 'output_symlink', (tree) => symlinkSync('/etc', at(tree, 'l'))],
    [
      'a file with a second name',
      'output_hard_link',
      (tree) => {
        writeFileSync(join(tree.workspace, 'w'), '');
        linkSync(join(tree.workspace, 'w'), at(tree, 'h'));
      },
    ],
    ['a pipe', 'output_special_file', (tree) => execFileSync('mkfifo', [at(tree, 'p')])],
    [
      'a socket',
      'output_special_file',
      (tree) =>
        new Promise<void>((resolve) => {
          const server = createServer();
          server.listen(at(tree, 's'), () => resolve());
          server.unref();
        }),
    ],
    ['a backslash in a name', 'output_name_invalid', (tree) => writeFileSync(at(tree, 'a\\b'), '')],
    ['a line feed in a name', 'output_name_invalid', (tree) => writeFileSync(at(tree, 'a\nb'), '')],
    ['a bad directory name', 'output_name_invalid', (tree) => mkdirSync(at(tree, 'a\u202eb'))],
    [
      'a name that is not UTF-8',
      'output_name_invalid',
      (tree) => writeFileSync(Buffer.concat([Buffer.from(`${tree.outputs}/caf`), Buffer.from([0xe9])]), ''),
    ],
    ['a file over its limit', 'output_too_large', (tree) => writeFileSync(at(tree, 'big'), Buffer.alloc(1_001))],
    [
      'files over their limit together',
      'output_too_large',
      (tree) => ['1', '2'].map((name) => writeFileSync(at(tree, name), Buffer.alloc(700))),
    ],
    [
      'more files than allowed',
      'output_too_many',
      (tree) => ['1', '2', '3', '4'].map((name) => writeFileSync(at(tree, name), '')),
    ],
  ] as [string, string, (tree: AttemptTree) => unknown][]) {
    it(`${title} ends the attempt with ${reason}`, () =>
      withTree(async (tree) => {
        await make(tree);
        await assert.rejects(
          captureOutputs(tree, LIMITS, NO_SECRETS),
          (error) => error instanceof AttemptEnded && error.reason === reason && error.outcome === 'contract_error',
        );
      }));
  }

  it('names that do not fit into one record end the attempt, and say what to do instead', () =>
    withTree(async (tree) => {
      const limits = { ...LIMITS, files: 1_000 };
      for (let n = 0; n < 100; n += 1) writeFileSync(join(tree.outputs, String(n).padEnd(200, 'x')), '');
      assert.equal((await captureOutputs(tree, limits, NO_SECRETS)).length, 100);
      for (let n = 100; n < 140; n += 1) writeFileSync(join(tree.outputs, String(n).padEnd(200, 'x')), '');
      await assert.rejects(
        captureOutputs(tree, limits, NO_SECRETS),
        (error) =>
          error instanceof AttemptEnded &&
          error.reason === 'output_too_many' &&
          /48000 bytes.*one archive/.test(error.message),
      );
    }));

  it('names that just fit leave room in the record for a patch and a checkpoint', () =>
    withTree(async (tree) => {
      const write = (name: string): void => writeFileSync(join(tree.outputs, name), '');
      const weightOf = (name: string): number => indexWeight([{ name: `outputs/${name}` }]);
      const long = Array.from({ length: 100 }, (_, n) => String(n).padEnd(200, 'x'));
      const left = MAX_INDEX_WEIGHT - long.reduce((sum, name) => sum + weightOf(name), 0);
      const short = Array.from({ length: Math.floor(left / weightOf('100')) }, (_, n) => String(100 + n));
      // So many would fit alone. Of the last five, those are left out that do not fit beside the others.
      for (const name of [...long, ...short.slice(0, -5)]) write(name);
      const limits = { ...LIMITS, files: 1_000 };
      let captured: CapturedFile[] = [];
      let isFull = false;
      for (const name of short.slice(-5)) {
        captured = await captureOutputs(tree, limits, NO_SECRETS);
        write(name);
        isFull = await captureOutputs(tree, limits, NO_SECRETS).then(
          () => false,
          (error: AttemptEnded) => error.reason === 'output_too_many',
        );
        if (isFull) break;
      }
      assert.ok(isFull && captured.length > 100);
      const extra = [CHECKPOINT_NAME, PATCH_NAME] as const;
      const kinds = { [CHECKPOINT_NAME]: 'checkpoint', [PATCH_NAME]: 'patch' } as const;
      const more = await Promise.all(
        extra.map((one) => describeFile(one, kinds[one], join(tree.outputs, long[0] ?? ''))),
      );
      frameOf([...captured, ...more]);
    }));
});
