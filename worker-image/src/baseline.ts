/**
 * The state that a patch is measured from. The platform keeps it in a repository outside the workspace; the `.git` that a
 * block finds in its workspace is a copy for its convenience, and whatever it does to that one changes nothing here.
 */
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { breach } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import { type GitPlace, initRepository, runGit } from './git.ts';

export interface Baseline {
  place: GitPlace;
  /** The tree object that the workspace was made from; the empty tree without a source. */
  tree: string;
}

const NO_COMMIT = '0'.repeat(40);

/** Without a source: every file of the workspace is an addition. Made only when somebody captures. */
export async function emptyBaseline(tree: AttemptTree): Promise<Baseline> {
  const place = placeOf(tree);
  await initRepository(place.repository, NO_COMMIT);
  return { place, tree: await runGit(place, ['mktree'], { stdin: [] }) };
}

/**
 * Unpacks a source bundle and fills the workspace with the commit's tree, byte for byte.
 * Throws AttemptEnded `source_invalid` when the bundle does not hold that commit, whole.
 */
export async function unpackBaseline(
  tree: AttemptTree,
  bundle: AsyncIterable<Uint8Array>,
  commit: string,
): Promise<Baseline> {
  const place = placeOf(tree);
  await initRepository(place.repository, commit);
  // The bundle holds one commit; this says that the absence of its parents is no damage.
  await writeFile(join(place.repository, 'shallow'), `${commit}\n`);
  let root: string;
  try {
    await runGit(place, ['index-pack', '--stdin', '--strict'], { stdin: bundle });
    root = await runGit(place, ['rev-parse', '--verify', `${commit}^{tree}`]);
    await runGit(place, ['read-tree', root]);
    await runGit(place, ['checkout-index', '--all', '--force', '--quiet']);
  } catch (cause) {
    throw breach('source_invalid', 'the source bundle does not hold the pinned commit', 'source', cause);
  }
  await placeDecoy(tree, place, commit);
  return { place, tree: root };
}

function placeOf(tree: AttemptTree): GitPlace {
  const repository = join(tree.private, 'baseline.git');
  return { repository, index: join(repository, 'index'), workTree: tree.workspace };
}

/** An ordinary repository at the pinned commit, for blocks that ask git about their workspace. */
async function placeDecoy(tree: AttemptTree, place: GitPlace, commit: string): Promise<void> {
  const decoy = join(tree.workspace, '.git');
  await cp(place.repository, decoy, { recursive: true });
  await mkdir(join(decoy, 'refs', 'heads'), { recursive: true });
  await writeFile(join(decoy, 'HEAD'), `${commit}\n`);
  await chmod(decoy, 0o755);
  const configure = ['config', '--file', join(decoy, 'config')];
  await runGit(place, [...configure, 'core.bare', 'false']);
  // The path of the workspace as the wrapper sees it, which is not how a block sees it.
  await runGit(place, [...configure, '--unset-all', 'core.worktree'], { accept: [5] });
}
