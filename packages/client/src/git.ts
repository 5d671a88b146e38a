import { spawn } from 'node:child_process';
import { TerminalError } from './errors.ts';

/** Everything a git call may touch; nothing else is inherited. */
export interface GitCall {
  /** The repository (or a directory to create one in). */
  cwd: string;
  args: readonly string[];
  /** `none` for reading what is there: a repository's own configuration must not make git fetch or run anything. */
  network: 'none' | 'https';
  stdin?: string | Uint8Array;
  /** What errors are about; the source of a spec unless it says otherwise. */
  about?: string;
  /** Reads stdout instead of the answer. */
  into?: (stdout: AsyncIterable<Uint8Array>) => Promise<void>;
  timeoutMs?: number;
}

export interface GitAnswer {
  exit: number;
  stdout: string;
  stderr: string;
}

/** Proxies and certificate stores of the user's network; no credentials, no git settings. */
const INHERITED = [
  'PATH',
  'http_proxy',
  'https_proxy',
  'HTTPS_PROXY',
  'no_proxy',
  'NO_PROXY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
] as const;

/** Settings that win over the repository's own. */
const SETTINGS = [
  // Reading a repository of another user is safe here: no hook, filter, monitor or transport of it can run.
  'safe.directory=*',
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'credential.helper=',
  'gc.auto=0',
  'maintenance.auto=false',
  'http.lowSpeedLimit=1000',
  'http.lowSpeedTime=60',
] as const;

const SOURCE = 'spec.source.git';
const DEFAULT_TIMEOUT_MS = 15 * 60_000;
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/**
 * Runs git with nothing but its arguments to go by: no system or user configuration, no prompt, no helper, no replaced
 * objects, and only the transport that the call names.
 * Throws TerminalError GIT_UNAVAILABLE when there is no git, GIT_FAILED when it runs over its time or answers too much.
 * Any exit code is an answer: the caller judges it.
 */
export async function runGit(call: GitCall): Promise<GitAnswer> {
  const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
  const child = spawn('git', [...settings, ...call.args], { cwd: call.cwd, env: environment(call), stdio: 'pipe' });
  let isLate = false;
  const stop = (): void => {
    child.kill('SIGKILL');
    // A program that git started may hold the pipes open; without a reader it ends as well.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  const timer = setTimeout(() => {
    isLate = true;
    stop();
  }, call.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const ended = new Promise<{ exit: number | null }>((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => reject(unavailable(call, cause)));
    child.once('close', (exit) => resolve({ exit }));
  });
  // A git that ends before it has read everything closes the pipe; its exit code says why.
  child.stdin.on('error', () => {});
  child.stdin.end(call.stdin ?? '');
  try {
    const [{ exit }, stdout, stderr] = await Promise.all([
      ended,
      call.into === undefined ? text(call, child.stdout) : call.into(child.stdout).then(() => ''),
      text(call, child.stderr),
    ]);
    if (exit === null) throw gitFailed(call, 'it was killed', 'Try again.');
    return { exit, stdout, stderr };
  } catch (error) {
    throw isLate ? gitFailed(call, 'it took too long', 'Try again, or use a smaller source.') : error;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/** As `runGit`, for calls that must succeed: throws TerminalError GIT_FAILED with git's own last line. */
export async function git(call: GitCall): Promise<string> {
  const answer = await runGit(call);
  if (answer.exit === 0) return answer.stdout;
  throw gitFailed(call, lastLine(answer.stderr), 'Check the repository with `git fsck`; git 2.30 or newer is needed.');
}

/** For an empty repository whose objects have names of that many hexadecimal digits. */
export function initArgs(idLength: number, directory: string): string[] {
  const format = idLength === 64 ? 'sha256' : 'sha1';
  return ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, '--end-of-options', directory];
}

/** The last line of what git said, without control characters: it may come from another host. */
export function lastLine(stderr: string): string {
  const line = stderr.trimEnd().split('\n').at(-1) ?? '';
  return line.replace(/\p{Cc}/gu, ' ').slice(0, 300);
}

function environment(call: GitCall): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
    GIT_PROTOCOL_FROM_USER: '0',
    // The value is a list of transports; there is none of that name.
    GIT_ALLOW_PROTOCOL: call.network,
    // Never adopt a repository above the one that was named.
    GIT_CEILING_DIRECTORIES: `${call.cwd}/..`,
  };
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

async function text(call: GitCall, stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_TEXT_BYTES) {
      const problem = `it answered more than ${MAX_TEXT_BYTES} bytes`;
      throw gitFailed(call, problem, 'Use a repository with fewer files or refs.');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function gitFailed(call: GitCall, problem: string, fix: string): TerminalError {
  return new TerminalError({
    code: 'GIT_FAILED',
    path: call.about ?? SOURCE,
    problem: `git ${call.args[0] ?? ''} failed: ${problem}`,
    fix,
  });
}

function unavailable(call: GitCall, cause: NodeJS.ErrnoException): TerminalError {
  return new TerminalError(
    {
      code: 'GIT_UNAVAILABLE',
      path: call.about ?? SOURCE,
      problem: `git cannot be started (${cause.code ?? cause.message})`,
      fix: 'Install git 2.30 or newer and make sure that it is on the PATH.',
    },
    { cause },
  );
}
