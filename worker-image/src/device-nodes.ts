/**
 * Device nodes of this process alone, for its sandboxed blocks. A sandbox shows those of the host, each on a mount of its own that is
 * writable, since a read-only one of bubblewrap has no devices. Whoever owns them, as root does, changes their mode, their times and their
 * lists of who may open them: for the whole host, until somebody puts them right.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, lstatSync, mkdtempSync, openSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RetryableError } from '@waybill/client/errors';

/** What `--dev` of bubblewrap takes from the host. */
export const DEVICES = ['full', 'null', 'random', 'tty', 'urandom', 'zero'] as const;
/** It takes milliseconds, and on a machine that is busy no longer than this. */
const MAKING_MS = 10_000;

export interface DeviceNodes {
  /** A directory with one for each name. Null where blocks have those of the host. */
  place: string | null;
  /** Why blocks have those of the host although they own them; null where that is not so. */
  lack: string | null;
}

/** Those of the host, where no block runs here. */
export const NO_NODES: DeviceNodes = { place: null, lack: null };

/** Nothing is made for a user who owns none of the host's: the kernel refuses them all but to set a time to now. Never throws. */
export function makeDeviceNodes(host = '/dev', user: number | undefined = process.getuid?.()): DeviceNodes {
  try {
    if (!DEVICES.some((name) => lstatSync(join(host, name)).uid === user)) return NO_NODES;
    return { place: copyOf(host), lack: null };
  } catch (error) {
    return { place: null, lack: error instanceof Error ? error.message : String(error) };
  }
}

/** Throws RetryableError LAUNCH_FAILED where there are none, since what was said of the machine then does not hold for blocks here. */
export function requireOwnNodes({ place, lack }: DeviceNodes): void {
  if (place !== null) return;
  const problem = `blocks would have those of the host, since ${lack ?? 'this user owns none of them'}, and they had others when the engine was started`;
  const fix = 'See that it has room, inodes and time to copy them, or start the engine again where it cannot.';
  throw new RetryableError({ code: 'LAUNCH_FAILED', path: 'device nodes', problem, fix });
}

export function removeDeviceNodes({ place }: DeviceNodes): void {
  if (place !== null) rmSync(place, { recursive: true, force: true });
}

/** The same as long as nobody has changed one: of all changes the kernel keeps the time, which nobody can set. */
export function stateOfNodes({ place }: DeviceNodes): string {
  if (place === null) return '';
  const states = DEVICES.map((name) => {
    const node = lstatSync(join(place, name), { bigint: true, throwIfNoEntry: false });
    if (node === undefined) return 'gone';
    const { dev, ino, mode, uid, gid, rdev, atimeNs, mtimeNs, ctimeNs } = node;
    return [dev, ino, mode, uid, gid, rdev, atimeNs, mtimeNs, ctimeNs].join(' ');
  });
  return states.join('\n');
}

/** Node cannot make one. To start a program takes as long as to make all of them. */
function copyOf(host: string): string {
  const place = realpathSync.native(mkdtempSync(join(tmpdir(), 'waybill-devices-')));
  try {
    const nodes = DEVICES.map((name) => join(host, name));
    const options = { stdio: 'ignore', timeout: MAKING_MS, killSignal: 'SIGKILL' } as const;
    spawnSync('cp', ['-R', '-p', '--', ...nodes, place], options);
    for (const name of DEVICES) {
      const [there, here] = [lstatSync(join(host, name)), lstatSync(join(place, name), { throwIfNoEntry: false })];
      if (!here?.isCharacterDevice() || here.rdev !== there.rdev)
        throw new RangeError(`none can be made in ${tmpdir()}`);
    }
    try {
      closeSync(openSync(join(place, 'null'), 'r'));
    } catch {
      throw new RangeError(`none can be opened in ${tmpdir()}, which may be mounted nodev`);
    }
    return place;
  } catch (error) {
    rmSync(place, { recursive: true, force: true });
    throw error;
  }
}
