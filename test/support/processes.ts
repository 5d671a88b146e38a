/** What a test sees of other processes, from outside any sandbox. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until the condition holds; fails after ten seconds, or as long as is said. */
export async function until(holds: () => boolean | Promise<boolean>, patienceMs = 10_000): Promise<void> {
  for (let waitedMs = 0; !(await holds()); waitedMs += 10) {
    assert.ok(waitedMs < patienceMs, 'it did not come to hold in time');
    await sleep(10);
  }
}

/** Living processes of the host that run `sleep <marker>`. */
export function runningSleeps(marker: string): number {
  const lines = execFileSync('ps', ['-A', '-o', 'stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => !line.startsWith('Z') && line.includes(` sleep ${marker}`) && !line.includes('trap'))
    .length;
}
