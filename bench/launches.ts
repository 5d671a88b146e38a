/**
 * Real workers with one block in each attempt, next to starting what no attempt can do without: the command of the block in its
 * sandbox, and a Node before that. And what the wrapper adds to an attempt before its first block and after its last, which is
 * more where processes of the worker are started on the way.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RunEvent } from '@waybill/verify';
import { composeEmbedded } from '#embedded/compose.ts';
import { openBed } from './engine-bed.ts';
import { AT_ONCE, type Floors, LAUNCHES, type Timed, timed } from './launch-floors.ts';
import { median } from './report.ts';

/** Of the rate at which the command starts alone, with processes that are there. What is missed is said, and is no failure of the bench. */
const WANTED = 0.8;

/** Timed from the first dispatch to the last settle: a run is submitted once and sealed once, however many attempts it has. */
interface Attempts extends Timed {
  /** Of each, from its dispatch to its first block, and from the end of its last to its settle. */
  beforeMs: number[];
  afterMs: number[];
}

interface Workers {
  isolation: string;
  /** Of an engine that has just started: some of them start a process each. */
  cold: Attempts;
  /** Then, with the processes that served these. */
  warm: Attempts;
}

async function timeWorkers(scratch: string): Promise<Workers> {
  const directory = mkdtempSync(join(scratch, 'launches-'));
  const embedded = await composeEmbedded({
    directory,
    concurrency: AT_ONCE,
    sandbox: 'auto',
    allowUnsandboxedAgents: true,
  });
  const bed = await openBed(directory, embedded, { concurrency: AT_ONCE });
  const run = async (submissionId: string): Promise<Attempts> => {
    const items = Array.from({ length: LAUNCHES }, (_, n) => ({ id: `i${n}` }));
    const found = await timed(async () => {
      await bed.time(submissionId, items);
    });
    return { ...found, ...overheadsOf(eventsOf(bed.bundle(submissionId))) };
  };
  const [cold, warm] = [await run('cold'), await run('warm')];
  await bed.close();
  await embedded.mailbox.shutdown();
  rmSync(directory, { recursive: true });
  return { cold, warm, isolation: embedded.deps.worker.isolation };
}

type Sealed = RunEvent & { at: string };

function eventsOf(bundle: Buffer): Sealed[] {
  const lines = bundle.toString().split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Sealed).filter(({ type }) => type !== undefined);
}

type Overheads = Omit<Attempts, 'cpuMs'>;

function overheadsOf(events: readonly Sealed[]): Overheads {
  const dispatched = new Map<string, number>();
  const [beforeMs, afterMs]: [number[], number[]] = [[], []];
  const settled: number[] = [];
  for (const event of events) {
    if (event.type === 'attempt.dispatched') dispatched.set(event.data.id, Date.parse(event.at));
    if (event.type !== 'attempt.settled') continue;
    settled.push(Date.parse(event.at));
    const { id, claimed } = event.data;
    const [first, last] = [claimed.blocks.at(0), claimed.blocks.at(-1)];
    if (first === undefined || last === undefined) throw new RangeError(`attempt ${id} ran no block`);
    beforeMs.push(Date.parse(first.startedAt) - (dispatched.get(id) ?? Number.NaN));
    afterMs.push(Date.parse(event.at) - Date.parse(last.endedAt));
  }
  return { beforeMs, afterMs, elapsedMs: Math.max(...settled) - Math.min(...dispatched.values()) };
}

interface Round extends Floors {
  workers: Workers;
}

async function timeRound(scratch: string): Promise<Round> {
  const workers = await timeWorkers(scratch);
  const floors = join(import.meta.dirname, 'launch-floors.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [floors, workers.isolation]);
  return { workers, ...(JSON.parse(stdout) as Floors) };
}

export async function measureLaunches(
  scratch: string,
  rounds: number,
  print: (line: string) => void,
): Promise<boolean> {
  const all: Round[] = [];
  for (let round = 0; round < rounds; round += 1) all.push(await timeRound(scratch));
  const [cold, warm] = [all.map(({ workers }) => workers.cold), all.map(({ workers }) => workers.warm)];
  const floors = [
    ['the command of a block alone', all.map(({ command }) => command)],
    ['a Node that does nothing, and then the command', all.map(({ nodeAndCommand }) => nodeAndCommand)],
  ] as const;
  print(`real workers (${all[0]?.workers.isolation}), ${AT_ONCE} at once`);
  print(`  cold, the first ${LAUNCHES} of an engine that has just started: ${said(cold)}; ${around(cold)}`);
  print(`  warm, ${LAUNCHES} more: ${said(warm)}; ${around(warm)}`);
  for (const [name, floor] of floors) {
    print(`  ${name}: ${said(floor)}; ratio cold ${ratios(floor, cold)}, warm ${ratios(floor, warm)}`);
  }
  print(`  the tree of an attempt, made and removed, which is in neither floor: ${said(all.map(({ tree }) => tree))}`);
  const reached = rateRatio(floors[0][1], warm);
  print(
    `  warm against the command alone: ${reached.toFixed(2)} (wanted ${WANTED}${reached < WANTED ? ', missed' : ''})`,
  );
  return true;
}

const elapsedOf = (all: readonly Timed[]): number => median(all.map(({ elapsedMs }) => elapsedMs));
const cpuOf = (all: readonly Timed[]): number => median(all.map(({ cpuMs }) => cpuMs));
const rateRatio = (floor: readonly Timed[], found: readonly Timed[]): number => elapsedOf(floor) / elapsedOf(found);

function said(all: readonly Timed[]): string {
  return `${(LAUNCHES / (elapsedOf(all) / 1000)).toFixed(1)} /s with ${cpuOf(all).toFixed(0)} ms of processor time each`;
}

function around(all: readonly Attempts[]): string {
  const [before, after] = [all.flatMap(({ beforeMs }) => beforeMs), all.flatMap(({ afterMs }) => afterMs)];
  return `from dispatch to the first block ${median(before).toFixed(0)} ms, from the last to settled ${median(after).toFixed(0)} ms`;
}

function ratios(floor: readonly Timed[], found: readonly Timed[]): string {
  return `${rateRatio(floor, found).toFixed(2)} (of processor time ${(cpuOf(floor) / cpuOf(found)).toFixed(2)})`;
}
