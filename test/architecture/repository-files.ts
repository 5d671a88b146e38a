import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT: string = join(import.meta.dirname, '..', '..');

/** Every file that is in the repository or would be with the next commit, relative to it; nothing that git ignores. */
export function repositoryFiles(root: string = ROOT): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 });
  return [...new Set(listed.split('\0'))].filter((path) => path !== '' && existsSync(join(root, path))).sort();
}

/** The files that hold code. */
export function sourceFiles(root: string = ROOT): string[] {
  return repositoryFiles(root).filter((path) => /\.(ts|mts|js|mjs|cjs)$/.test(path));
}
