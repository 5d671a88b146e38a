/** Files that a person asked for. Whatever stands in the way of one is TerminalError FILE_UNWRITABLE, and says what. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
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
};

/** What fails while the content is read is thrown as it is. */
export async function saveFile(path: string, content: string | AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'w').catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
  try {
    await file.writeFile(content);
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).syscall === 'write' ? unwritable(path, cause) : cause;
  } finally {
    await file.close();
  }
}

/**
 * As `saveFile`, of what nobody else has: another file in its place is lost only if that was asked for. Throws TerminalError USAGE for one
 * with other bytes; the same bytes are left as they are.
 */
export async function saveEvidence(
  path: string,
  content: string | AsyncIterable<Uint8Array>,
  mayReplace: boolean,
): Promise<void> {
  const found = await stat(path).catch(() => null);
  // What a pipe or a device is given is not lost by that.
  if (mayReplace || !found?.isFile()) return saveFile(path, content);
  const [old, fresh] = await Promise.all([digestOfAll(createReadStream(path)), digestOfAll(content)]);
  if (old !== fresh) throw usageError(path, 'there is another file already', 'Name another one, or add --force.');
}

async function digestOfAll(content: string | AsyncIterable<Uint8Array>): Promise<string> {
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
