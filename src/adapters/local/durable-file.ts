/**
 * Files that appear whole or not at all, and that are still there after the power fails. Every adapter that keeps bytes
 * in a directory writes them here: into a temporary file of the same file system, synced, then linked or renamed.
 *
 * Only syncs and streams are waited for. To make a name or write a few pages takes a few microseconds; to have that done by another
 * thread takes ten times as long.
 */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fsync, linkSync, mkdirSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { type FileHandle, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TerminalError } from '@waybill/client/errors';
import { type Digest, digestOf } from '@waybill/verify';

/** A complete, synced file without its final name yet. Publish or discard it. */
export interface TemporaryFile {
  path: string;
  sha256: Digest;
  sizeBytes: number;
}

const sync = promisify(fsync);

/** What is no longer is written at once: it is in memory anyway, and a stream of it would take longer. */
const AT_ONCE_BYTES = 256 * 1024;
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
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `.${randomBytes(12).toString('hex')}.tmp`);
  try {
    return bytes instanceof Uint8Array
      ? await writeBytes(path, bytes, maxBytes)
      : await writeStream(path, bytes, maxBytes);
  } catch (error) {
    await unlink(path).catch(ignoreMissing(undefined));
    throw error;
  }
}

async function writeBytes(path: string, bytes: Uint8Array, maxBytes: number): Promise<TemporaryFile> {
  const sizeBytes = bytes.byteLength;
  requireRoom(sizeBytes, maxBytes);
  const file = openSync(path, 'wx', 0o600);
  try {
    for (let written = 0; written < sizeBytes; ) written += writeSync(file, bytes, written);
    await sync(file);
  } finally {
    closeSync(file);
  }
  return { path, sha256: digestOf(bytes), sizeBytes };
}

async function writeStream(path: string, bytes: AsyncIterable<Uint8Array>, maxBytes: number): Promise<TemporaryFile> {
  const hash = createHash('sha256');
  const held: Uint8Array[] = [];
  let sizeBytes = 0;
  let file: FileHandle | null = null;
  try {
    for await (const chunk of bytes) {
      sizeBytes += chunk.byteLength;
      requireRoom(sizeBytes, maxBytes);
      held.push(chunk);
      if (file === null && sizeBytes <= AT_ONCE_BYTES) continue;
      file ??= await open(path, 'wx', 0o600);
      for (const part of held.splice(0)) {
        hash.update(part);
        await file.writeFile(part);
      }
    }
    if (file === null) return await writeBytes(path, Buffer.concat(held), maxBytes);
    await file.sync();
  } finally {
    await file?.close();
  }
  return { path, sha256: `sha256:${hash.digest('hex')}`, sizeBytes };
}

/**
 * Gives the file its final name for good. False when that name is taken: what stands there stays, and the file is
 * discarded.
 */
export async function publishOnce(file: TemporaryFile, path: string): Promise<boolean> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    linkSync(file.path, path);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    // Whoever wrote it may not have synced the directory yet; our caller will rely on the name being durable.
    await syncDirectory(dirname(path));
    return false;
  } finally {
    discard(file);
  }
  await syncDirectory(dirname(path));
  return true;
}

/** Puts the file in the place of whatever has that name. */
export async function publishOver(file: TemporaryFile, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  renameSync(file.path, path);
  await syncDirectory(dirname(path));
}

export function discard(file: TemporaryFile): void {
  unlinkSync(file.path);
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
  const handle = openSync(directory, 'r');
  try {
    await sync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Throws TerminalError OBJECT_TOO_LARGE. */
export function requireRoom(sizeBytes: number, maxBytes: number = Number.MAX_SAFE_INTEGER): void {
  if (sizeBytes <= maxBytes) return;
  throw new TerminalError({
    code: 'OBJECT_TOO_LARGE',
    path: 'object',
    problem: `holds more than ${maxBytes} bytes`,
    fix: 'Write less, or raise the limit that names this size.',
  });
}
