/**
 * Ends a block that takes more of the machine than its job allows, by looking at it: several times a second at its
 * processes, and as often as that is cheap at its files. A block may so take more than its limit between two looks; what
 * it may never do is to keep it. Nothing here needs a right that the engine's user does not have.
 */
import { statfsSync } from 'node:fs';
import type { JobResources } from '#core/mailbox-protocol.ts';
import { AttemptEnded } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import { diskUsage } from './disk-usage.ts';
import { holdMoreThan, type ProcessUsage, usageBelow } from './sandbox-processes.ts';

const LOOK_MS = 100;
const WALK_MS = 1_000;
/** A look may cost a tenth of the time until the next one. */
const REST_FACTOR = 10;

export interface ResourceWatch {
  /** Begins to look: at the sandbox with this first process, whose end is the end of all of it. */
  inside(pid: number): void;
  /** Call once, when the block has ended. What it took too much of, or null. */
  end(): Promise<AttemptEnded | null>;
}

export function watchResources(resources: JobResources, tree: AttemptTree): ResourceWatch {
  const areas = [tree.workspace, tree.outputs, tree.home, tree.temporary];
  const clock = cpuClock();
  const disk = diskGauge(tree.root);
  let root: number | null = null;
  let pids: number[] = [];
  let breach: AttemptEnded | null = null;
  let ended = false;
  let walking: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let nextWalkAt = Date.now() + WALK_MS;

  function condemn(found: AttemptEnded | null): void {
    if (found === null) return;
    breach ??= found;
    if (root === null || ended) return;
    try {
      process.kill(root, 'SIGKILL');
    } catch {
      // It ended in the meantime.
    }
  }

  function look(): void {
    if (root === null || ended) return;
    const startedAt = performance.now();
    const usage = usageBelow(root, resources.processes);
    pids = usage.map(({ pid }) => pid);
    condemn(judge(resources, usage, clock(usage)));
    if (walking === null && (Date.now() >= nextWalkAt || disk.mayHold(resources.diskBytes))) walking = walk();
    timer = setTimeout(look, Math.max(LOOK_MS, REST_FACTOR * (performance.now() - startedAt)));
  }

  async function walk(): Promise<void> {
    const startedAt = Date.now();
    disk.begin();
    const usage = await diskUsage(areas, pids, resources.inodes);
    disk.note(usage.bytes);
    if (usage.bytes >= resources.diskBytes) condemn(used('disk_full', 'disk', `${resources.diskBytes} bytes of disk`));
    if (usage.inodes > resources.inodes) condemn(used('disk_full', 'inodes', `${resources.inodes} files`));
    nextWalkAt = Date.now() + Math.max(WALK_MS, REST_FACTOR * (Date.now() - startedAt));
    walking = null;
  }

  return {
    inside(pid) {
      root = pid;
      // Nothing of the block runs yet.
      if (!ended) timer = setTimeout(look, LOOK_MS);
    },
    async end() {
      ended = true;
      clearTimeout(timer);
      pids = [];
      await walking;
      if (breach === null) await walk();
      return breach;
    },
  };
}

function judge(resources: JobResources, usage: readonly ProcessUsage[], cpuMs: number): AttemptEnded | null {
  const { processes, memoryBytes, cpuMs: budgetMs } = resources;
  if (usage.reduce((sum, { threads }) => sum + threads, 0) > processes) {
    return used('too_many_processes', 'processes', `${processes} processes and threads`);
  }
  if (budgetMs !== undefined && cpuMs > budgetMs)
    return used('cpu_used_up', 'cpuTime', `${budgetMs} ms of processor time`);
  return holdMoreThan(memoryBytes, usage) ? used('out_of_memory', 'memory', `${memoryBytes} bytes of memory`) : null;
}

function used(
  reason: 'cpu_used_up' | 'disk_full' | 'out_of_memory' | 'too_many_processes',
  name: string,
  limit: string,
): AttemptEnded {
  return new AttemptEnded('failed', reason, `was over the limit of ${limit}, and was ended`, `resources.${name}`);
}

/**
 * Adds up processor time. What a process waited for, its parent still tells; what nobody waited for is only known from
 * earlier looks, and of what has ended between two, nothing. Neither counts anything twice, so the larger one is nearer to the truth.
 */
function cpuClock(): (usage: readonly ProcessUsage[]) => number {
  const seen = new Map<string, number>();
  let observedMs = 0;
  return (usage) => {
    let toldMs = 0;
    for (const { pid, bornAt, ownCpuMs, pastCpuMs } of usage) {
      const identity = `${pid} ${bornAt}`;
      observedMs += Math.max(0, ownCpuMs - (seen.get(identity) ?? 0));
      seen.set(identity, ownCpuMs);
      toldMs += ownCpuMs + pastCpuMs;
    }
    const living = new Set(usage.map(({ pid, bornAt }) => `${pid} ${bornAt}`));
    for (const identity of seen.keys()) if (!living.has(identity)) seen.delete(identity);
    return Math.max(observedMs, toldMs);
  };
}

/**
 * Whether the disk has lost so much since its last measurement that the block could be over its limit: one call, where a
 * measurement takes one for each file. Others use the disk, too, so this only says when to measure.
 */
function diskGauge(place: string): { begin(): void; note(bytes: number): void; mayHold(bytes: number): boolean } {
  let measured = 0;
  let freeThen = freeBytes(place);
  return {
    begin() {
      freeThen = freeBytes(place);
    },
    note(bytes) {
      measured = bytes;
    },
    mayHold: (bytes) => measured + freeThen - freeBytes(place) >= bytes,
  };
}

function freeBytes(place: string): number {
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize;
}
