/**
 * Puts together what the wrapper's image is made of: Node, git, what both are linked with, and the two bundles. There is no
 * shell, no package manager and no node_modules. The Dockerfile runs this on its pinned base, CI on its own system.
 *
 *     node worker-image/assemble-rootfs.ts <directory of the bundles> <out>
 *
 * `out/system` belongs to root, `out/volumes` to the user of the containers. The same files in give the same tree.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { RUNNER_SOCKET, WORKER_USER, WORKER_VOLUMES, WRAPPER } from '../lib/worker-containers.ts';

const DIGEST = /@sha256:[0-9a-f]{64}$/;
const [NODE = '', WORKER = ''] = WRAPPER.entryPoint;
const { uid, gid, name } = WORKER_USER;
/** What name resolution and git ask for, and mount points. */
const TEXTS: Readonly<Record<string, string>> = {
  '/etc/passwd': `root:x:0:0:root:/:/none\n${name}:x:${uid}:${gid}::/:/none\n`,
  '/etc/group': `root:x:0:\n${name}:x:${gid}:\n`,
  '/etc/nsswitch.conf': 'hosts: files dns\n',
};
const MOUNT_POINTS = ['/dev', '/proc', '/sys'];

export interface RootfsSources {
  /** Holds worker.mjs and runner.mjs. */
  bundles: string;
  /** Both are taken with their shared libraries, which `ldd` names. */
  node: string;
  git: string;
}

/** `out` must not exist, or be empty. */
export function assembleRootfs({ bundles, node, git }: RootfsSources, out: string): void {
  const system = join(out, 'system');
  const place = (from: string, to: string, mode: number): void => {
    mkdirSync(dirname(join(system, to)), { recursive: true });
    copyFileSync(from, join(system, to));
    chmodSync(join(system, to), mode);
  };
  // Who may run a program but not read it cannot look into its process; blocks run as the same user as their runner.
  place(node, NODE, 0o111);
  place(join(bundles, 'worker.mjs'), WORKER, 0o444);
  place(join(bundles, 'runner.mjs'), join(dirname(WORKER), 'runner.mjs'), 0o444);
  place(git, '/usr/bin/git', 0o555);
  for (const library of new Set([node, git].flatMap(librariesOf))) place(library, library, 0o555);
  for (const [path, text] of Object.entries(TEXTS)) {
    mkdirSync(dirname(join(system, path)), { recursive: true });
    writeFileSync(join(system, path), text);
    chmodSync(join(system, path), 0o444);
  }
  for (const path of MOUNT_POINTS) mkdirSync(join(system, path), { recursive: true });
  for (const path of [...Object.values(WORKER_VOLUMES), dirname(RUNNER_SOCKET)]) {
    // Environments have a /tmp of their own.
    if (path !== WORKER_VOLUMES.temporary) mkdirSync(join(out, 'volumes', path), { recursive: true });
  }
  settleTimes(out, Number(process.env.SOURCE_DATE_EPOCH ?? 0));
}

/** Paths as the loader looks for them. Throws where `ldd` finds one missing. */
function librariesOf(program: string): string[] {
  const said = execFileSync('ldd', [program], { encoding: 'utf8', env: { PATH: process.env.PATH } });
  if (said.includes('not found')) throw new RangeError(`${program} lacks a library: ${said}`);
  return [...said.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, path = '']) => path);
}

/** Directories after what is in them, because every write changes their time. */
function settleTimes(path: string, seconds: number): void {
  const stat = lstatSync(path);
  if (stat.isDirectory()) {
    chmodSync(path, 0o755);
    for (const entry of readdirSync(path)) settleTimes(join(path, entry), seconds);
  }
  utimesSync(path, seconds, seconds);
}

function found(program: string): string {
  const places = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, program));
  const path = places.find((place) => existsSync(place));
  if (path === undefined) throw new RangeError(`${program} is not on PATH`);
  return path;
}

if (import.meta.main) {
  const [, , bundles = '', out = ''] = process.argv;
  const base = process.env.BASE;
  if (base !== undefined && !DIGEST.test(base)) throw new RangeError(`BASE is ${base}; name an image by its digest`);
  assembleRootfs({ bundles, node: process.execPath, git: found('git') }, out);
}
