/** What the processes of a sandbox use, read from /proc of the host. A reading is a moment's: processes come and go meanwhile. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessUsage {
  pid: number;
  /** Tells a process from a later one with its number. */
  bornAt: string;
  threads: number;
  /** What only memory holds, swapped out or not. Pages that several processes share count in each. */
  memoryBytes: number;
  /** Processor time of its own. */
  ownCpuMs: number;
  /** Of children that have ended and that it has waited for, and of theirs. */
  pastCpuMs: number;
}

/** Linux counts in these for everybody, whatever its own clock does. */
const TICK_MS = 10;
const KIB = 1_024;

/**
 * The process and everything below it; whoever loses a parent in a pid namespace is given to its first process, so that
 * nobody gets away. Stops early when there are more threads than `most`: how many more is nobody's question.
 */
export function usageBelow(root: number, most: number): ProcessUsage[] {
  const found: ProcessUsage[] = [];
  const pending = new Set([root]);
  let threads = 0;
  // A set hands out what is added to it on the way.
  for (const pid of pending) {
    const usage = usageOf(pid);
    if (usage === null) continue;
    found.push(usage);
    threads += usage.threads;
    if (threads > most) break;
    for (const child of childrenOf(pid)) pending.add(child);
  }
  return found;
}

/** As `memoryBytes`, with shared pages divided among those that share them. Costs the kernel a walk over all its pages. */
function fairMemoryBytes({ pid }: ProcessUsage): number {
  const text = read(`/proc/${pid}/smaps_rollup`);
  // It has ended, or the kernel is too old to tell.
  if (!text.includes('Pss_Anon:')) return usageOf(pid)?.memoryBytes ?? 0;
  return ['Pss_Anon', 'Pss_Shmem', 'SwapPss'].reduce((sum, field) => sum + kibField(text, field), 0) * KIB;
}

/**
 * Whether all of them hold more than that. What is shared by processes that end during a reading is counted for more than
 * it is, so that a second reading has to agree.
 */
export function holdMoreThan(limitBytes: number, usage: readonly ProcessUsage[]): boolean {
  const sum = (of: (each: ProcessUsage) => number): number => usage.reduce((total, each) => total + of(each), 0);
  // The dear question is asked only where the cheap answer, which counts what is shared for each, is over the limit.
  if (sum(({ memoryBytes }) => memoryBytes) <= limitBytes) return false;
  return sum(fairMemoryBytes) > limitBytes && sum(fairMemoryBytes) > limitBytes;
}

function usageOf(pid: number): ProcessUsage | null {
  const [status, stat] = [read(`/proc/${pid}/status`), read(`/proc/${pid}/stat`)];
  // The name in the second field may hold anything, so fields are counted after its last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 20) return null;
  const ticks = (at: number): number => Number(fields[at]) * TICK_MS;
  return {
    pid,
    bornAt: fields[19] ?? '',
    threads: Math.max(1, Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 1)),
    memoryBytes: ['RssAnon', 'RssShmem', 'VmSwap'].reduce((sum, field) => sum + kibField(status, field), 0) * KIB,
    ownCpuMs: ticks(11) + ticks(12),
    pastCpuMs: ticks(13) + ticks(14),
  };
}

/** Each thread has the children that it made. */
function childrenOf(pid: number): number[] {
  return entries(`/proc/${pid}/task`).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
}

function kibField(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Empty for a process that has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
