/**
 * The worker: one process for an attempt, or for several one after another. Everything it may know comes from a few variables and
 * the lease. Attempt and URL are a line of stdin, which the engine holds open: its end means that the engine is gone. In a container
 * of its own, where nothing else can read its environment, they are variables, and there is one attempt.
 *
 * `--probe` tries the sandbox and prints {"bubblewrap":boolean,"detail":string,"ownDevices":boolean}. `--agent <n>` is no worker at all, but the
 * adapter of the agent that is block n of its job, in the place of that block; `--egress <command>` runs the command of a block
 * that is let out of its sandbox.
 */
import { readFile } from 'node:fs/promises';
import { WaybillError } from '@waybill/client/errors';
import { type Digest, digestOf } from '@waybill/verify';
import { containerExecutable } from '#core/executable.ts';
import { WORKER_EXIT } from '#core/mailbox-protocol.ts';
import { WORKER_ENV } from '#core/names.ts';
import { runBedrock } from './agent/bedrock.ts';
import { AGENT_FLAG, runAgent } from './agent/program.ts';
import { runAttempt } from './attempt.ts';
import { createAttemptTree, removeAttemptTree } from './attempt-tree.ts';
import { type DeviceNodes, makeDeviceNodes, NO_NODES, removeDeviceNodes, requireOwnNodes } from './device-nodes.ts';
import { EGRESS_FLAG, EGRESS_SOCKET, runWithEgress } from './egress/inside.ts';
import { closeInheritedDescriptors } from './inherited-descriptors.ts';
import { parsePinnedKeys } from './lease-check.ts';
import { PipeStock } from './output-pipes.ts';
import { type Stocktaking, takeStock } from './process-stock.ts';
import { probeBubblewrap } from './sandbox.ts';
import { type Run, serve } from './serve.ts';
import { createStopRequest } from './stop-request.ts';

async function probe(): Promise<number> {
  closeInheritedDescriptors();
  const tree = createAttemptTree('probe');
  const nodes = makeDeviceNodes();
  try {
    const { works, detail } = await probeBubblewrap(tree, nodes);
    process.stdout.write(`${JSON.stringify({ bubblewrap: works, detail, ownDevices: nodes.place !== null })}\n`);
  } finally {
    removeDeviceNodes(nodes);
    await removeAttemptTree(tree);
  }
  return 0;
}

async function work(): Promise<number> {
  const stop = createStopRequest();
  process.once('SIGTERM', () => stop.stop('cancelled'));
  const env = takeEnvironment();
  closeInheritedDescriptors();
  const runnerSocket = env.runnerSocket === '' ? null : env.runnerSocket;
  const worker = {
    origin: env.origin,
    keys: parsePinnedKeys(env.keys),
    executable: await executable(env.environmentImage),
    hasRunner: runnerSocket !== null,
  };
  const nodes = runnerSocket === null ? makeDeviceNodes() : NO_NODES;
  process.once('exit', () => removeDeviceNodes(nodes));
  if (env.ownDevices === '1') requireOwnNodes(nodes);
  const pipes = new PipeStock();
  const run: Run = ({ attemptId, leaseUrl }, request, ends) => {
    const outputPipes = pipes.ofAttempt();
    return runAttempt({
      leaseUrl,
      worker: { ...worker, attemptId },
      allowUnsandboxed: env.unsandboxed === '1',
      runnerSocket,
      modelsFile: env.models === '' ? null : env.models,
      outputPipes: outputPipes.open,
      deviceNodes: nodes.place,
      stop: request,
      ends,
    }).finally(outputPipes.close);
  };
  if (env.leaseUrl !== '') return (await run(env, stop, () => {})).exit;
  const { stdin: orders, stdout: answers } = process;
  return await serve({ orders, answers }, { first: stop, stocktaking: stocktakingWith(pipes, nodes), run });
}

/** Pipes for later attempts are made once the process is as it was, so that they alone are what the stock has more. */
function stocktakingWith(pipes: PipeStock, nodes: DeviceNodes): Stocktaking | null {
  let stocktaking = takeStock(nodes);
  if (stocktaking === null) return null;
  return async () => {
    const difference = stocktaking === null ? 'descriptors' : await stocktaking();
    if (difference === null && pipes.replenish()) stocktaking = takeStock(nodes);
    return difference;
  };
}

/** What runs attempts here: this very file, and the image of its blocks where the deployment names one. */
async function executable(environmentImage: string): Promise<Digest> {
  const worker = digestOf(await readFile(import.meta.filename));
  return environmentImage === '' ? worker : containerExecutable(worker, environmentImage as Digest);
}

/** Takes the variables out of the environment, so that no child process can inherit them by an oversight. */
function takeEnvironment(): Record<keyof typeof WORKER_ENV, string> {
  const entries = Object.entries(WORKER_ENV).map(([key, name]) => {
    const value = process.env[name] ?? '';
    delete process.env[name];
    return [key, value];
  });
  return Object.fromEntries(entries);
}

function explain(error: unknown): number {
  // Nobody may be left to read it.
  process.stderr.on('error', () => {});
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof WaybillError && error.code === 'LEASE_INVALID'
    ? WORKER_EXIT.contractError
    : WORKER_EXIT.failed;
}

function main(flag: string | undefined, block: string | undefined): Promise<number> {
  if (flag === AGENT_FLAG) return runAgent(Number(block), runBedrock);
  if (flag === EGRESS_FLAG) return runWithEgress(process.env[EGRESS_SOCKET] ?? '', process.argv.slice(3));
  return (flag === '--probe' ? probe() : work()).catch(explain);
}

process.exit(await main(process.argv[2], process.argv[3]));
