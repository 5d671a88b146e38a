/**
 * Says which process a pid meant when a handle was written: `pid:<pid>:<start time>:<boot id>`, and behind it the number of
 * the attempt among those that the process served. The kernel gives a pid again, but never with the same start time in one boot;
 * so a handle means its process or nothing.
 *
 * Where there is no /proc (macOS) the two last parts are empty: a handle then means whatever has the pid now. The local
 * launcher only stops such a handle when the process is its own child.
 */
import { readdirSync, readFileSync } from 'node:fs';

const HANDLE = /^pid:([1-9]\d{0,9}):(\d*):([0-9a-f-]*)(?::[1-9]\d*)?$/;

export interface ProcessIdentity {
  pid: number;
  /** In clock ticks since boot; empty when the host does not tell. */
  startTime: string;
  bootId: string;
}

export function identify(pid: number): ProcessIdentity {
  return { pid, startTime: statOf(pid)?.startTime ?? '', bootId: bootId() };
}

export function formatHandle({ pid, startTime, bootId: boot }: ProcessIdentity): string {
  return `pid:${pid}:${startTime}:${boot}`;
}

export function parseHandle(handle: string): ProcessIdentity | null {
  const [, pid, startTime, boot] = HANDLE.exec(handle) ?? [];
  if (pid === undefined || startTime === undefined || boot === undefined) return null;
  return { pid: Number(pid), startTime, bootId: boot };
}

/** Whether the process still lives. A zombie does not. Never true without a start time: see above. */
export function isRunning(identity: ProcessIdentity): boolean {
  if (identity.startTime === '' || identity.bootId !== bootId()) return false;
  const stat = statOf(identity.pid);
  return stat !== null && stat.startTime === identity.startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** Everything that the process started and that still has a living line of parents up to it, itself excluded. */
export function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const other of processIds()) {
    const parent = statOf(other)?.parent;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), other]);
  }
  const found: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const below = children.get(next) ?? [];
    found.push(...below);
    open.push(...below);
  }
  return found;
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** The name in the second field may hold anything, so fields are counted after its last parenthesis. */
function statOf(pid: number): { state: string; parent: number; startTime: string } | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', parent: Number(fields[1]), startTime: fields[19] ?? '' };
  } catch {
    return null;
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}
