/**
 * The runner: process of the container in which blocks run. It starts what the wrapper orders and says what came of it.
 * It is given no URL, no key and no name of an attempt. The first connection to its socket is the wrapper's, made before
 * any block could make one; there is no second, and its end is the end of everything here.
 *
 * `--agent <n>` is no runner, but the adapter of the agent that is block n of the job, in the place of that block.
 */
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { runBedrock } from './agent/bedrock.ts';
import { AGENT_FLAG, runAgent } from './agent/program.ts';
import { type BlockCommand, runBlock } from './block-process.ts';
import { closeInheritedDescriptors } from './inherited-descriptors.ts';
import { killAllOthers, killMarked, ownsAllProcesses } from './left-processes.ts';
import {
  type Answer,
  formatLine,
  lineReader,
  MAX_ORDER_BYTES,
  MAX_OUTPUT_BYTES,
  type Order,
  parseOrder,
} from './runner-protocol.ts';

/** As `WORKER_ENV.runnerSocket` has it; nothing else of the platform's may be in this environment. */
const SOCKET_NAME = 'WAYBILL_RUNNER_SOCKET';
const FALLBACK_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What opens an account, or the attempt, when a block reads it. */
const CREDENTIALS =
  /^(AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|WEB_IDENTITY_TOKEN_FILE|CONTAINER_.*)|WAYBILL_.*)$/;
/** What the service sets for its own agents. The rest is the image's, and meant for blocks. */
const NOT_FOR_BLOCKS = /^(AWS|ECS|WAYBILL)_/;
const EXIT = { done: 0, refused: 78, wrapperBroke: 65 } as const;

interface Running {
  order: number;
  stop: AbortController;
  force: boolean;
}

function serve(socket: Socket, imageEnv: Record<string, string>, alone: boolean): void {
  let running: Running | null = null;
  let lastOrder = 0;
  const say = (answer: Answer): boolean => socket.write(formatLine(answer));

  async function run({ order, argv, env, cwd }: Extract<Order, { say: 'run' }>): Promise<void> {
    const current: Running = { order, stop: new AbortController(), force: false };
    running = current;
    lastOrder = order;
    say({ say: 'started', order });
    const { exit } = await runBlock({
      argv,
      cwd,
      env: { ...imageEnv, ...env },
      sweep: alone ? killAllOthers : () => killMarked(`WAYBILL_WORKSPACE=${env.WAYBILL_WORKSPACE ?? cwd}`),
      signal: current.stop.signal,
      forceAtOnce: () => current.force,
      onOutput: tell(order),
    }).catch((error: unknown) => {
      // A command that nothing can be started from.
      tell(order)(Buffer.from(`${String(error)}\n`));
      return { exit: null };
    });
    running = null;
    say({ say: 'ended', order, exit });
  }

  /** A block that writes faster than the wrapper reads has to wait. */
  function tell(order: number): BlockCommand['onOutput'] {
    return (bytes, source) => {
      let flows = true;
      for (let at = 0; at < bytes.length; at += MAX_OUTPUT_BYTES) {
        const piece = Buffer.from(bytes.subarray(at, at + MAX_OUTPUT_BYTES)).toString('base64');
        flows = say({ say: 'output', order, bytes: piece });
      }
      if (flows || source === undefined) return;
      source.pause();
      socket.once('drain', () => source.resume());
    };
  }

  /** False for an order that cannot be one now. */
  function follow(order: Order): boolean {
    if (order.say === 'ping') {
      say({ say: 'pong', n: order.n });
    } else if (order.say === 'run') {
      if (running !== null || order.order <= lastOrder) return false;
      void run(order);
    } else if (running?.order === order.order) {
      running.force = order.say === 'kill';
      running.stop.abort();
    }
    return true;
  }

  const leave = async (exit: number): Promise<never> => {
    if (running !== null) {
      running.force = true;
      running.stop.abort();
    }
    if (alone) await killAllOthers();
    process.exit(exit);
  };
  const read = lineReader(MAX_ORDER_BYTES, (line) => {
    const order = parseOrder(line);
    if (order === null || !follow(order)) void leave(EXIT.wrapperBroke);
  });
  socket.on('data', (bytes) => {
    if (!read(bytes)) void leave(EXIT.wrapperBroke);
  });
  socket.on('error', () => {});
  socket.once('close', () => void leave(EXIT.done));
  say({ say: 'ready' });
}

function environmentOfImage(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !NOT_FOR_BLOCKS.test(name));
  return { PATH: FALLBACK_PATH, ...(Object.fromEntries(kept) as Record<string, string>) };
}

function main(): void {
  const path = process.env[SOCKET_NAME] ?? '';
  const held = Object.keys(process.env).find((name) => name !== SOCKET_NAME && CREDENTIALS.test(name));
  if (path === '' || held !== undefined) {
    const problem =
      path === '' ? `${SOCKET_NAME} is not set` : `${held} is in the environment, where blocks could read it`;
    process.stderr.write(`runner: ${problem}; nothing was started\n`);
    process.exit(EXIT.refused);
  }
  closeInheritedDescriptors();
  const imageEnv = environmentOfImage();
  const alone = ownsAllProcesses();
  let connected = false;
  // The wrapper says when blocks end; it is told to stop at the same time, and before this process.
  process.on('SIGTERM', () => {
    if (!connected) process.exit(EXIT.done);
  });
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    if (connected) return void socket.destroy();
    connected = true;
    // Takes the socket away, so that no block finds it.
    server.close();
    serve(socket, imageEnv, alone);
  });
  process.umask(0o077);
  server.listen(path, () => process.umask(0o022));
}

if (process.argv[2] === AGENT_FLAG) process.exit(await runAgent(Number(process.argv[3]), runBedrock));
main();
