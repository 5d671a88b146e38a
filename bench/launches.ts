/**
 * Real workers, one process for each attempt and one block in it, next to starting what no attempt can do without: the command of
 * the block in its sandbox, and a Node before that. And what the wrapper adds to an attempt before its first block and after its last.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RunEvent } from '@waybill/verify';
import { composeEmbedded } from '#embedded/compose.ts';
import { createAttemptTree, removeAttemptTree } from '../worker-image/src/attempt-tree.ts';
import { runBlock } from '../worker-image/src/block-process.ts';
import { sandboxCommand, sandboxerEnvironment } from '../worker-image/src/sandbox.ts';
import { openBed } from './engine-bed.ts';
import { median } from './report.ts';

const WORKERS = 40;
/** Starting a process is work for the processor. */
const AT_ONCE = 4;
const COMMAND = ['/bin/sh', '-c', 'true'];

interface Workers {
  elapsedMs: number;
  isolation: string;
  /** Of each attempt, from its dispatch to its first block, and from the end of its last to its settle. */
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
  const elapsedMs = await bed.time(
    'launches',
    Array.from({ length: WORKERS }, (_, n) => ({ id: `i${n}` })),
  );
  await bed.close();
  await embedded.mailbox.shutdown();
  const around = overheadsOf(eventsOf(bed.bundle('launches')));
  rmSync(directory, { recursive: true });
  return { elapsedMs, isolation: embedded.deps.worker.isolation, ...around };
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

async function timeStarts(start: () => Promise<unknown>): Promise<number> {
  let next = 0;
  const startedMs = performance.now();
  const starter = async (): Promise<void> => {
    while (next++ < WORKERS) await start();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, starter));
  return performance.now() - startedMs;
}

async function startNode(): Promise<void> {
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  await new Promise((resolve) => child.on('close', resolve));
}

/** As the worker starts a block: with the same options of the sandbox, and a tree of its own. */
async function startSandboxed(isolation: string): Promise<void> {
  const tree = await createAttemptTree('floor');
  const { argv, feed } = sandboxCommand(tree, {}, COMMAND);
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
  const [commands, both]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    const timed = await timeWorkers(scratch);
    workers.push(timed);
    commands.push(await timeStarts(() => startSandboxed(timed.isolation)));
    both.push(await timeStarts(() => startNode().then(() => startSandboxed(timed.isolation))));
  }
  const elapsed = workers.map(({ elapsedMs }) => elapsedMs);
  const rate = (times: number[]): string => (WORKERS / (median(times) / 1000)).toFixed(1);
  const ratio = (times: number[]): string => (median(times) / median(elapsed)).toFixed(2);
  const middle = (of: (each: Workers) => number[]): string => median(workers.flatMap(of)).toFixed(0);
  print(`real workers (${workers[0]?.isolation}), ${AT_ONCE} at once: ${rate(elapsed)} /s`);
  print(`  the command of a block alone: ${rate(commands)} /s, ratio ${ratio(commands)}`);
  print(`  a Node that does nothing, and then the command: ${rate(both)} /s, ratio ${ratio(both)}`);
  print(
    `  from dispatch to the first block ${middle(({ beforeMs }) => beforeMs)} ms, from the last to settled ${middle(({ afterMs }) => afterMs)} ms`,
  );
  return true;
}
