/** Files that appear whole or not at all, and never change. */
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, unlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
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
  // Names are made at once: that takes a few microseconds, and handing it to another thread takes ten times as long.
  mkdirSync(stagingDir, { recursive: true });
  mkdirSync(dirname(path), { recursive: true });
  const staged = join(stagingDir, `.${randomUUID()}.part`);
  const file = await open(staged, 'wx', 0o600);
  try {
    try {
      await fill(file);
      await file.sync();
    } finally {
      await file.close();
    }
    linkSync(staged, path);
    await syncDirectory(dirname(path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    removeStaged(staged);
  }
}

function removeStaged(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is hidden, and nobody looks at it.
  }
}

/** By directory: the sync that has begun, and the one that has not. */
const begun = new Map<string, Promise<void>>();
const waiting = new Map<string, Promise<void>>();

/** Whoever has made a name is served by any sync that begins after that: one serves all who wait for the one before it. */
function syncDirectory(path: string): Promise<void> {
  const shared = waiting.get(path);
  if (shared !== undefined) return shared;
  const next = syncBehind(path, begun.get(path));
  waiting.set(path, next);
  return next;
}

async function syncBehind(path: string, before: Promise<void> | undefined): Promise<void> {
  // How that one ended is the matter of those who waited for it.
  await before?.catch(() => {});
  waiting.delete(path);
  const now = syncNow(path);
  begun.set(path, now);
  try {
    await now;
  } finally {
    if (begun.get(path) === now) begun.delete(path);
  }
}

async function syncNow(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
