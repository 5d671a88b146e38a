/** Real repositories in temporary directories. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

/** A directory that is gone after the test. */
export function tempDir(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'waybill-test-'));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const ENV = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Sample',
  GIT_AUTHOR_EMAIL: 'sample@example.com',
  GIT_COMMITTER_NAME: 'Sample',
  GIT_COMMITTER_EMAIL: 'sample@example.com',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

export function gitIn(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd, env: ENV, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

export function repository(path: string, files: Record<string, string | Uint8Array>, format = 'sha1'): string {
  mkdirSync(path, { recursive: true });
  gitIn(path, 'init', '--quiet', '--initial-branch=main', `--object-format=${format}`);
  return commit(path, files, 'first');
}

export function commit(path: string, files: Record<string, string | Uint8Array>, message: string): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  gitIn(path, 'add', '--all');
  gitIn(path, 'commit', '--quiet', '--allow-empty', '-m', message);
  return gitIn(path, 'rev-parse', 'HEAD');
}
