import { readFileSync } from 'node:fs';

/** Linux counts process times in this unit on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Both times are rounded, and the boot time to whole seconds. */
const ROUNDING_MS = 2_000;

/** As the kernel describes the process, behind its name, which may hold anything; null where it describes none. */
function statOf(pid: number): string[] | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return null;
  }
}

/** In ms since the epoch; null where that cannot be told. */
function startOf(fields: readonly string[]): number | null {
  try {
    const bootSeconds = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);
    const startMs = bootSeconds * 1000 + (Number(fields[19]) / TICKS_PER_SECOND) * 1000;
    return Number.isFinite(startMs) ? startMs : null;
  } catch {
    return null;
  }
}

/**
 * Whether the process that said at `noticedAtMs` that its id is `pid` still runs. A process that started later got the id
 * of a dead one.
 */
export function isAliveSince(pid: number, noticedAtMs: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // not ours to signal, but there
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const stat = statOf(pid);
  if (stat === null) return true;
  // ended, and kept only for a parent that does not ask: in a container, for ever
  if (stat[0] === 'Z' || stat[0] === 'X') return false;
  const startMs = startOf(stat);
  return startMs === null || startMs <= noticedAtMs + ROUNDING_MS;
}
