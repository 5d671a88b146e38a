/** Patches into working trees: by git, of whose repositories and settings none has a say in what is written. */
import { mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TerminalError } from '@waybill/client';
import { type GitAnswer, git, initArgs, lastLine, runGit } from '@waybill/client/git';
import { parsePatch } from '@waybill/client/patch';
import { parseQuotedPath } from '@waybill/client/patch-path';
import { escapeText } from '@waybill/verify';
import { readProblem } from './file-problem.ts';
import { obstacleTo } from './patch-obstacle.ts';

const SHA1_DIGITS = 40;

/**
 * Applies a patch, byte for byte, to the directory that its paths start from, and resolves with those it touches. Checks first, so that
 * nothing is changed when any part of it does not apply: TerminalError PATCH_CONFLICT. What stops git while it writes is GIT_FAILED, and
 * leaves what was written until then. FILE_UNREADABLE where there is no such directory, USAGE for one below the top of a git repository,
 * RESULT_INVALID for bytes that are no patch.
 */
export async function applyPatch(directory: string, chunks: AsyncIterable<Uint8Array>): Promise<string[]> {
  await requireDirectory(directory);
  await requireTop(directory);
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const patch = Buffer.concat(parts);
  const { files } = parsePatch(patch);
  const named = files.map(({ path }) => path);
  if (named.length === 0) return [];
  // Git looks for a repository: in that of the tree, settings and attributes would change bytes, and paths outside of its own directory
  // be left out without a word. An empty one has none, and knows nothing but how long the names of objects are.
  const empty = await mkdtemp(join(tmpdir(), 'waybill-apply-'));
  try {
    await git({ cwd: empty, network: 'none', about: directory, args: initArgs(idLengthOf(patch), empty) });
    const apply = (...options: string[]): Promise<GitAnswer> => {
      const args = [`--git-dir=${empty}`, 'apply', '--binary', '--whitespace=nowarn', ...options, '-'];
      return runGit({ cwd: directory, network: 'none', about: directory, stdin: patch, args });
    };
    const check = await apply('--check', '--numstat');
    if (check.exit !== 0) throw conflict(directory, check.stderr);
    requireSame(directory, named, check.stdout);
    const obstacle = obstacleTo(directory, files);
    if (obstacle !== null) throw obstructed(directory, obstacle);
    const applied = await apply().catch((cause: unknown) => {
      throw cause instanceof TerminalError ? unfinished(directory, cause.problem) : cause;
    });
    if (applied.exit !== 0) throw unfinished(directory, saidIn(applied.stderr));
  } finally {
    await rm(empty, { recursive: true, force: true });
  }
  return [...new Set(named)];
}

/** Lines of content begin with a sign, so that one that begins so is of a header. */
function idLengthOf(patch: Buffer): number {
  return /\nindex ([0-9a-f]+)\.\./.exec(patch.toString('latin1'))?.[1]?.length ?? SHA1_DIGITS;
}

/** A program that is started where there is no directory fails as one that is not there. */
async function requireDirectory(path: string): Promise<void> {
  const fix = 'Name the working tree that the patch is for.';
  const refused = (problem: string, cause?: unknown): TerminalError =>
    new TerminalError({ code: 'FILE_UNREADABLE', path, problem, fix }, { cause });
  const stats = await stat(path).catch((cause: unknown) => {
    throw refused(readProblem(cause), cause);
  });
  if (!stats.isDirectory()) throw refused('it is no directory');
}

/** A patch is of a whole repository: from a directory below its top, each path would lead elsewhere than it says. */
async function requireTop(directory: string): Promise<void> {
  const real = await realpath(directory);
  // Started at the root, since from anywhere else no repository above is looked for.
  const args = ['-C', real, 'rev-parse', '--show-toplevel'];
  const { exit, stdout, stderr } = await runGit({ cwd: '/', network: 'none', about: directory, args });
  if (exit !== 0) {
    if (stderr.startsWith('fatal: not a git repository (')) return;
    const problem = `git does not take it for a working tree: ${lastLine(stderr)}`;
    const fix = 'Name the top of a working tree, or a directory that is in no repository.';
    throw new TerminalError({ code: 'USAGE', path: directory, problem, fix });
  }
  const top = stdout.replace(/\n$/, '');
  if (top === real) return;
  const problem = `it is not the top of the git repository in which it lies, which is ${JSON.stringify(top)}`;
  const fix = `Name ${JSON.stringify(top)}; a directory that is a tree of its own needs a repository: \`git init\` makes one.`;
  throw new TerminalError({ code: 'USAGE', path: directory, problem, fix });
}

/** What is told is what the patch names, so git has to find the same in it. */
function requireSame(directory: string, named: readonly string[], numstat: string): void {
  const found = numstat
    .split('\n')
    .slice(0, -1)
    .map((line) => parseQuotedPath(line.split('\t')[2] ?? '')?.shown);
  if (found.length === named.length && found.every((path, n) => path === named[n])) return;
  const problem = `git would change ${found.length} files, and not just those ${named.length} that the patch names`;
  const fix = 'See which git is on the PATH, or save the patch and look into it; nothing was changed.';
  throw new TerminalError({ code: 'GIT_FAILED', path: directory, problem, fix });
}

function conflict(directory: string, stderr: string): TerminalError {
  return new TerminalError({
    code: 'PATCH_CONFLICT',
    path: directory,
    problem: `the patch does not apply: ${saidIn(stderr)}`,
    fix: 'Check out the commit that the run started from, or save the patch and use `git apply --3way`.',
  });
}

function obstructed(directory: string, path: string): TerminalError {
  const problem = `the patch does not apply: ${escapeText(path)} is in the way of what it puts there`;
  const fix = 'Move that away, and apply the patch again; nothing was changed.';
  return new TerminalError({ code: 'PATCH_CONFLICT', path: directory, problem, fix });
}

/** A disk is full, or rights are missing: git takes nothing back. */
function unfinished(directory: string, said: string): TerminalError {
  return new TerminalError({
    code: 'GIT_FAILED',
    path: directory,
    problem: `the patch applies, but git failed while it wrote: ${said}; some files may be changed already`,
    fix:
      'Mend what git names. `git status` shows what was changed: take that back (`git restore`, which takes changes of your own along; ' +
      'delete new files) and apply the patch again. Without a repository, start from a fresh copy.',
  });
}

function saidIn(stderr: string): string {
  return stderr.trim().split('\n').slice(0, 3).map(escapeText).join('; ');
}
