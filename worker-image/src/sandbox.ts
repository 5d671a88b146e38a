/**
 * One bubblewrap for each block: no network, no other process, no file of the host but its read-only system, no
 * descriptor and no variable of the wrapper. The block sees /waybill and a /tmp of its attempt.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TerminalError } from '@waybill/client/errors';
import type { AttemptTree } from './attempt-tree.ts';

const PROBE_TIMEOUT_MS = 10_000;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Where a block finds the Node of its wrapper when the system has it elsewhere than in /usr. */
const NODE_HOME = '/waybill-node';

/** What dynamic linking, user names, time zones and certificates need: world-readable everywhere. */
const SYSTEM_FILES = [
  '/etc/alternatives',
  '/etc/ca-certificates',
  '/etc/group',
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/localtime',
  '/etc/nsswitch.conf',
  '/etc/passwd',
  '/etc/pki/tls/certs',
  '/etc/ssl/certs',
  '/nix/store',
];

/** Paths as a block sees them. */
export interface BlockView {
  workspace: string;
  inputs: string;
  outputs: string;
  home: string;
  temporary: string;
  /** Null where the image of the environment says it. */
  path: string | null;
}

export const SANDBOX_VIEW: BlockView & { path: string } = {
  workspace: '/waybill/workspace',
  inputs: '/waybill/inputs',
  outputs: '/waybill/outputs',
  home: '/waybill/home',
  temporary: '/tmp',
  path: `${NODE_HOME}/bin:${SYSTEM_PATH}`,
};

export function unsandboxedView(tree: AttemptTree): BlockView {
  const { workspace, inputs, outputs, home, temporary } = tree;
  return { workspace, inputs, outputs, home, temporary, path: `${dirname(process.execPath)}:${SYSTEM_PATH}` };
}

/** The same paths in both containers. */
export function containerView({ workspace, inputs, outputs, home, temporary }: AttemptTree): BlockView {
  return { workspace, inputs, outputs, home, temporary, path: null };
}

/** How a process starts a command in the sandbox. */
export interface SandboxedCommand {
  argv: string[];
  /** Written to descriptor 4 and closed: a command line is open to every user of the host, and short. */
  options: string;
}

/** Descriptor 3 of the process receives, as JSON lines, what bubblewrap started. */
export function sandboxCommand(tree: AttemptTree, env: Record<string, string>, command: string[]): SandboxedCommand {
  const argv = ['bwrap', '--json-status-fd', '3', '--args', '4', '--', ...command];
  const options = profile(tree, env);
  if (options.some((option) => option.includes('\0'))) throw endsAnOption();
  return { argv, options: options.map((option) => `${option}\0`).join('') };
}

function profile(tree: AttemptTree, env: Record<string, string>): string[] {
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    ...['--die-with-parent', '--new-session', '--hostname', 'waybill', '--cap-drop', 'ALL'],
    ...systemMounts(),
    ...nodeMounts(),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...['--bind', tree.temporary, SANDBOX_VIEW.temporary],
    ...['--bind', tree.workspace, SANDBOX_VIEW.workspace],
    ...['--ro-bind', tree.inputs, SANDBOX_VIEW.inputs],
    ...['--bind', tree.outputs, SANDBOX_VIEW.outputs],
    ...['--bind', tree.home, SANDBOX_VIEW.home],
    ...['--ro-bind', tree.jobFile, '/waybill/.waybill/job.json'],
    ...['--remount-ro', '/', '--chdir', SANDBOX_VIEW.workspace, '--clearenv'],
    ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
  ];
}

/** Tries the profile for real. Whether it works is a property of the host: user namespaces may be forbidden. */
export async function probeBubblewrap(tree: AttemptTree): Promise<{ works: boolean; detail: string }> {
  const args = [...profile(tree, { PATH: SANDBOX_VIEW.path }), '--', '/bin/sh', '-c', 'echo inside'];
  try {
    const { stdout } = await promisify(execFile)('bwrap', args, { timeout: PROBE_TIMEOUT_MS });
    if (stdout === 'inside\n') return { works: true, detail: 'a trial of bubblewrap succeeded' };
    return { works: false, detail: 'a trial of bubblewrap ran, and said something else' };
  } catch (error) {
    return { works: false, detail: `a trial of bubblewrap failed: ${lastLine(error)}` };
  }
}

/** Distributions have /bin and its kin either as links into /usr or as directories. */
function systemMounts(): string[] {
  const merged = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'].flatMap((path) => {
    const kind = lstatSync(path, { throwIfNoEntry: false });
    if (kind === undefined) return [];
    return kind.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
  });
  return ['--ro-bind', '/usr', '/usr', ...merged, ...SYSTEM_FILES.flatMap((path) => ['--ro-bind-try', path, path])];
}

/** Only the executable and npm are shown, at a neutral place: the directories around them may be somebody's home. */
function nodeMounts(): string[] {
  const node = process.execPath.startsWith('/usr/') ? [] : ['--ro-bind', process.execPath, `${NODE_HOME}/bin/node`];
  const npm = npmHome();
  if (npm === null || npm.startsWith('/usr/')) return node;
  const links = ['npm', 'npx'].flatMap((name) => [
    '--symlink',
    `../lib/node_modules/npm/bin/${name}-cli.js`,
    `${NODE_HOME}/bin/${name}`,
  ]);
  return [...node, '--ro-bind', npm, `${NODE_HOME}/lib/node_modules/npm`, ...links];
}

function npmHome(): string | null {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    try {
      const npm = realpathSync(join(directory, 'npm'));
      accessSync(npm, constants.R_OK);
      return /\/npm\/bin\/npm-cli\.js$/.test(npm) ? dirname(dirname(npm)) : null;
    } catch {
      // Not in this directory.
    }
  }
  return null;
}

/** What follows a NUL would be read as the next option, and could open the sandbox. */
function endsAnOption(): TerminalError {
  const fix = 'Remove it from the environment of the item; nothing of the block has run.';
  return new TerminalError({ code: 'LEASE_INVALID', path: 'env', problem: 'holds a NUL character', fix });
}

function lastLine(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return (said === '' ? String(error) : said).split('\n').at(-1)?.slice(0, 300) ?? '';
}
