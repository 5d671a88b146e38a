/** The processor time of processes, as Linux tells it. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts processor time in these for everybody. */
const TICK_MS = 10;

/** Of a process, of what it has waited for, and of what it has that lives. */
export function treeCpuMs(pid: number): number {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in the second field may hold anything, so fields are counted after its last parenthesis.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
    const children = readdirSync(`/proc/${pid}/task`)
      .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' '))
      .filter(Boolean);
    return ticks * TICK_MS + children.reduce((sum, child) => sum + treeCpuMs(Number(child)), 0);
  } catch {
    // It has ended, and its parent tells.
    return 0;
  }
}
