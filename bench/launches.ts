/** Real workers, one process for each attempt, next to starting a Node that does nothing. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { composeEmbedded } from '#embedded/compose.ts';
import { openBed } from './engine-bed.ts';
import { median } from './report.ts';

const WORKERS = 40;
/** Starting a process is work for the processor. */
const AT_ONCE = 4;

async function timeWorkers(scratch: string): Promise<number> {
  const directory = mkdtempSync(join(scratch, 'launches-'));
  const embedded = await composeEmbedded({
    directory,
    concurrency: AT_ONCE,
    sandbox: 'none',
    allowUnsandboxedAgents: true,
  });
  const bed = await openBed(directory, embedded, { concurrency: AT_ONCE });
  const elapsedMs = await bed.time(
    'launches',
    Array.from({ length: WORKERS }, (_, n) => ({ id: `i${n}` })),
  );
  await bed.close();
  await embedded.mailbox.shutdown();
  rmSync(directory, { recursive: true });
  return elapsedMs;
}

async function timeSpawns(): Promise<number> {
  let next = 0;
  const startedMs = performance.now();
  const spawner = async (): Promise<void> => {
    while (next++ < WORKERS) {
      const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
      await new Promise((resolve) => child.on('close', resolve));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, spawner));
  return performance.now() - startedMs;
}

export async function measureLaunches(
  scratch: string,
  rounds: number,
  print: (line: string) => void,
): Promise<boolean> {
  const [workers, spawns]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    workers.push(await timeWorkers(scratch));
    spawns.push(await timeSpawns());
  }
  const rate = (times: number[]): string => (WORKERS / (median(times) / 1000)).toFixed(1);
  const ratio = (median(spawns) / median(workers)).toFixed(2);
  print(`real workers, ${AT_ONCE} at once: ${rate(workers)} /s; \`node -e 0\`: ${rate(spawns)} /s; ratio ${ratio}`);
  return true;
}
