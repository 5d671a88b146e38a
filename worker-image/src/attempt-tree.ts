/** The directories of one attempt: what its blocks see, and what only the wrapper does. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isDenied } from './errno.ts';

export interface AttemptTree {
  /** Gone when the attempt ends. */
  root: string;
  /** What becomes /waybill. */
  waybill: string;
  workspace: string;
  inputs: string;
  outputs: string;
  home: string;
  temporary: string;
  jobFile: string;
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
    temporary,
    jobFile: join(waybill, '.waybill', 'job.json'),
    private: join(root, 'private'),
  };
  const directories = [tree.workspace, tree.inputs, tree.outputs, tree.home, dirname(tree.jobFile)];
  for (const directory of directories) await mkdir(directory, { recursive: true, mode: 0o755 });
  await mkdir(tree.private, { mode: 0o700 });
  // The sandbox mounts this file, so that it must be there even before there is a job.
  await writeFile(tree.jobFile, '{}');
  return tree;
}

/** Inputs stand in a directory that not even their owner may change, and blocks may have left more of the kind. */
export async function removeAttemptTree(tree: AttemptTree): Promise<void> {
  try {
    await rm(tree.root, { recursive: true, force: true });
  } catch (error) {
    if (!isDenied(error)) throw error;
    // Files of the failed removal may still be going away under chmod, which then complains; the second removal decides.
    await promisify(execFile)('chmod', ['-R', 'u+rwX', tree.root]).catch(() => {});
    await rm(tree.root, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  }
}
