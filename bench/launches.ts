/**
 * Real workers with one block in each attempt, next to starting what no attempt can do without: the command of the block in its
 * sandbox, and a Node before that. And what the wrapper adds to an attempt before its first block and after its last.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RunEvent } from '@waybill/verify';
import { JOB_RESOURCES } from '#core/names.ts';
import { composeEmbedded } from '#embedded/compose.ts';
import { createAttemptTree, removeAttemptTree } from '../worker-image/src/attempt-tree.ts';
import { runBlock } from '../worker-image/src/block-process.ts';
import { sandboxCommand, sandboxerEnvironment } from '../worker-image/src/sandbox.ts';
import { openBed } from './engine-bed.ts';
import { median } from './report.ts';

const WORKERS = 60;
/** Starting a process is work for the processor. */
const AT_ONCE = 4;
const COMMAND = ['/bin/sh', '-c', 'true'];
/** Linux counts processor time in these for everybody. */
const TICK_MS = 10;

interface Timed {
  elapsedMs: number;
  /** Processor time of this process and of all that it started, an attempt or a command. */
  cpuMs: number;
}

interface Workers {
  isolation: string;
  /** Of an engine that has just started, and then with the processes that served these. */
  first: Timed;
  next: Timed;
  /** Of each attempt of the next, from its dispatch to its first block, and from the end of its last to its settle. */
  beforeMs: number[];
  afterMs: number[];
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
  const run = (submissionId: string): Promise<Timed> =>
    timed(async () => {
      await bed.time(
        submissionId,
        Array.from({ length: WORKERS }, (_, n) => ({ id: `i${n}` })),
      );
    });
  const [first, next] = [await run('first'), await run('next')];
  await bed.close();
  await embedded.mailbox.shutdown();
  const around = overheadsOf(eventsOf(bed.bundle('next')));
  rmSync(directory, { recursive: true });
  return { first, next, isolation: embedded.deps.worker.isolation, ...around };
}

async function timed(work: () => Promise<void>): Promise<Timed> {
  const [startedMs, before] = [performance.now(), treeCpuMs(process.pid)];
  await work();
  return { elapsedMs: performance.now() - startedMs, cpuMs: (treeCpuMs(process.pid) - before) / WORKERS };
}

/** Of a process, of what it has waited for, and of what it has that lives. */
function treeCpuMs(pid: number): number {
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

type Sealed = RunEvent & { at: string };

function eventsOf(bundle: Buffer): Sealed[] {
  const lines = bundle.toString().split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Sealed).filter(({ type }) => type !== undefined);
}

function overheadsOf(events: readonly Sealed[]): Pick<Workers, 'beforeMs' | 'afterMs'> {
  const dispatched = new Map<string, number>();
  const around: Pick<Workers, 'beforeMs' | 'afterMs'> = { beforeMs: [], afterMs: [] };
  for (const event of events) {
    if (event.type === 'attempt.dispatched') dispatched.set(event.data.id, Date.parse(event.at));
    if (event.type !== 'attempt.settled') continue;
    const { id, claimed } = event.data;
    const [first, last] = [claimed.blocks.at(0), claimed.blocks.at(-1)];
    if (first === undefined || last === undefined) throw new RangeError(`attempt ${id} ran no block`);
    around.beforeMs.push(Date.parse(first.startedAt) - (dispatched.get(id) ?? Number.NaN));
    around.afterMs.push(Date.parse(event.at) - Date.parse(last.endedAt));
  }
  return around;
}

function timeStarts(start: () => Promise<unknown>): Promise<Timed> {
  let next = 0;
  const starter = async (): Promise<void> => {
    while (next++ < WORKERS) await start();
  };
  return timed(async () => {
    await Promise.all(Array.from({ length: AT_ONCE }, starter));
  });
}

async function startNode(): Promise<void> {
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  await new Promise((resolve) => child.on('close', resolve));
}

/** As the worker starts a block: with the same options of the sandbox, and a tree of its own. */
async function startSandboxed(isolation: string): Promise<void> {
  const tree = await createAttemptTree('floor');
  const { argv, feed } = sandboxCommand(tree, {}, COMMAND, JOB_RESOURCES);
  const isSandboxed = isolation === 'bubblewrap';
  const { exit } = await runBlock({
    argv: isSandboxed ? argv : COMMAND,
    cwd: tree.workspace,
    env: sandboxerEnvironment(),
    ...(isSandboxed ? { sandbox: feed } : {}),
    signal: new AbortController().signal,
    forceAtOnce: () => true,
    onOutput: () => {},
  });
  await removeAttemptTree(tree);
  if (exit !== 0) throw new RangeError(`the command of the floor ended with ${exit}`);
}

export async function measureLaunches(
  scratch: string,
  rounds: number,
  print: (line: string) => void,
): Promise<boolean> {
  const workers: Workers[] = [];
  const [commands, both]: [Timed[], Timed[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    const found = await timeWorkers(scratch);
    workers.push(found);
    commands.push(await timeStarts(() => startSandboxed(found.isolation)));
    both.push(await timeStarts(() => startNode().then(() => startSandboxed(found.isolation))));
  }
  const [first, next] = [workers.map((each) => each.first), workers.map((each) => each.next)];
  const middle = (of: (each: Workers) => number[]): string => median(workers.flatMap(of)).toFixed(0);
  print(
    `real workers (${workers[0]?.isolation}), ${AT_ONCE} at once, of an engine that has just started: ${said(first)}`,
  );
  print(`  and then: ${said(next)}`);
  print(
    `  the command of a block alone: ${said(commands)}, ratio ${ratios(commands, first)}, and then ${ratios(commands, next)}`,
  );
  print(
    `  a Node that does nothing, and then the command: ${said(both)}, ratio ${ratios(both, first)}, and then ${ratios(both, next)}`,
  );
  print(
    `  from dispatch to the first block ${middle(({ beforeMs }) => beforeMs)} ms, from the last to settled ${middle(({ afterMs }) => afterMs)} ms`,
  );
  return true;
}

const elapsedOf = (all: Timed[]): number => median(all.map(({ elapsedMs }) => elapsedMs));
const cpuOf = (all: Timed[]): number => median(all.map(({ cpuMs }) => cpuMs));

function said(all: Timed[]): string {
  return `${(WORKERS / (elapsedOf(all) / 1000)).toFixed(1)} /s with ${cpuOf(all).toFixed(0)} ms of processor time each`;
}

function ratios(floor: Timed[], found: Timed[]): string {
  const [rate, cpu] = [elapsedOf(floor) / elapsedOf(found), cpuOf(floor) / cpuOf(found)];
  return `${rate.toFixed(2)} (of processor time ${cpu.toFixed(2)})`;
}
