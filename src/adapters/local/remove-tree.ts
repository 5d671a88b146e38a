/** Removes the tree of an attempt whose worker is gone. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * Inputs stand in directories that not even their owner may change, and blocks may have left more of the kind. Workers do
 * the same for their own trees; they share no code with the engine but `core`, which touches no files.
 */
export async function removeAttemptTree(root: string): Promise<void> {
  try {
    await rm(root, { recursive: true, force: true });
  } catch {
    // Files of the failed removal may still be going away under chmod, which then complains; the second removal decides.
    await promisify(execFile)('chmod', ['-R', 'u+rwX', root]).catch(() => {});
    await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  }
}
