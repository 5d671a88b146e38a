import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { type Readable, Readable as Stream } from 'node:stream';
import { TerminalError } from '@waybill/client';
import { escapeText } from '@waybill/verify';
import { readProblem } from './file-problem.ts';

interface GitAnswer {
  exit: number | null;
  stdout: string;
  stderr: string;
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function gitApply(directory: string, options: readonly string[], patch: Buffer): Promise<GitAnswer> {
  const child = spawn('git', ['apply', '--binary', ...options, '-'], { cwd: directory, stdio: 'pipe' });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // git may end before it has read everything; its exit code says why
  child.stdin.on('error', () => {});
  Stream.from([patch]).pipe(child.stdin);
  try {
    const [exit, stdout, stderr] = await Promise.all([ended, textOf(child.stdout), textOf(child.stderr)]);
    return { exit, stdout, stderr };
  } catch (cause) {
    const problem = `git cannot be started (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`;
    const fix = 'Install git, and see that this user may work in the directory.';
    throw new TerminalError({ code: 'GIT_UNAVAILABLE', path: directory, problem, fix }, { cause });
  }
}

/**
 * Applies a patch to a working tree and resolves with the paths it touches. Checks first, so that nothing is changed when
 * any part of it does not apply: TerminalError PATCH_CONFLICT. FILE_UNREADABLE where there is no such directory.
 */
export async function applyPatch(directory: string, chunks: AsyncIterable<Uint8Array>): Promise<string[]> {
  requireDirectory(directory);
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const patch = Buffer.concat(parts);
  if (patch.length === 0) return [];
  const check = await gitApply(directory, ['--check'], patch);
  if (check.exit !== 0) throw conflict(directory, check.stderr);
  const numbers = await gitApply(directory, ['--numstat', '-z'], patch);
  const applied = await gitApply(directory, [], patch);
  if (applied.exit !== 0) throw conflict(directory, applied.stderr);
  return numbers.stdout.split('\0').flatMap((entry) => entry.split('\t')[2] ?? []);
}

/** A program that is started where there is no directory fails as one that is not there. */
function requireDirectory(path: string): void {
  const fix = 'Name the working tree that the patch is for.';
  const refused = (problem: string, cause?: unknown): TerminalError =>
    new TerminalError({ code: 'FILE_UNREADABLE', path, problem, fix }, { cause });
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch (cause) {
    throw refused(readProblem(cause), cause);
  }
  if (!isDirectory) throw refused('it is no directory');
}

function conflict(directory: string, stderr: string): TerminalError {
  const said = stderr.trim().split('\n').slice(0, 3).map(escapeText).join('; ');
  return new TerminalError({
    code: 'PATCH_CONFLICT',
    path: directory,
    problem: `the patch does not apply: ${said}`,
    fix: 'Check out the commit that the run started from, or save the patch and use `git apply --3way`.',
  });
}
