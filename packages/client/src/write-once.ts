/** Files that appear whole or not at all, and never change. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, link, mkdir, open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Writes a temporary file, flushes it, links it to its final name and flushes the directory. False when the name is taken:
 * what is there is then left as it is. `stagingDir` lies in the same file system and is not where readers look.
 */
export async function writeOnce(
  path: string,
  stagingDir: string,
  fill: (file: FileHandle) => Promise<void>,
): Promise<boolean> {
  await mkdir(stagingDir, { recursive: true });
  await mkdir(dirname(path), { recursive: true });
  const staged = join(stagingDir, `.${randomUUID()}.part`);
  const file = await open(staged, 'wx', 0o600);
  try {
    try {
      await fill(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(staged, path);
    await syncDirectory(dirname(path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(staged).catch(() => {});
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
