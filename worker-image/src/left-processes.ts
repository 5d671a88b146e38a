/** Finds and ends what a block without a sandbox left running. Knows nothing on hosts without /proc. */
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

/** The name in the second field may hold anything, so fields are counted after its last parenthesis. */
function parentOf(pid: number): number {
  const line = read(pid, 'stat');
  return Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
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
