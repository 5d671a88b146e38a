/**
 * Finds every file of a workspace by looking, not by asking git: nothing that a block writes (ignore rules, attributes,
 * index bits, a repository inside the workspace) decides what is seen. Paths are latin1 text, one character a byte.
 */
import { readdir } from 'node:fs/promises';
import { isGitDirectory } from '#core/output-name.ts';

export interface WorkspaceScan {
  /** Regular files and symbolic links, ascending. */
  files: string[];
  /** Directories with nothing in them. */
  emptyDirectories: string[];
  /** What a patch cannot carry: repositories' own `.git`, sockets, pipes, devices. */
  uncapturable: string[];
}

const SEPARATOR = Buffer.from('/');

/** The `.git` at the top is the platform's decoy and not reported. Directories are read, links are never followed. */
export async function scanWorkspace(workspace: string): Promise<WorkspaceScan> {
  const scan: WorkspaceScan = { files: [], emptyDirectories: [], uncapturable: [] };
  const root = Buffer.from(workspace);
  const open: string[] = [''];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    const path = Buffer.concat([root, SEPARATOR, Buffer.from(directory, 'latin1')]);
    const entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' });
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
