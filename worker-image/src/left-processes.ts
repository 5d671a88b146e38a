/** Finds and ends what a block outside bubblewrap left running. Knows nothing on hosts without /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const ROUND_MS = 5;
/** A killed process is gone within a round or two; one that the kernel holds is not worth waiting for. */
const MAX_ROUNDS = 100;

/** Kills the process and everything that still has a living line of parents up to it. */
export function killTree(root: number | undefined): void {
  if (root !== undefined) for (const pid of withDescendants(new Set([root]))) kill(pid);
}

/**
 * Kills every process that was born with this entry (`NAME=value`) in its environment, and what descends from one. Looks
 * again until there is none, because one may start another while it is being killed.
 */
export async function killMarked(entry: string): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const marked = processIds().filter((pid) => pid !== process.pid && environmentOf(pid).includes(entry));
    if (marked.length === 0) return;
    for (const pid of withDescendants(new Set(marked))) kill(pid);
    await sleep(ROUND_MS);
  }
}

/**
 * Whether nothing but this process and its init lives here. Asked before any block has run, it tells a container from a
 * machine: whatever comes to live in the container later is the blocks'.
 */
export function ownsAllProcesses(): boolean {
  const pids = processIds();
  return pids.includes(1) && pids.every((pid) => pid === 1 || pid === process.pid);
}

/** Kills every process of this container but its init and this one. Only where `ownsAllProcesses` was true at the start. */
export async function killAllOthers(): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    // The kernel spares init and the caller, and misses nobody who is being born meanwhile.
    kill(-1);
    const left = processIds().filter((pid) => pid !== 1 && pid !== process.pid && stateOf(pid) !== 'Z');
    if (left.length === 0) return;
    await sleep(ROUND_MS);
  }
}

function withDescendants(roots: ReadonlySet<number>): Set<number> {
  const children = new Map<number, number[]>();
  for (const pid of processIds()) {
    const parent = parentOf(pid);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = new Set(roots);
  // A set hands out what is added to it on the way.
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child);
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

/** Empty for a process of somebody else, and for one that has ended. */
function environmentOf(pid: number): string[] {
  return read(pid, 'environ').split('\0');
}

function parentOf(pid: number): number {
  return Number(statusFields(pid)[1] ?? 0);
}

/** `Z` for one that has ended and waits for its parent to hear of it; empty for one that is gone. */
function stateOf(pid: number): string {
  return statusFields(pid)[0] || 'Z';
}

/** The name in the second field may hold anything, so fields are counted after its last parenthesis. */
function statusFields(pid: number): string[] {
  const line = read(pid, 'stat');
  return line.slice(line.lastIndexOf(')') + 2).split(' ');
}

function read(pid: number, file: 'environ' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in the meantime, which is what was wanted.
  }
}
