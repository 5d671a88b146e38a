/**
 * One bubblewrap for each block: no network, no other process, no file of the host but its read-only system, no
 * descriptor and no variable of the wrapper. The block sees /waybill and a /tmp of its attempt.
 */
import { accessSync, constants, existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import type { JobResources } from '#core/mailbox-protocol.ts';
import type { AttemptTree } from './attempt-tree.ts';
import { FIRST_READING, runBlock, type SandboxFeed } from './block-process.ts';
import { withRlimits } from './block-rlimits.ts';
import { DEVICES, type DeviceNodes } from './device-nodes.ts';
import type { SecretFile } from './given-secrets.ts';
import { seccompFilter } from './seccomp-filter.ts';

const PROBE_TIMEOUT_MS = 10_000;
/** Mode 2 is a filter. */
const PROBE = "grep -Eq 'Seccomp:[[:space:]]*2' /proc/self/status && echo inside filtered || echo inside";
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Where a block finds the Node of its wrapper when the system has it elsewhere than in /usr. */
const NODE_HOME = '/waybill-node';

const IS_SYSTEM_NODE = process.execPath.startsWith('/usr/');
/** The bundle of the wrapper as a block finds it, to be run as the adapter of an agent. */
const PROGRAM_FILE = `${NODE_HOME}/worker.mjs`;
export const SANDBOXED_PROGRAM: string[] = [IS_SYSTEM_NODE ? process.execPath : `${NODE_HOME}/bin/node`, PROGRAM_FILE];

/** Where a block finds the door to its model, if it has one. */
export const DOOR_VIEW = '/waybill/door';

/** Where a block finds the secrets that it names as files. */
const SECRETS_VIEW = '/waybill/secrets';

/** Of /dev/shm, which is memory that belongs to no process. As in containers. */
const SHARED_MEMORY_BYTES = String(64 * 1024 * 1024);

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
  capabilities: string;
  home: string;
  temporary: string;
  /** Null where the image of the environment says it. */
  path: string | null;
}

export const SANDBOX_VIEW: BlockView & { path: string } = {
  workspace: '/waybill/workspace',
  inputs: '/waybill/inputs',
  outputs: '/waybill/outputs',
  capabilities: '/waybill/.waybill/capabilities',
  home: '/waybill/home',
  temporary: '/tmp',
  path: `${NODE_HOME}/bin:${SYSTEM_PATH}`,
};

export function unsandboxedView(tree: AttemptTree): BlockView {
  const { workspace, inputs, outputs, capabilities, home, temporary } = tree;
  return {
    workspace,
    inputs,
    outputs,
    capabilities,
    home,
    temporary,
    path: `${dirname(process.execPath)}:${SYSTEM_PATH}`,
  };
}

/** The same paths in both containers. */
export function containerView({ workspace, inputs, outputs, capabilities, home, temporary }: AttemptTree): BlockView {
  return { workspace, inputs, outputs, capabilities, home, temporary, path: null };
}

/** How a process starts a command in the sandbox. */
export interface SandboxedCommand {
  argv: string[];
  /** Not in the command line: that is open to every user of the host, and short. */
  feed: SandboxFeed;
}

export interface SandboxSpec {
  resources?: JobResources | undefined;
  files?: readonly SecretFile[];
  /** Directory of the device nodes that it shows; without one, those of the host. */
  deviceNodes?: string | null;
}

export function sandboxCommand(
  tree: AttemptTree,
  env: Record<string, string>,
  command: string[],
  { resources, files = [], deviceNodes = null }: SandboxSpec = {},
): SandboxedCommand {
  const filter = seccompFilter(process.arch);
  const next = FIRST_READING + 1;
  const options = [
    ...profile(tree, env, deviceNodes, fileOptions(files, filter === null ? next : next + 1)),
    ...(filter === null ? [] : ['--seccomp', String(next)]),
  ];
  if (options.some((option) => option.includes('\0'))) throw endsAnOption();
  return {
    argv: ['bwrap', '--json-status-fd', '3', '--args', String(FIRST_READING), '--', ...withRlimits(command, resources)],
    feed: {
      options: options.map((option) => `${option}\0`).join(''),
      filter,
      files: files.map(({ text }) => text),
      input: deviceNodes === null ? null : join(deviceNodes, 'null'),
    },
  };
}

/** What the spec sets is for the block: bubblewrap itself runs outside and must not load a library of its choice. */
export function sandboxerEnvironment(): Record<string, string> {
  return { PATH: process.env.PATH ?? SANDBOX_VIEW.path };
}

/** They lie in the memory that the root of the sandbox is, and go with it. */
function fileOptions(files: readonly SecretFile[], descriptor: number): string[] {
  if (files.length === 0) return [];
  const each = files.flatMap(({ variable }, n) => [
    ...['--perms', '0400', '--file', String(descriptor + n), secretPath(variable)],
    ...['--setenv', variable, secretPath(variable)],
  ]);
  return ['--perms', '0700', '--dir', SECRETS_VIEW, ...each];
}

function secretPath(variable: string): string {
  return `${SECRETS_VIEW}/${variable}`;
}

function profile(
  tree: AttemptTree,
  env: Record<string, string>,
  deviceNodes: string | null,
  files: readonly string[],
): string[] {
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    ...['--die-with-parent', '--new-session', '--hostname', 'waybill', '--cap-drop', 'ALL'],
    ...systemMounts(),
    ...nodeMounts(),
    // To the kernel, a block of an engine that root runs is root: what its owner may change there is shut, or its own.
    ...['--proc', '/proc', '--remount-ro', '/proc'],
    ...['--dev', '/dev', '--size', SHARED_MEMORY_BYTES, '--tmpfs', '/dev/shm'],
    // Over the mounts of the host's, which a read-only /dev leaves as they are.
    ...(deviceNodes === null ? [] : DEVICES.flatMap((name) => ['--dev-bind', join(deviceNodes, name), `/dev/${name}`])),
    ...['--remount-ro', '/dev'],
    ...['--bind', tree.temporary, SANDBOX_VIEW.temporary],
    ...['--bind', tree.workspace, SANDBOX_VIEW.workspace],
    ...readable(tree.inputs, SANDBOX_VIEW.inputs),
    ...['--bind', tree.outputs, SANDBOX_VIEW.outputs],
    ...['--bind', tree.home, SANDBOX_VIEW.home],
    ...['--ro-bind', tree.jobFile, '/waybill/.waybill/job.json'],
    ...readable(tree.capabilities, SANDBOX_VIEW.capabilities),
    ...readable(tree.door, DOOR_VIEW),
    '--clearenv',
    ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
    ...files,
    ...['--remount-ro', '/', '--chdir', SANDBOX_VIEW.workspace],
  ];
}

/** A directory that may not be there, for nothing is in it: then the root of the sandbox, which nobody may write to, has an empty one. */
function readable(place: string, view: string): string[] {
  return existsSync(place) ? ['--ro-bind', place, view] : ['--dir', view];
}

/**
 * Tries the sandbox for real. Whether it works is a property of the host: user namespaces may be forbidden, or the kernel
 * built without filters. `detail` says what the host lacks.
 */
export async function probeBubblewrap(
  tree: AttemptTree,
  { place, lack }: DeviceNodes,
): Promise<{ works: boolean; detail: string }> {
  const env = { PATH: SANDBOX_VIEW.path };
  const { argv, feed } = sandboxCommand(tree, env, ['/bin/sh', '-c', PROBE], { deviceNodes: place });
  let said = '';
  const { exit } = await runBlock({
    argv,
    cwd: tree.workspace,
    env: sandboxerEnvironment(),
    sandbox: feed,
    timeoutMs: PROBE_TIMEOUT_MS,
    signal: new AbortController().signal,
    forceAtOnce: () => true,
    onOutput: (bytes) => {
      said += Buffer.from(bytes).toString();
    },
  });
  if (exit !== 0) return { works: false, detail: `a trial of bubblewrap failed: ${lastLine(said)}` };
  const filters =
    feed.filter === null ? `no filter of system calls for ${process.arch}` : 'with a filter of system calls';
  const expected = feed.filter === null ? 'inside' : 'inside filtered';
  if (said.trim() !== expected) return { works: false, detail: 'a trial of bubblewrap ran, and said something else' };
  return { works: true, detail: `a trial of bubblewrap succeeded, ${filters}${lack === null ? '' : warningOf(lack)}` };
}

function warningOf(lack: string): string {
  const problem = 'but blocks can change the device nodes of the host, as /dev/null, because this user owns them';
  return `, ${problem}, and of their own ${lack}; run the engine as a user who does not, or where it may make and open them`;
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
  const program = ['--ro-bind', import.meta.filename, PROGRAM_FILE];
  const node = IS_SYSTEM_NODE ? program : [...program, '--ro-bind', process.execPath, `${NODE_HOME}/bin/node`];
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
    const link = join(directory, 'npm');
    // An error for each directory takes longer than all looks.
    if (!existsSync(link)) continue;
    try {
      const npm = realpathSync.native(link);
      accessSync(npm, constants.R_OK);
      return /\/npm\/bin\/npm-cli\.js$/.test(npm) ? dirname(dirname(npm)) : null;
    } catch {
      // Nobody may read it.
    }
  }
  return null;
}

/** What follows a NUL would be read as the next option, and could open the sandbox. */
function endsAnOption(): TerminalError {
  const fix = 'Remove it from the environment of the item; nothing of the block has run.';
  return new TerminalError({ code: 'LEASE_INVALID', path: 'env', problem: 'holds a NUL character', fix });
}

function lastLine(said: string): string {
  return said.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
}
