/** A folder as one file whose bytes depend on names, contents and executable bits alone: what its digest is taken of. */
import { isUtf8 } from 'node:buffer';
import { constants, type Dirent } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorCode, Refusal } from './errors.ts';
import { REGISTRY_LIMITS } from './limits.ts';
import { linkProblem, relativePathProblem } from './relative-path.ts';
import { bounded } from './spec-issue.ts';
import { SpecRefused } from './spec-refused.ts';
import { type TarEntry, tarOf } from './tar.ts';

export interface FolderArchive {
  bytes: Uint8Array;
  entries: TarEntry[];
}

interface Reading {
  root: string;
  entries: TarEntry[];
  refusals: Refusal[];
  leftBytes: number;
}

/** Throws SpecRefused with everything in the folder that cannot be registered, by its path there. */
export async function archiveFolder(root: string): Promise<FolderArchive> {
  const reading: Reading = { root, entries: [], refusals: [], leftBytes: REGISTRY_LIMITS.folderBytes };
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true, encoding: 'buffer' })) {
      const name = entry.name.toString();
      const path = folder === '' ? name : `${folder}/${name}`;
      const problem = isUtf8(entry.name) ? nameProblem(path, name) : 'has a name that is no UTF-8';
      if (problem !== null) refuse(reading, 'SOURCE_INVALID', path, problem, 'Rename it, or leave it out.');
      else if (entry.isDirectory()) folders.push(path);
      else await take(reading, path, entry);
      if (reading.entries.length > REGISTRY_LIMITS.files || reading.leftBytes < 0) throw tooMuch(reading);
    }
  }
  if (reading.entries.length === 0) refuse(reading, 'SOURCE_INVALID', '.', 'holds no file', 'Put something into it.');
  if (reading.refusals.length > 0) throw new SpecRefused(bounded(reading.refusals));
  const bytes = Buffer.concat(tarOf(reading.entries));
  return { bytes, entries: reading.entries };
}

function nameProblem(path: string, name: string): string | null {
  return relativePathProblem(path) ?? (name === '.git' ? 'belongs to git' : null);
}

async function take(reading: Reading, path: string, entry: Dirent<Buffer>): Promise<void> {
  const file = join(reading.root, path);
  if (entry.isSymbolicLink()) {
    const bytes = await readlink(file, { encoding: 'buffer' });
    const problem = isUtf8(bytes) ? linkProblem(path, bytes.toString()) : 'is a link whose target is no UTF-8';
    const fix = 'Copy what it leads to, or let it lead to a place in the folder by a relative path.';
    if (problem !== null) refuse(reading, 'SOURCE_INVALID', path, problem, fix);
    else reading.entries.push({ path, kind: 'link', bytes });
    return;
  }
  if (!entry.isFile()) {
    refuse(reading, 'SOURCE_INVALID', path, 'is neither a file nor a folder nor a link', 'Leave it out.');
    return;
  }
  // Whatever takes its place meanwhile: no link is followed, and nothing waits for a writer.
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size, mode } = await handle.stat();
    reading.leftBytes -= size;
    if (reading.leftBytes < 0) return;
    const bytes = await handle.readFile();
    reading.leftBytes -= bytes.byteLength - size;
    reading.entries.push({ path, kind: (mode & 0o100) !== 0 ? 'executable' : 'file', bytes });
  } finally {
    await handle.close();
  }
}

function tooMuch({ entries, refusals }: Reading): SpecRefused {
  const { files, folderBytes } = REGISTRY_LIMITS;
  const problem = entries.length > files ? `has more than ${files} files` : `holds more than ${folderBytes} bytes`;
  const fix = 'Register less of it, or put large tools into an environment.';
  return new SpecRefused(bounded([...refusals, { code: 'SPEC_LIMIT', path: '.', problem, fix }]));
}

function refuse({ refusals }: Reading, code: ErrorCode, path: string, problem: string, fix: string): void {
  refusals.push({ code, path, problem: `${JSON.stringify(path)} ${problem}`, fix });
}

/** Null when there is nothing. Throws what the file system says where that cannot be told. */
export async function kindOfFile(path: string): Promise<'folder' | 'file' | 'other' | null> {
  const found = await lstat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT' && cause.code !== 'ENOTDIR') throw cause;
    return null;
  });
  if (found === null) return null;
  return found.isDirectory() ? 'folder' : found.isFile() ? 'file' : 'other';
}

const FOLDER_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder',
  ENOTDIR: 'it is a file, no folder',
};

/** Why a folder cannot be read, in words, or as the system calls it. */
export function folderProblem(cause: unknown): string {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException;
  return FOLDER_PROBLEMS[code] ?? `the folder cannot be read (${code})`;
}
