/**
 * The directories of one attempt: what its blocks see, and what only the wrapper does. Made, and removed where little is in them, in calls
 * that nobody waits for: to have another thread make a directory takes longer than to make it.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, opendirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CHECKPOINT_NAME } from '#core/output-name.ts';

/** A tree with no more names is removed at once. One that blocks have filled would keep pulse and stop waiting for as long as they like. */
const FEW_NAMES = 256;

export interface AttemptTree {
  /** Gone when the attempt ends. */
  root: string;
  workspace: string;
  /** As are the two below: made by who puts something there. Each directory takes time to be made and removed. */
  inputs: string;
  outputs: string;
  home: string;
  /** Below home, and so the blocks' own: what later attempts of the item shall go on from. */
  checkpoint: string;
  temporary: string;
  jobFile: string;
  /** Beside it, and as little for blocks to change. */
  capabilities: string;
  /** There is nothing in it but while a block runs that may ask a model, or hosts outside. */
  door: string;
  /** Out of the reach of sandboxed blocks: baseline, index, captured bytes, log. */
  private: string;
}

/** `name` is for the eyes of an operator who looks into the temporary directory. */
export function createAttemptTree(name: string): AttemptTree {
  const root = newRoot(name);
  const temporary = join(root, 'tmp');
  mkdirSync(temporary, { mode: 0o755 });
  return furnish(root, root, temporary);
}

/**
 * The directories that a runner's container sees, beside the directory of its socket; they go away with their volumes.
 * Only what blocks must not reach is made anew, in this container's own temporary directory.
 */
export function createSharedTree(name: string, socket: string): AttemptTree {
  // Blocks have a /tmp of their own, which is not this container's.
  return furnish(newRoot(name), realpathSync.native(dirname(dirname(socket))), '/tmp');
}

function newRoot(name: string): string {
  return realpathSync.native(mkdtempSync(join(tmpdir(), `waybill-${name}-`)));
}

/** @param waybill what becomes /waybill, or holds what is shown there */
function furnish(root: string, waybill: string, temporary: string): AttemptTree {
  const tree: AttemptTree = {
    root,
    workspace: join(waybill, 'workspace'),
    inputs: join(waybill, 'inputs'),
    outputs: join(waybill, 'outputs'),
    home: join(waybill, 'home'),
    checkpoint: join(waybill, 'home', CHECKPOINT_NAME),
    temporary,
    jobFile: join(waybill, '.waybill', 'job.json'),
    capabilities: join(waybill, '.waybill', 'capabilities'),
    door: join(root, 'door'),
    private: join(root, 'private'),
  };
  const directories = [tree.workspace, tree.outputs, tree.home, tree.checkpoint, dirname(tree.jobFile)];
  for (const directory of directories) mkdirSync(directory, { recursive: true, mode: 0o755 });
  mkdirSync(tree.private, { mode: 0o700 });
  // The sandbox mounts this file, so that it must be there even before there is a job.
  writeFileSync(tree.jobFile, '');
  return tree;
}

/** Inputs stand in a directory that not even their owner may change, and blocks may have left more of the kind. */
export async function removeAttemptTree(tree: AttemptTree): Promise<void> {
  try {
    if (hasFewNames(tree.root)) return rmSync(tree.root, { recursive: true, force: true });
  } catch {
    // Something in it has to be opened first, or is gone by now.
  }
  const run = promisify(execFile);
  // Goes from directory to directory: a path may be longer than any call takes.
  const remove = () => run('rm', ['-rf', '--', tree.root]);
  await remove().catch(async () => {
    // It may complain of what it cannot change; the second removal decides.
    await run('chmod', ['-R', 'u+rwX', tree.root]).catch(() => {});
    await remove();
  });
}

/** Throws what opendir(3) does. */
function hasFewNames(root: string): boolean {
  const directories = [root];
  let names = 0;
  for (const directory of directories) {
    const listing = opendirSync(directory);
    try {
      for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
        names += 1;
        if (names > FEW_NAMES) return false;
        if (entry.isDirectory()) directories.push(join(directory, entry.name));
      }
    } finally {
      listing.closeSync();
    }
  }
  return true;
}
