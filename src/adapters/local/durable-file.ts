/**
 * Files that appear whole or not at all, and that are still there after the power fails. Every adapter that keeps bytes
 * in a directory writes them here: into a temporary file of the same file system, synced, then linked or renamed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';

/** A complete, synced file without its final name yet. Publish or discard it. */
export interface TemporaryFile {
  path: string;
  sha256: Digest;
  sizeBytes: number;
}

/** What a writer left behind when its process died is swept after this time; no honest write takes as long. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

/**
 * Writes the stream to a new file under `directory`, which is made when absent. Nothing is left behind on failure.
 * Throws TerminalError OBJECT_TOO_LARGE over `maxBytes`, and whatever the stream throws.
 */
export async function writeTemporary(
  directory: string,
  bytes: AsyncIterable<Uint8Array> | Uint8Array,
  maxBytes: number = Number.MAX_SAFE_INTEGER,
): Promise<TemporaryFile> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `.${randomBytes(12).toString('hex')}.tmp`);
  const file = await open(path, 'wx', 0o600);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } catch (error) {
    await file.close();
    await unlink(path);
    throw error;
  }
  await file.close();
  return { path, sha256: `sha256:${hash.digest('hex')}`, sizeBytes };
}

/**
 * Gives the file its final name for good. False when that name is taken: what stands there stays, and the file is
 * discarded.
 */
export async function publishOnce(file: TemporaryFile, path: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await link(file.path, path);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    // Whoever wrote it may not have synced the directory yet; our caller will rely on the name being durable.
    await syncDirectory(dirname(path));
    return false;
  } finally {
    await discard(file);
  }
  await syncDirectory(dirname(path));
  return true;
}

/** Puts the file in the place of whatever has that name. */
export async function publishOver(file: TemporaryFile, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rename(file.path, path);
  await syncDirectory(dirname(path));
}

export async function discard(file: TemporaryFile): Promise<void> {
  await unlink(file.path);
}

/** Removes temporary files of writers that died. Safe while others write. */
export async function sweepTemporary(directory: string, nowMs: number): Promise<void> {
  const names = await readdir(directory).catch(ignoreMissing<string[]>([]));
  for (const name of names.filter((name) => /^\.[0-9a-f]{24}\.tmp$/.test(name))) {
    const path = join(directory, name);
    const age = await stat(path).then((found) => nowMs - found.mtimeMs, ignoreMissing(0));
    if (age > ABANDONED_AFTER_MS) await unlink(path).catch(ignoreMissing(undefined));
  }
}

/** A rejection handler: an absent file is `instead`, any other failure stays one. */
export function ignoreMissing<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (isCode(error, 'ENOENT')) return instead;
    throw error;
  };
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Makes new names in the directory survive a power failure. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function tooLarge(maxBytes: number): TerminalError {
  return new TerminalError({
    code: 'OBJECT_TOO_LARGE',
    path: 'object',
    problem: `holds more than ${maxBytes} bytes`,
    fix: 'Write less, or raise the limit that names this size.',
  });
}
