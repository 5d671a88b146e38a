/** What git meets only while it writes, when files before it are changed already. */
import { lstatSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PatchFile } from '@waybill/client/patch';

/** The path of a file where the patch needs a directory, or of what stays in a directory where it puts a file; null where nothing is in its way. */
export function obstacleTo(directory: string, files: readonly PatchFile[]): string | null {
  const gone = new Set(
    files.flatMap(({ change, path, from }) => (change === 'deleted' ? path : movedFrom(change, from))),
  );
  const isLeft = (path: string): boolean => kindAt(directory, path) === 'other' && !gone.has(path);
  for (const { path } of files.filter(({ change }) => change !== 'deleted')) {
    for (let at = dirname(path); at !== '.'; at = dirname(at)) if (isLeft(at)) return at;
    const kept = kindAt(directory, path) === 'directory' ? keptIn(directory, path, gone) : null;
    if (kept !== null) return kept;
  }
  return null;
}

function movedFrom(change: PatchFile['change'], from: string | undefined): string[] {
  return change === 'renamed' && from !== undefined ? [from] : [];
}

/** Git removes directories that it has emptied, and the one in whose place a file comes; not those that were empty inside it. */
function keptIn(directory: string, folder: string, gone: ReadonlySet<string>): string | null {
  for (const name of readdirSync(join(directory, folder))) {
    const path = `${folder}/${name}`;
    const isFolder = kindAt(directory, path) === 'directory';
    if (isFolder && readdirSync(join(directory, path)).length === 0) return path;
    const kept = isFolder ? keptIn(directory, path, gone) : gone.has(path) ? null : path;
    if (kept !== null) return kept;
  }
  return null;
}

function kindAt(directory: string, path: string): 'directory' | 'other' | null {
  try {
    return lstatSync(join(directory, path)).isDirectory() ? 'directory' : 'other';
  } catch {
    return null;
  }
}
