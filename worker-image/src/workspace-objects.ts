/**
 * Names the content of workspace files as git would, and hands it to git as bytes. Git itself never opens a file there:
 * each is opened here, through no link, and whoever still writes while it is read ends the attempt and hides nothing.
 * Paths are latin1 text, one character a byte.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { type AttemptEnded, breach } from './attempt-ended.ts';
import { leak } from './capture-outputs.ts';
import { hasCode, isDenied } from './errno.ts';
import type { Redactor } from './redactor.ts';

export interface WorkspaceObject {
  mode: '100644' | '100755' | '120000';
  /** The name that git gives these bytes. */
  object: string;
  sizeBytes: number;
  /** Differs when the file was written, replaced or given another mode since. */
  stamp: string;
}

const CHUNK_BYTES = 1024 * 1024;
/** So much is read without a pause, in which the wrapper could not beat. */
const BREATH_BYTES = 64 * CHUNK_BYTES;
/** Opening a file, in bytes that could be read in that time. */
const OPEN_BYTES = 64 * 1024;
const OWNER_EXECUTES = 0o100;

/**
 * The length of `tree` says which hash the repository uses; `maxBytes` how large a file may be, in bytes.
 * Throws AttemptEnded `patch_file_too_large` before it reads one that is larger, `workspace_unreadable`, `workspace_changed`.
 */
export async function nameObjects(
  workspace: string,
  files: string[],
  tree: string,
  maxBytes: (path: string) => number,
): Promise<Map<string, WorkspaceObject>> {
  const algorithm = tree.length === 64 ? 'sha256' : 'sha1';
  const objects = new Map<string, WorkspaceObject>();
  let sinceBreath = 0;
  for (const path of files) {
    const limit = maxBytes(path);
    const { sizeBytes, mode, stamp, chunks } = openEntry(workspace, path);
    if (sizeBytes > limit) throw breach('patch_file_too_large', `is larger than ${limit} bytes`, shown(path));
    const hash = blobHash(algorithm, sizeBytes);
    for (const chunk of chunks()) hash.update(chunk);
    objects.set(path, { mode, object: hash.digest('hex'), sizeBytes, stamp });
    sinceBreath += sizeBytes + OPEN_BYTES;
    if (sinceBreath < BREATH_BYTES) continue;
    sinceBreath = 0;
    await breathe();
  }
  return objects;
}

/** What `git fast-import` reads to store these objects. Throws AttemptEnded `workspace_changed` for other bytes than before, `secret_in_output`. */
export async function* blobCommands(
  workspace: string,
  objects: Iterable<[path: string, object: WorkspaceObject]>,
  redactor: Redactor,
): AsyncGenerator<Uint8Array> {
  for (const [path, { object, sizeBytes }] of objects) {
    const entry = openEntry(workspace, path);
    if (entry.sizeBytes !== sizeBytes) throw changed(path);
    const hash = blobHash(object.length === 64 ? 'sha256' : 'sha1', sizeBytes);
    yield Buffer.from(`blob\ndata ${sizeBytes}\n`);
    const look = redactor.inspector();
    for (const chunk of entry.chunks()) {
      hash.update(chunk);
      // What git makes of it may be packed: only here are the bytes as the block left them.
      if (look(chunk)) throw leak(shown(path));
      yield chunk;
    }
    if (hash.digest('hex') !== object) throw changed(path);
    yield Buffer.from('\n');
  }
}

/** Throws AttemptEnded `workspace_changed` for the first file that is not what it was when it was named. */
export function requireUntouched(workspace: string, objects: ReadonlyMap<string, WorkspaceObject>): void {
  for (const [path, { stamp }] of objects) {
    if (stampOf(look(workspace, path)) !== stamp) throw changed(path);
  }
}

/** Why a file or directory could not be read, as the reason that is reported; the empty path is the workspace. */
export function unreadable(cause: unknown, path: string): AttemptEnded {
  const problem = isDenied(cause) ? 'may not be read' : 'cannot be read';
  if (path === '') return breach('workspace_unreadable', problem, 'workspace', cause);
  const moved = ['ENOENT', 'ELOOP', 'ENOTDIR'].some((code) => hasCode(cause, code));
  return moved ? changed(path, cause) : breach('workspace_unreadable', problem, shown(path), cause);
}

export function shown(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}

interface Entry {
  mode: WorkspaceObject['mode'];
  sizeBytes: number;
  stamp: string;
  /** Exactly `sizeBytes`, or AttemptEnded. */
  chunks(): Iterable<Uint8Array>;
}

function openEntry(workspace: string, path: string): Entry {
  const stats = look(workspace, path);
  const stamp = stampOf(stats);
  if (stats.isSymbolicLink()) {
    const target = attempt(path, () => readlinkSync(bytePath(workspace, path), { encoding: 'buffer' }));
    return { mode: '120000', sizeBytes: target.byteLength, stamp, chunks: () => [target] };
  }
  if (!stats.isFile()) throw changed(path);
  const mode = (stats.mode & OWNER_EXECUTES) === 0 ? '100644' : '100755';
  return { mode, sizeBytes: stats.size, stamp, chunks: () => readWhole(workspace, path, stats.size, stamp) };
}

function* readWhole(workspace: string, path: string, sizeBytes: number, stamp: string): Generator<Uint8Array> {
  const file = bytePath(workspace, path);
  // O_NONBLOCK: a pipe that took the place of the file must not hold anybody up.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const descriptor = attempt(path, () => openSync(file, flags));
  try {
    if (stampOf(fstatSync(descriptor)) !== stamp || !liesAt(descriptor, file)) throw changed(path);
    let left = sizeBytes;
    while (left > 0) {
      const chunk = Buffer.allocUnsafe(Math.min(left, CHUNK_BYTES));
      const length = attempt(path, () => readSync(descriptor, chunk));
      if (length === 0) throw changed(path);
      left -= length;
      yield chunk.subarray(0, length);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Whether a directory on the way was not replaced by a link. Where there is no /proc there is no sandbox either. */
function liesAt(descriptor: number, file: Buffer): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`, { encoding: 'buffer' }).equals(file);
  } catch (cause) {
    return hasCode(cause, 'ENOENT');
  }
}

function look(workspace: string, path: string): Stats {
  return attempt(path, () => lstatSync(bytePath(workspace, path)));
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw unreadable(cause, path);
  }
}

function stampOf({ ino, mode, size, mtimeMs, ctimeMs }: Stats): string {
  return `${ino} ${mode} ${size} ${mtimeMs} ${ctimeMs}`;
}

function blobHash(algorithm: 'sha1' | 'sha256', sizeBytes: number): Hash {
  return createHash(algorithm).update(`blob ${sizeBytes}\0`);
}

function bytePath(workspace: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(workspace), Buffer.from(`/${path}`, 'latin1')]);
}

function changed(path: string, cause?: unknown): AttemptEnded {
  return breach('workspace_changed', 'changed while it was captured', shown(path), cause);
}
