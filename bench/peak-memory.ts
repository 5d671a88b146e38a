/** The memory of processes, as Linux tells it. */
import { readFileSync } from 'node:fs';

/**
 * The most that the program of a process has had in memory so far. Not what `process.resourceUsage()` says, which counts in what the
 * process that started this one had by then: a small program of a large bench would be as large as the bench.
 */
export function peakMemoryBytes(pid: number | 'self'): number {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(peak?.[1] ?? Number.NaN) * 1024;
}
