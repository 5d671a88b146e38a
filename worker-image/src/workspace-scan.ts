/**
 * Finds every file of a workspace by looking, not by asking git: nothing that a block writes (ignore rules, attributes,
 * index bits, a repository inside the workspace) decides what is seen. Paths are latin1 text, one character a byte.
 */
import { lstat, readdir } from 'node:fs/promises';
import { isGitDirectory } from '@waybill/client/relative-path';
import { unreadable } from './workspace-objects.ts';

export interface WorkspaceScan {
  /** Regular files and symbolic links, ascending. */
  files: string[];
  /** Directories with nothing in them. */
  emptyDirectories: string[];
  /** What a patch cannot carry: repositories' own `.git`, sockets, pipes, devices. */
  uncapturable: string[];
}

const SEPARATOR = Buffer.from('/');

/**
 * The `.git` at the top is the platform's decoy and not reported. Directories are read, links are never followed.
 * Throws AttemptEnded `workspace_unreadable`, or `workspace_changed` for a directory that goes away meanwhile.
 */
export async function scanWorkspace(workspace: string): Promise<WorkspaceScan> {
  const scan: WorkspaceScan = { files: [], emptyDirectories: [], uncapturable: [] };
  const root = Buffer.from(workspace);
  const isDirectory = await lstat(workspace).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (!isDirectory) throw unreadable(undefined, '');
  const open: string[] = [''];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    const path = Buffer.concat([root, SEPARATOR, Buffer.from(directory, 'latin1')]);
    const entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' }).catch((cause: unknown) => {
      throw unreadable(cause, directory.slice(0, -1));
    });
    if (entries.length === 0 && directory !== '') scan.emptyDirectories.push(directory.slice(0, -1));
    for (const entry of entries) {
      const name = `${directory}${entry.name.toString('latin1')}`;
      if (isGitDirectory(entry.name.toString('utf8'))) {
        if (name !== '.git') scan.uncapturable.push(name);
      } else if (entry.isDirectory()) open.push(`${name}/`);
      else if (entry.isFile() || entry.isSymbolicLink()) scan.files.push(name);
      else scan.uncapturable.push(name);
    }
  }
  scan.files.sort();
  return scan;
}
