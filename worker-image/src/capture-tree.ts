/** The tree that the workspace is now, as git objects beside those of the baseline, and what no patch of it can carry. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobLimits } from '#core/mailbox-protocol.ts';
import { breach } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import type { Baseline } from './baseline.ts';
import { leak } from './capture-outputs.ts';
import { summarizeExcluded } from './excluded-paths.ts';
import { type GitPlace, gitPaths, pathList, runGit } from './git.ts';
import type { Redactor } from './redactor.ts';
import { blobCommands, nameObjects, requireUntouched, shown, type WorkspaceObject } from './workspace-objects.ts';
import { scanWorkspace, type WorkspaceScan } from './workspace-scan.ts';

/** Of the patch itself, of one changed file, and of all changed files together. */
export type PatchLimits = Pick<JobLimits, 'patchBytes' | 'fileBytes' | 'outputsBytes'>;

/** Makes a tree of what lies in the workspace, from nothing but its files: no index or repository of a block has a say. */
export async function captureTree(
  tree: AttemptTree,
  baseline: Baseline,
  directory: string,
  limits: PatchLimits,
  redactor: Redactor,
): Promise<{ captured: string; excluded: string[] }> {
  const place: GitPlace = { ...baseline.place, index: join(directory, 'index') };
  const scan = await scanWorkspace(tree.workspace);
  const entries = await baselineEntries(baseline);
  keepSubmodules(entries.submodules, scan.emptyDirectories);
  const untracked = scan.files.filter((path) => !entries.files.has(path));
  // Names are in the patch, or in the list of what it leaves out.
  const named = [...untracked, ...scan.uncapturable, ...scan.emptyDirectories];
  const leaky = named.find((path) => redactor.holds(Buffer.from(path, 'latin1')));
  if (leaky !== undefined) throw leak('a name in the workspace');
  const ignored = new Set(await ignoredByBaseline(baseline, entries.ignoreFiles, untracked, directory));
  const files = scan.files.filter((path) => !ignored.has(path));
  // What was there before may be as large as it was.
  const maxBytes = (path: string): number => Math.max(limits.fileBytes, entries.files.get(path)?.sizeBytes ?? 0);
  const objects = await nameObjects(tree.workspace, files, baseline.tree, maxBytes);
  await storeObjects(place, tree.workspace, objects, entries, { ...limits, redactor });
  const captured = await writeTree(place, objects, entries.submodules);
  await requireStill(tree.workspace, scan, objects);
  const emptied = emptyDirectories(scan, entries).map((path) => `${path}/`);
  return { captured, excluded: summarizeExcluded([...ignored, ...scan.uncapturable, ...emptied], files) };
}

/** Hands git what the baseline has not. */
async function storeObjects(
  place: GitPlace,
  workspace: string,
  objects: ReadonlyMap<string, WorkspaceObject>,
  entries: BaselineEntries,
  limits: PatchLimits & { redactor: Redactor },
): Promise<void> {
  const known = new Set([...entries.files.values()].map(({ object }) => object));
  const fresh = new Map<string, [string, WorkspaceObject]>();
  for (const [path, object] of objects) if (!known.has(object.object)) fresh.set(object.object, [path, object]);
  let sizeBytes = 0;
  for (const [path, object] of fresh.values()) {
    sizeBytes += object.sizeBytes;
    if (object.sizeBytes > limits.fileBytes) {
      throw breach('patch_file_too_large', `is larger than ${limits.fileBytes} bytes`, shown(path));
    }
    if (sizeBytes <= limits.outputsBytes) continue;
    const problem = `the changed files are together larger than ${limits.outputsBytes} bytes`;
    throw breach('patch_too_large', problem, 'workspace');
  }
  if (fresh.size === 0) return;
  const read: { failed?: unknown } = {};
  async function* commands(): AsyncGenerator<Uint8Array> {
    try {
      yield* blobCommands(workspace, fresh.values(), limits.redactor);
    } catch (cause) {
      read.failed = cause;
      throw cause;
    }
  }
  try {
    await runGit(place, ['fast-import', '--quiet', '--depth=0'], { stdin: commands() });
  } catch (cause) {
    // Git fails too when its input ends early, and says less about it.
    throw read.failed ?? cause;
  }
  if (read.failed !== undefined) throw read.failed;
}

async function writeTree(
  place: GitPlace,
  objects: ReadonlyMap<string, WorkspaceObject>,
  submodules: ReadonlyMap<string, string>,
): Promise<string> {
  const lines = [...submodules].map(([path, commit]) => `160000 ${commit} 0\t${path}`);
  for (const [path, { mode, object }] of objects) lines.push(`${mode} ${object} 0\t${path}`);
  await runGit(place, ['update-index', '-z', '--index-info'], { stdin: pathList(lines) });
  // Git passes over names that it keeps for itself, and says that all went well.
  const taken = new Set(await gitPaths(place, ['ls-files', '--stage', '-z']));
  const left = lines.find((line) => !taken.has(line));
  if (left !== undefined) {
    throw breach(
      'patch_path_invalid',
      'is a name that git keeps for itself',
      shown(left.slice(left.indexOf('\t') + 1)),
    );
  }
  return await runGit(place, ['write-tree']);
}

/** What was captured is what lay there at one moment: nothing came, went or was written in between. */
async function requireStill(
  workspace: string,
  before: WorkspaceScan,
  objects: ReadonlyMap<string, WorkspaceObject>,
): Promise<void> {
  requireUntouched(workspace, objects);
  const now = await scanWorkspace(workspace);
  const same = now.files.length === before.files.length && now.files.every((path, at) => path === before.files[at]);
  if (!same) throw breach('workspace_changed', 'files came or went while it was captured', 'workspace');
}

interface BaselineEntries {
  files: Map<string, { object: string; sizeBytes: number }>;
  ignoreFiles: string[];
  /** Path to commit id. */
  submodules: Map<string, string>;
}

async function baselineEntries(baseline: Baseline): Promise<BaselineEntries> {
  const entries: BaselineEntries = { files: new Map(), ignoreFiles: [], submodules: new Map() };
  for (const line of await gitPaths(baseline.place, ['ls-tree', '-r', '-l', '-z', '--full-tree', baseline.tree])) {
    const [, type, object, size, path] = /^\d+ (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line) ?? [];
    if (type === undefined || object === undefined || path === undefined) continue;
    if (type === 'commit') entries.submodules.set(path, object);
    else entries.files.set(path, { object, sizeBytes: Number(size) });
    if (/(^|\/)\.gitignore$/.test(path)) entries.ignoreFiles.push(path);
  }
  return entries;
}

/** Git has no empty directories, so those that blocks made are left out. One that they emptied goes away with its files. */
function emptyDirectories(scan: WorkspaceScan, entries: BaselineEntries): string[] {
  if (scan.emptyDirectories.length === 0) return [];
  const before = new Set(entries.submodules.keys());
  for (const path of entries.files.keys()) {
    for (let cut = path.indexOf('/'); cut !== -1; cut = path.indexOf('/', cut + 1)) before.add(path.slice(0, cut));
  }
  return scan.emptyDirectories.filter((path) => !before.has(path));
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
  // With ./ before it, a name that begins with a colon is a name.
  const asked = { stdin: pathList(untracked.map((path) => `./${path}`)), accept: [1] };
  const ignored = await gitPaths(rules, ['check-ignore', '--no-index', '-z', '--stdin'], asked);
  return ignored.map((path) => path.slice(2));
}

/** A source bundle holds no submodule content, so a submodule can only stay as it is: an empty directory. */
function keepSubmodules(submodules: Map<string, string>, emptyDirectories: string[]): void {
  const empty = new Set(emptyDirectories);
  for (const path of submodules.keys()) {
    if (empty.has(path)) continue;
    throw breach('submodule_changed', 'a submodule was filled or removed, which a patch cannot carry', shown(path));
  }
}
