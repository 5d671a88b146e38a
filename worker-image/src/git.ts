/**
 * Git on content that somebody else wrote: its own repository and index by name, no configuration, hook, filter, text
 * conversion, monitor or attribute from anywhere, and paths as raw bytes.
 */
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TerminalError } from '@waybill/client/errors';

export interface GitPlace {
  /** GIT_DIR. */
  repository: string;
  /** GIT_INDEX_FILE; made by the first command that writes it. */
  index: string;
  /** GIT_WORK_TREE. */
  workTree: string;
}

/** Git itself cuts a line off at 4,096 bytes. */
const MAX_LINE_CHARS = 4_000;
const MAX_SAID_CHARS = 2 * MAX_LINE_CHARS;

export interface GitInput {
  stdin?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Exit codes that are an answer, not a failure. */
  accept?: number[];
}

const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.attributesFile=/dev/null',
  'core.excludesFile=/dev/null',
  'core.fsmonitor=false',
  'core.untrackedCache=false',
  'core.splitIndex=false',
  'core.sparseCheckout=false',
  'core.autocrlf=false',
  'core.safecrlf=false',
  'core.fileMode=true',
  'core.symlinks=true',
  'core.ignoreCase=false',
  'core.precomposeUnicode=false',
  'core.quotePath=true',
  'gc.auto=0',
].flatMap((setting) => ['-c', setting]);

/** The highest precedence there is: nothing in a tree can turn a conversion, a driver or a binary mark on again. */
const NEUTRAL_ATTRIBUTES = '* -text -eol -ident -filter -working-tree-encoding !diff !merge\n';

/** A repository without template, so without hooks and excludes. The length of `commit` says which hash it uses. */
export async function initRepository(repository: string, commit: string): Promise<void> {
  await mkdir(repository, { recursive: true, mode: 0o700 });
  const format = commit.length === 64 ? 'sha256' : 'sha1';
  const place = { repository, index: join(repository, 'index'), workTree: dirname(repository) };
  await runGit(place, ['init', '--quiet', '--template=', `--object-format=${format}`]);
  await mkdir(join(repository, 'info'), { recursive: true });
  await writeFile(join(repository, 'info', 'attributes'), NEUTRAL_ATTRIBUTES);
}

/** What git writes to stdout, streamed. Throws TerminalError GIT_FAILED with git's last line, GIT_UNAVAILABLE without git. */
export async function* gitStream(place: GitPlace, args: string[], input: GitInput = {}): AsyncGenerator<Uint8Array> {
  const child = spawn('git', [...SETTINGS, ...args], { cwd: place.workTree, env: environment(place), stdio: 'pipe' });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => reject(unavailable(cause)));
    child.once('close', resolve);
  });
  // Awaited below; marked as handled, because the loop over stdout may fail first.
  ended.catch(() => {});
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_SAID_CHARS);
  });
  // Git may end before it has read everything; its exit code tells.
  const fed = pipeline(Readable.from(input.stdin ?? []), child.stdin).catch(() => {});
  try {
    yield* child.stdout;
    await fed;
    const exit = await ended;
    if (exit !== 0 && !(input.accept ?? []).includes(exit ?? -1)) throw gitFailed(args, said);
  } finally {
    child.kill('SIGKILL');
  }
}

export async function gitBytes(place: GitPlace, args: string[], input: GitInput = {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of gitStream(place, args, input)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** For answers of one line. */
export async function runGit(place: GitPlace, args: string[], input: GitInput = {}): Promise<string> {
  return (await gitBytes(place, args, input)).toString('latin1').trim();
}

/** Paths as latin1 text, one character a byte, so that any name survives. */
export async function gitPaths(place: GitPlace, args: string[], input: GitInput = {}): Promise<string[]> {
  return (await gitBytes(place, args, input))
    .toString('latin1')
    .split('\0')
    .filter((path) => path !== '');
}

/** The NUL-terminated list that git's `-z --stdin` reads. */
export function* pathList(paths: Iterable<string>): Generator<Uint8Array> {
  for (const path of paths) yield Buffer.from(`${path}\0`, 'latin1');
}

function environment(place: GitPlace): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_DIR: place.repository,
    GIT_INDEX_FILE: place.index,
    GIT_WORK_TREE: place.workTree,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'none',
  };
}

/** A line of git is quoted whole or not at all: of a name in it that is cut off, nobody could tell whether it is a secret. */
function problemIn(line: string): string {
  if (line === '') return 'failed without a word';
  return line.length > MAX_LINE_CHARS
    ? 'failed, and says why in a line that is too long'
    : line.replace(/\p{Cc}/gu, ' ');
}

function gitFailed(args: string[], said: string): TerminalError {
  const last = said.trim().split('\n').at(-1) ?? '';
  return new TerminalError({
    code: 'GIT_FAILED',
    path: `git ${args[0] ?? ''}`,
    problem: problemIn(last),
    fix: 'Run the same command on the same tree; git 2.38 or newer is needed.',
  });
}

function unavailable(cause: Error): TerminalError {
  return new TerminalError(
    { code: 'GIT_UNAVAILABLE', path: 'git', problem: 'cannot be started', fix: 'Install git 2.38 or newer.' },
    { cause },
  );
}
