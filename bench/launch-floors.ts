/**
 * What no attempt can do without, started by a process that holds no engine: to fork a large process takes longer.
 * Printed as JSON.
 *
 * The command is the one that a worker starts for the block: every option of bubblewrap, the variables of a block, the filter of system
 * calls, and the shell in the sandbox that sets the limits which the kernel keeps. Its directories are there. Not in it is what the worker does
 * of its own: it makes and removes those directories, looks at what the block uses, keeps its log, and speaks with the engine.
 */
import { spawn } from 'node:child_process';
import type { Job } from '#core/mailbox-protocol.ts';
import { JOB_LIMITS, JOB_RESOURCES } from '#core/names.ts';
import { type AttemptTree, createAttemptTree, removeAttemptTree } from '../worker-image/src/attempt-tree.ts';
import { runBlock } from '../worker-image/src/block-process.ts';
import { makeDeviceNodes, removeDeviceNodes } from '../worker-image/src/device-nodes.ts';
import { blockEnvironment } from '../worker-image/src/pipeline.ts';
import { SANDBOX_VIEW, sandboxCommand, sandboxerEnvironment } from '../worker-image/src/sandbox.ts';
import { treeCpuMs } from './processor-time.ts';

/** As many as a run of real workers has attempts. */
export const LAUNCHES = 60;
/** Starting a process is work for the processor. */
export const AT_ONCE = 4;
const COMMAND = ['/bin/sh', '-c', 'true'];
const JOB: Job = {
  ...{ v: 1, attempt: 1, attemptId: '0'.repeat(32), env: {}, isolation: 'bubblewrap', item: 'i0', limits: JOB_LIMITS },
  ...{ pipeline: [], run: '0'.repeat(32), timeoutMs: 60_000 },
};

export interface Timed {
  elapsedMs: number;
  /** Processor time of this process and of all that it started, an attempt or a command. */
  cpuMs: number;
}

export interface Floors {
  command: Timed;
  nodeAndCommand: Timed;
  /** An attempt's directories made and removed. */
  tree: Timed;
}

export async function timed(work: () => Promise<void>): Promise<Timed> {
  const [startedMs, before] = [performance.now(), treeCpuMs(process.pid)];
  await work();
  return { elapsedMs: performance.now() - startedMs, cpuMs: (treeCpuMs(process.pid) - before) / LAUNCHES };
}

/** @param start given which of the starters it is, which start one after another what they start */
function timeStarts(start: (starter: number) => Promise<unknown>): Promise<Timed> {
  let next = 0;
  const starter = async (_: unknown, index: number): Promise<void> => {
    while (next++ < LAUNCHES) await start(index);
  };
  return timed(async () => {
    await Promise.all(Array.from({ length: AT_ONCE }, starter));
  });
}

async function startNode(): Promise<void> {
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  await new Promise((resolve) => child.on('close', resolve));
}

async function startSandboxed(
  isolation: string,
  tree: AttemptTree | undefined,
  deviceNodes: string | null,
): Promise<void> {
  if (tree === undefined) throw new RangeError('there is a tree for each starter');
  const [env, spec] = [blockEnvironment(JOB, SANDBOX_VIEW), { resources: JOB_RESOURCES, deviceNodes }];
  const { argv, feed } = sandboxCommand(tree, env, COMMAND, spec);
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
  if (exit !== 0) throw new RangeError(`the command of the floor ended with ${exit}`);
}

async function timeFloors(isolation: string): Promise<Floors> {
  const trees = Array.from({ length: AT_ONCE }, () => createAttemptTree('floor'));
  const nodes = makeDeviceNodes();
  try {
    const start = (starter: number): Promise<void> => startSandboxed(isolation, trees[starter], nodes.place);
    // Whoever starts the first is slower, and the workers that this is compared with have served some by then.
    await timeStarts(start);
    return {
      command: await timeStarts(start),
      nodeAndCommand: await timeStarts((starter) => startNode().then(() => start(starter))),
      tree: await timeStarts(async () => removeAttemptTree(createAttemptTree('floor'))),
    };
  } finally {
    removeDeviceNodes(nodes);
    for (const tree of trees) await removeAttemptTree(tree);
  }
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await timeFloors(process.argv[2] ?? ''))}\n`);
