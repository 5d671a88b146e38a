/** Files that a person asked for. Whatever stands in the way of one is TerminalError FILE_UNWRITABLE, and says what. */
import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream, type Stats } from 'node:fs';
import { access, chmod, chown, type FileHandle, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TerminalError } from '@waybill/client';
import { usageError } from './error-report.ts';
import { makeDirectory } from './make-directory.ts';

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'the directory that it should be in is not there, or takes no files',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is no directory',
  EEXIST: 'a part of its path is no directory',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'nothing can be written on its file system',
  ENOSPC: 'no room is left for it',
  EDQUOT: 'no room is left for it',
  EFBIG: 'it is larger than a file may be',
};

type Content = string | AsyncIterable<Uint8Array>;

/**
 * All of it, or nothing: what was there before stays until the content is whole. Pipes and devices are written to as they stand. What fails
 * while the content is read is thrown as it is.
 */
export async function saveFile(path: string, content: Content): Promise<void> {
  const found = await stat(path).catch(() => lstat(path).catch(() => null));
  if (found !== null && !found.isFile()) return fill(path, await opened(path, 'w'), content);
  // A link goes on leading to the file.
  const place = found === null ? path : await told(path, writablePlace(path));
  const draft = join(dirname(place), `.${randomUUID()}.tmp`);
  // Nor is it open to others than the file was while it is written.
  await saveNew(draft, content, path, found === null ? 0o666 : found.mode & 0o777);
  await told(path, putInPlace(draft, place, found));
}

/** Throws TerminalError FILE_UNWRITABLE whose cause is EEXIST where something is already. What cannot be written whole is taken away again. */
export async function saveNew(path: string, content: Content, about: string = path, mode = 0o666): Promise<void> {
  const file = await opened(path, 'wx', about, mode);
  await fill(about, file, content).catch(async (error: unknown) => {
    await rm(path, { force: true });
    throw error;
  });
}

async function putInPlace(draft: string, place: string, found: Stats | null): Promise<void> {
  try {
    // As its owner and mode were; who is not its owner may not give it away.
    if (found !== null) {
      await chown(draft, found.uid, found.gid).catch(() => {});
      await chmod(draft, found.mode & 0o777);
    }
    await rename(draft, place);
  } catch (cause) {
    await rm(draft, { force: true });
    throw cause;
  }
}

/** One that may not be written to is not replaced either. */
async function writablePlace(path: string): Promise<string> {
  await access(path, constants.W_OK);
  return realpath(path);
}

function opened(path: string, flags: string, about: string = path, mode = 0o666): Promise<FileHandle> {
  return told(about, open(path, flags, mode));
}

function told<T>(path: string, act: Promise<T>): Promise<T> {
  return act.catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
}

async function fill(about: string, file: FileHandle, content: Content): Promise<void> {
  try {
    await file.writeFile(content);
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).syscall === 'write' ? unwritable(about, cause) : cause;
  } finally {
    await file.close();
  }
}

/**
 * As `saveFile`, of what nobody else has: another file in its place is lost only if that was asked for. Throws TerminalError USAGE for one
 * with other bytes; the same bytes are left as they are.
 */
export async function saveEvidence(path: string, content: Content, mayReplace: boolean): Promise<void> {
  const found = await stat(path).catch(() => null);
  // What a pipe or a device is given is not lost by that.
  if (mayReplace || !found?.isFile()) return saveFile(path, content);
  const [old, fresh] = await Promise.all([digestOfAll(createReadStream(path)), digestOfAll(content)]);
  if (old !== fresh) throw usageError(path, 'there is another file already', 'Name another one, or add --force.');
}

async function digestOfAll(content: Content): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of typeof content === 'string' ? [content] : content) hash.update(chunk);
  return hash.digest('hex');
}

/** Makes what is missing of the path of a directory that files are to be saved in. */
export function makeFolder(path: string): void {
  try {
    makeDirectory(path);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** Throws FILE_UNWRITABLE for whatever the file system says. */
export function unwritable(path: string, cause: unknown): TerminalError {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException;
  const problem = `it cannot be written: ${PROBLEMS[code] ?? code}`;
  const fix = 'Name a file in a directory that exists, that is yours and that has room.';
  return new TerminalError({ code: 'FILE_UNWRITABLE', path, problem, fix }, { cause });
}
