/** The directories of one attempt: what its blocks see, and what only the wrapper does. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CHECKPOINT_NAME } from '#core/output-name.ts';

export interface AttemptTree {
  /** Gone when the attempt ends. */
  root: string;
  /** What becomes /waybill. */
  waybill: string;
  workspace: string;
  inputs: string;
  outputs: string;
  home: string;
  /** Below home, and so the blocks' own: what later attempts of the item shall go on from. */
  checkpoint: string;
  temporary: string;
  jobFile: string;
  /** Beside it, and as little for blocks to change. */
  capabilities: string;
  /** Nothing is there but while a block runs that may ask a model. */
  door: string;
  /** Out of the reach of sandboxed blocks: baseline, index, captured bytes, log. */
  private: string;
}

/** `name` is for the eyes of an operator who looks into the temporary directory. */
export async function createAttemptTree(name: string): Promise<AttemptTree> {
  const root = await realpath(await mkdtemp(join(tmpdir(), `waybill-${name}-`)));
  const waybill = join(root, 'waybill');
  const temporary = join(root, 'tmp');
  await mkdir(temporary, { mode: 0o755 });
  return await furnish(root, waybill, temporary);
}

/**
 * The directories that a runner's container sees, beside the directory of its socket; they go away with their volumes.
 * Only what blocks must not reach is made anew, in this container's own temporary directory.
 */
export async function createSharedTree(name: string, socket: string): Promise<AttemptTree> {
  const root = await realpath(await mkdtemp(join(tmpdir(), `waybill-${name}-`)));
  // Blocks have a /tmp of their own, which is not this container's.
  return await furnish(root, await realpath(dirname(dirname(socket))), '/tmp');
}

async function furnish(root: string, waybill: string, temporary: string): Promise<AttemptTree> {
  const tree: AttemptTree = {
    root,
    waybill,
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
  const directories = [tree.workspace, tree.inputs, tree.outputs, tree.checkpoint, tree.capabilities];
  for (const directory of directories) await mkdir(directory, { recursive: true, mode: 0o755 });
  for (const directory of [tree.door, tree.private]) await mkdir(directory, { mode: 0o700 });
  // The sandbox mounts this file, so that it must be there even before there is a job.
  await writeFile(tree.jobFile, '{}');
  return tree;
}

/** Inputs stand in a directory that not even their owner may change, and blocks may have left more of the kind. */
export async function removeAttemptTree(tree: AttemptTree): Promise<void> {
  try {
    await rm(tree.root, { recursive: true, force: true });
  } catch {
    const run = promisify(execFile);
    // Files of the failed removal may still be going away under chmod, which then complains; the second removal decides.
    await run('chmod', ['-R', 'u+rwX', tree.root]).catch(() => {});
    // Goes from directory to directory: a path may be longer than any call takes.
    await run('rm', ['-rf', '--', tree.root]);
  }
}
