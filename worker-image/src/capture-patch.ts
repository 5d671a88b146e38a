/**
 * Turns what blocks did to the workspace into a patch, and proves that the patch says it: applied to a clean checkout of
 * the baseline it gives the tree that was captured.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TerminalError } from '@waybill/client/errors';
import { parsePatch } from '@waybill/client/patch';
import { PATCH_NAME } from '#core/output-name.ts';
import { AttemptEnded, breach } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import type { Baseline } from './baseline.ts';
import { captureTree, type PatchLimits } from './capture-tree.ts';
import { type CapturedFile, describeFile } from './captured-file.ts';
import { type GitPlace, gitPaths, gitStream, pathList, runGit } from './git.ts';
import type { Redactor } from './redactor.ts';

type Renames = 'find-renames' | 'no-renames';

export interface CapturedPatch {
  file: CapturedFile;
  /** Workspace paths that the patch leaves out; see `summarizeExcluded`. */
  excluded: string[];
}

/** No change is an empty patch of 0 bytes. Throws AttemptEnded with the reason why the change cannot be captured. */
export async function capturePatch(
  tree: AttemptTree,
  baseline: Baseline,
  limits: PatchLimits,
  redactor: Redactor,
): Promise<CapturedPatch> {
  const directory = await mkdtemp(join(tree.private, 'patch-'));
  const { captured, excluded } = await captureTree(tree, baseline, directory, limits, redactor);
  const path = await writePatch(baseline, captured, directory, limits.patchBytes, 'find-renames').catch(
    async (error: unknown) => {
      if (!(error instanceof AttemptEnded) || error.reason !== 'patch_does_not_apply') throw error;
      // Git cannot apply every rename that it finds, such as that of a link whose old name becomes a directory.
      return await writePatch(baseline, captured, directory, limits.patchBytes, 'no-renames');
    },
  );
  return { file: await describeFile(PATCH_NAME, 'patch', path), excluded };
}

/** Resolves with the path of a patch that is proved to apply. */
async function writePatch(
  baseline: Baseline,
  captured: string,
  above: string,
  maxBytes: number,
  renames: Renames,
): Promise<string> {
  const directory = join(above, renames);
  await mkdir(directory);
  const path = join(directory, 'patch');
  await writeDiff(baseline, captured, directory, path, maxBytes, renames);
  refuseUnreadable(await readFile(path));
  await proveThatItApplies(baseline, captured, directory, path);
  return path;
}

async function writeDiff(
  baseline: Baseline,
  captured: string,
  directory: string,
  path: string,
  maxBytes: number,
  renames: Renames,
): Promise<void> {
  // An empty work tree: attributes are read from there, and none of the workspace may speak.
  const workTree = join(directory, 'empty');
  await mkdir(workTree);
  const diff = gitStream({ ...baseline.place, workTree }, [
    'diff-tree',
    '-r',
    '--patch',
    '--binary',
    '--full-index',
    `--${renames}`,
    '--no-ext-diff',
    '--no-textconv',
    '--no-color',
    '--src-prefix=a/',
    '--dst-prefix=b/',
    baseline.tree,
    captured,
  ]);
  let sizeBytes = 0;
  async function* capped(): AsyncGenerator<Uint8Array> {
    for await (const chunk of diff) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes) throw breach('patch_too_large', `the patch is larger than ${maxBytes} bytes`, 'patch');
      yield chunk;
    }
  }
  await pipeline(capped(), createWriteStream(path, { mode: 0o600 }));
}

/** The control plane will read the patch with the same parser; what that refuses must be known here, with its reason. */
function refuseUnreadable(patch: Uint8Array): void {
  try {
    parsePatch(patch);
  } catch (cause) {
    if (!(cause instanceof TerminalError)) throw cause;
    throw breach('patch_path_invalid', `the patch ${cause.problem}`, cause.path, cause);
  }
}

async function proveThatItApplies(
  baseline: Baseline,
  captured: string,
  directory: string,
  path: string,
): Promise<void> {
  if ((await stat(path)).size === 0 && baseline.tree === captured) return;
  const clean: GitPlace = {
    ...baseline.place,
    index: join(directory, 'clean-index'),
    workTree: join(directory, 'clean'),
  };
  await mkdir(clean.workTree);
  try {
    await runGit(clean, ['read-tree', baseline.tree]);
    // Only files that the patch reads are checked out; the index stands for all the others.
    const touched = [
      'diff-tree',
      '-r',
      '-z',
      '--name-only',
      '--no-renames',
      '--diff-filter=MDT',
      baseline.tree,
      captured,
    ];
    const before = await gitPaths(clean, touched);
    // -u records what was checked out in the index: apply compares the two.
    await runGit(clean, ['checkout-index', '--quiet', '-u', '-z', '--stdin'], { stdin: pathList(before) });
    await runGit(clean, ['apply', '--index', '--whitespace=nowarn', path]);
  } catch (cause) {
    throw breach('patch_does_not_apply', 'the captured patch does not apply to its own baseline', 'patch', cause);
  }
  if ((await runGit(clean, ['write-tree'])) !== captured) {
    throw breach('patch_does_not_apply', 'the captured patch gives another tree than the one captured', 'patch');
  }
}
