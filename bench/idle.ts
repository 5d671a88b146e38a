/** What an engine costs that has nothing to do: with 50,000 items behind it as much as with none. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { composeInProcess, type InProcess } from '#embedded/compose-in-process.ts';
import { openBed } from './engine-bed.ts';
import { fanOutFanIn } from './shapes.ts';

const RUNS = 5;
const ITEMS_PER_RUN = 10_000;
const WATCHED_MS = 20_000;
const SETTLED_MS = 3_000;

interface Idle {
  cpuMsPerMinute: number;
  readsPerMinute: number;
}

function open(directory: string): Promise<InProcess> {
  return composeInProcess(directory, () => ({ outcome: 'succeeded', reason: 'ok', exit: 0 }), { leaseMs: 600_000 });
}

async function watchIdle(directory: string): Promise<Idle> {
  const composed = await open(directory);
  const { store } = composed.deps;
  let reads = 0;
  const deps = {
    ...composed.deps,
    store: {
      get: (keys) => {
        reads += keys.length;
        return store.get(keys);
      },
      query: (pk, range) => {
        reads += 1;
        return store.query(pk, range);
      },
      transact: (actions) => store.transact(actions),
      discard: (rows) => store.discard(rows),
      durable: () => store.durable(),
    } satisfies typeof store,
  };
  const bed = await openBed(directory, { ...composed, deps });
  await sleep(SETTLED_MS);
  const before = { reads, cpu: process.cpuUsage() };
  await sleep(WATCHED_MS);
  const { user, system } = process.cpuUsage(before.cpu);
  const perMinute = 60_000 / WATCHED_MS;
  const idle = {
    cpuMsPerMinute: ((user + system) / 1000) * perMinute,
    readsPerMinute: (reads - before.reads) * perMinute,
  };
  await bed.close();
  return idle;
}

/** False when the reads of an idle engine grow with what it has done. */
export async function measureIdle(scratch: string, _rounds: number, print: (line: string) => void): Promise<boolean> {
  const [empty, full] = [mkdtempSync(join(scratch, 'idle-')), mkdtempSync(join(scratch, 'idle-'))];
  const bed = await openBed(full, await open(full));
  for (let run = 0; run < RUNS; run += 1) await bed.time(`run-${run}`, fanOutFanIn(ITEMS_PER_RUN));
  await bed.close();
  const [none, many] = [await watchIdle(empty), await watchIdle(full)];
  const say = ({ cpuMsPerMinute, readsPerMinute }: Idle): string =>
    `${Math.round(cpuMsPerMinute)} ms of CPU and ${Math.round(readsPerMinute)} rows or ranges read a minute`;
  print(`idle with no items: ${say(none)}`);
  print(`idle with ${(RUNS * ITEMS_PER_RUN).toLocaleString('en')} finished items: ${say(many)}`);
  for (const directory of [empty, full]) rmSync(directory, { recursive: true });
  return many.readsPerMinute <= none.readsPerMinute * 1.1;
}
