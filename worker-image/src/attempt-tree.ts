/** The directories of one attempt: what its blocks see, and what only the wrapper does. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isDenied } from './errno.ts';

export interface AttemptTree {
  /** Holds everything else; gone when the attempt ends. */
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
  const tree: AttemptTree = {
    root,
    waybill,
    workspace: join(waybill, 'workspace'),
    inputs: join(waybill, 'inputs'),
    outputs: join(waybill, 'outputs'),
    home: join(waybill, 'home'),
    temporary: join(root, 'tmp'),
    jobFile: join(waybill, '.waybill', 'job.json'),
    private: join(root, 'private'),
  };
  const directories = [tree.workspace, tree.inputs, tree.outputs, tree.home, tree.temporary, join(waybill, '.waybill')];
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
