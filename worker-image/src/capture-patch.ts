/**
 * Turns what blocks did to the workspace into a patch, and proves that the patch says it: applied to a clean checkout of
 * the baseline it gives the tree that was captured.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TerminalError } from '@waybill/client/errors';
import { PATCH_NAME } from '#core/output-name.ts';
import { parsePatch } from '#core/patch.ts';
import { breach } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import type { Baseline } from './baseline.ts';
import { type CapturedFile, describeFile } from './captured-file.ts';
import { summarizeExcluded } from './excluded-paths.ts';
import { type GitPlace, gitPaths, gitStream, pathList, runGit } from './git.ts';
import { scanWorkspace } from './workspace-scan.ts';

export interface CapturedPatch {
  file: CapturedFile;
  /** Workspace paths that the patch leaves out; see `summarizeExcluded`. */
  excluded: string[];
}

/** No change is an empty patch of 0 bytes. Throws AttemptEnded with the reason why the change cannot be captured. */
export async function capturePatch(tree: AttemptTree, baseline: Baseline, maxBytes: number): Promise<CapturedPatch> {
  const directory = await mkdtemp(join(tree.private, 'patch-'));
  const { captured, excluded } = await captureTree(tree, baseline, directory);
  const path = join(directory, 'patch');
  await writeDiff(baseline, captured, directory, path, maxBytes);
  refuseUnreadable(await readFile(path));
  await proveThatItApplies(baseline, captured, directory, path);
  return { file: await describeFile(PATCH_NAME, 'patch', path), excluded };
}

/** Writes the workspace into a fresh index, so that no cached size or time can stand for content. */
async function captureTree(
  tree: AttemptTree,
  baseline: Baseline,
  directory: string,
): Promise<{ captured: string; excluded: string[] }> {
  const place: GitPlace = { ...baseline.place, index: join(directory, 'index'), workTree: tree.workspace };
  const scan = await scanWorkspace(tree.workspace);
  const entries = await baselineEntries(baseline);
  const untracked = scan.files.filter((path) => !entries.files.has(path));
  const ignored = new Set(await ignoredByBaseline(baseline, entries.ignoreFiles, untracked, directory));
  const files = scan.files.filter((path) => !ignored.has(path));
  keepSubmodules(entries.submodules, scan.emptyDirectories);
  try {
    await runGit(place, ['update-index', '-z', '--index-info'], { stdin: submoduleLines(entries.submodules) });
    await runGit(place, ['update-index', '--add', '-z', '--stdin'], { stdin: pathList(files) });
  } catch (cause) {
    throw breach('workspace_unreadable', 'the workspace could not be read whole', 'workspace', cause);
  }
  const captured = await runGit(place, ['write-tree']);
  return { captured, excluded: summarizeExcluded([...ignored, ...scan.uncapturable], files) };
}

interface BaselineEntries {
  files: Set<string>;
  ignoreFiles: string[];
  /** Path to commit id. */
  submodules: Map<string, string>;
}

async function baselineEntries(baseline: Baseline): Promise<BaselineEntries> {
  const entries: BaselineEntries = { files: new Set(), ignoreFiles: [], submodules: new Map() };
  for (const line of await gitPaths(baseline.place, ['ls-tree', '-r', '-z', '--full-tree', baseline.tree])) {
    const [, type, object, path] = /^\d+ (\w+) ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
    if (type === undefined || object === undefined || path === undefined) continue;
    if (type === 'commit') entries.submodules.set(path, object);
    else entries.files.add(path);
    if (/(^|\/)\.gitignore$/.test(path)) entries.ignoreFiles.push(path);
  }
  return entries;
}

/** Asks git with the baseline's ignore files alone, in a directory of its own: those that blocks wrote have no say. */
async function ignoredByBaseline(
  baseline: Baseline,
  ignoreFiles: string[],
  untracked: string[],
  directory: string,
): Promise<string[]> {
  if (ignoreFiles.length === 0 || untracked.length === 0) return [];
  const rules: GitPlace = {
    ...baseline.place,
    index: join(directory, 'rules-index'),
    workTree: join(directory, 'rules'),
  };
  await mkdir(rules.workTree);
  await runGit(rules, ['read-tree', baseline.tree]);
  await runGit(rules, ['checkout-index', '--quiet', '-z', '--stdin'], { stdin: pathList(ignoreFiles) });
  const asked = { stdin: pathList(untracked), accept: [1] };
  return await gitPaths(rules, ['check-ignore', '--no-index', '-z', '--stdin'], asked);
}

/** A source bundle holds no submodule content, so a submodule can only stay as it is: an empty directory. */
function keepSubmodules(submodules: Map<string, string>, emptyDirectories: string[]): void {
  const empty = new Set(emptyDirectories);
  for (const path of submodules.keys()) {
    if (empty.has(path)) continue;
    throw breach('submodule_changed', 'a submodule was filled or removed, which a patch cannot carry', printable(path));
  }
}

function* submoduleLines(submodules: Map<string, string>): Generator<Uint8Array> {
  for (const [path, commit] of submodules) yield Buffer.from(`160000 ${commit}\t${path}\0`, 'latin1');
}

async function writeDiff(
  baseline: Baseline,
  captured: string,
  directory: string,
  path: string,
  maxBytes: number,
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
    '--find-renames',
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

function printable(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}
