/** Small git repositories for tests, made without the machine's own git configuration. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

const ENV = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.org',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

/** stdout of git in `directory`. */
export function git(directory: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: directory, env: ENV, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A repository in `directory` with one commit of what `fill` puts there. */
export function makeRepository(directory: string, fill: () => void, objectFormat: 'sha1' | 'sha256' = 'sha1'): void {
  mkdirSync(directory, { recursive: true });
  git(directory, 'init', '--quiet', '--initial-branch=main', `--object-format=${objectFormat}`);
  fill();
  git(directory, 'add', '--all', '--force');
  git(directory, 'commit', '--quiet', '--message=start');
}
