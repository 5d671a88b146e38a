import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a directory and those above it that are missing. Throws what the file system says, ENOTDIR for a path that is
 * something else. Node's own recursion does not end where a directory cannot be made although its parent is there
 * (ENOENT, below /proc for instance).
 */
export function makeDirectory(path: string, mode = 0o777): void {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.push(at);
  for (const at of missing.reverse()) makeOne(at, mode);
  if (!statSync(path).isDirectory()) throw Object.assign(new TypeError('it is no directory'), { code: 'ENOTDIR' });
}

function makeOne(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // somebody else was faster, or it is there and may not be looked at
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
