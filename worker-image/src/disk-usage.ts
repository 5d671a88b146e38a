/** How much of the disk the writable directories of an attempt hold, while hostile processes may be writing there. */
import { type Dir, lstatSync, opendirSync, readdirSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as others } from 'node:timers/promises';
import { hasCode, isDenied } from './errno.ts';
import { giveOwnerAccess } from './owner-access.ts';

export interface DiskUsage {
  /** Infinity where something is hidden: nobody can say how much it holds. */
  bytes: number;
  /** Files, directories and whatever else has a name, and files that have lost theirs and are still open. */
  inodes: number;
}

/** Entries in a row: a few milliseconds. One asynchronous call for each would take ten times as long in all. */
const ENTRIES_IN_A_ROW = 500;

/**
 * Counts what is on the disk and not what files say of their length; a file with several names counts once. Stops early
 * at more inodes than `most`. What vanishes on the way is left out. A directory whose owner may not look into it is given
 * back to its owner, or a block would have all the disk behind a `chmod 000`.
 *
 * @param pids processes whose open files count even when they are deleted
 */
export async function diskUsage(areas: readonly string[], pids: readonly number[], most: number): Promise<DiskUsage> {
  const usage: DiskUsage = { bytes: 0, inodes: 0 };
  const linked = new Set<string>();
  const add = (found: Stats): void => {
    if (found.nlink !== 1 && !found.isDirectory()) {
      const identity = `${found.dev}:${found.ino}`;
      if (linked.has(identity)) return;
      linked.add(identity);
    }
    usage.inodes += 1;
    usage.bytes += found.blocks * 512;
  };
  const hidden = (): void => {
    usage.bytes = Number.POSITIVE_INFINITY;
  };
  let row = 0;
  for (const { area, path } of entriesBelow(areas, hidden)) {
    const found = insist(() => lstatSync(path), { area, path: dirname(path) }, hidden);
    if (found !== null) add(found);
    if (usage.inodes > most) return usage;
    row += 1;
    if (row % ENTRIES_IN_A_ROW === 0) await others();
  }
  const device = lstatSync(areas[0] ?? '/').dev;
  for (const open of pids.flatMap(openFiles)) if (open.nlink === 0 && open.isFile() && open.dev === device) add(open);
  return usage;
}

interface Place {
  area: string;
  path: string;
}

/** A directory that is exchanged for a link meanwhile is read where it leads, which harms nobody. */
function* entriesBelow(areas: readonly string[], hidden: () => void): Generator<Place> {
  const pending: Place[] = areas.map((area) => ({ area, path: area }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const place = next;
    const directory = insist(() => opendirSync(place.path), place, hidden);
    if (directory === null) continue;
    try {
      for (let entry = nextOf(directory); entry !== null; entry = nextOf(directory)) {
        const found = { area: place.area, path: join(place.path, entry.name) };
        yield found;
        if (entry.isDirectory()) pending.push(found);
      }
    } finally {
      directory.closeSync();
    }
  }
}

/** Null for what is gone, and for what stays hidden when the directory was given back to its owner, or lies too deep for any path. */
function insist<T>(read: () => T, { area, path }: Place, hidden: () => void): T | null {
  for (const isLast of [false, true]) {
    try {
      return read();
    } catch (error) {
      if (hasCode(error, 'ENAMETOOLONG') || (isLast && isDenied(error))) hidden();
      if (isLast || !isDenied(error)) return null;
      giveOwnerAccess(area, path);
    }
  }
  return null;
}

function nextOf(directory: Dir): ReturnType<Dir['readSync']> {
  return attempt(() => directory.readSync());
}

function openFiles(pid: number): Stats[] {
  const descriptors = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return descriptors.flatMap((name) => attempt(() => statSync(`/proc/${pid}/fd/${name}`)) ?? []);
}

/** Null for what is gone, or belongs to a process that is. */
function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
