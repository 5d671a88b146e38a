/**
 * The wrapper's end of its socket to the runner. Whatever comes from there may have been said by a block: nothing of it
 * decides more than what that block's exit and output are, and anything unexpected ends the attempt under its name.
 */
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AttemptEnded } from './attempt-ended.ts';
import type { BlockCommand, BlockEnd } from './block-process.ts';
import {
  type Answer,
  ENDED_WITHIN_MS,
  formatLine,
  lineReader,
  MAX_ANSWER_BYTES,
  type Order,
  PONG_WITHIN_MS,
  parseAnswer,
} from './runner-protocol.ts';

/** How long the other container may take to come up after this one. */
const CONNECT_WITHIN_MS = 60_000;
const CONNECT_PAUSE_MS = 50;
const READY_WITHIN_MS = 10_000;

type Trouble = 'runner_lost' | 'runner_protocol' | 'runner_silent' | 'runner_unreachable';

export type RunnerCommand = Pick<BlockCommand, 'argv' | 'cwd' | 'env' | 'timeoutMs' | 'signal' | 'forceAtOnce'> & {
  onOutput(bytes: Uint8Array): void;
};

export interface RunnerSession {
  /** One block after the other. Throws AttemptEnded with what became of the runner; then nothing else can be run. */
  run(command: RunnerCommand): Promise<BlockEnd>;
  /** Ends the runner, and with it whatever still lives in its container. */
  close(): void;
}

export interface RunnerPatience {
  connectMs?: number;
  readyMs?: number;
  pongMs?: number;
  endedMs?: number;
}

interface OpenOrder {
  order: number;
  started: boolean;
  onOutput(bytes: Uint8Array): void;
  ended(exit: number | null): void;
}

/** Connects before any block has run, so that it is the runner who answers. Throws AttemptEnded `runner_unreachable`. */
export async function openRunner(
  path: string,
  signal: AbortSignal,
  patience: RunnerPatience = {},
): Promise<RunnerSession> {
  const socket = await connect(path, signal, patience.connectMs ?? CONNECT_WITHIN_MS);
  const session = new Session(socket, patience);
  try {
    await session.ready(patience.readyMs ?? READY_WITHIN_MS);
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

class Session implements RunnerSession {
  readonly #socket: Socket;
  readonly #pongMs: number;
  readonly #endedMs: number;
  readonly #broken: Promise<never>;
  #break: (error: AttemptEnded) => void = () => {};
  #isReady: () => void = () => {};
  readonly #whenReady: Promise<void>;
  #isBroken = false;
  #awaitsReady = true;
  #open: OpenOrder | null = null;
  #orders = 0;
  #pings = 0;
  #pongs = 0;
  #beating: NodeJS.Timeout | undefined;

  constructor(socket: Socket, { pongMs, endedMs }: RunnerPatience) {
    this.#socket = socket;
    this.#pongMs = pongMs ?? PONG_WITHIN_MS;
    this.#endedMs = endedMs ?? ENDED_WITHIN_MS;
    this.#broken = new Promise((_, reject) => {
      this.#break = reject;
    });
    this.#broken.catch(() => {});
    this.#whenReady = new Promise((resolve) => {
      this.#isReady = resolve;
    });
    const read = lineReader(MAX_ANSWER_BYTES, (line) => this.#hear(parseAnswer(line)));
    socket.on('data', (bytes: Buffer) => {
      if (!this.#isBroken && !read(bytes)) this.#end('runner_protocol', 'sent a line that is too long');
    });
    socket.on('error', () => {});
    socket.once('close', () => this.#end('runner_lost', 'closed its connection'));
  }

  async ready(withinMs: number): Promise<void> {
    const late = setTimeout(() => this.#end('runner_unreachable', 'took the connection and is silent'), withinMs);
    try {
      await Promise.race([this.#whenReady, this.#broken]);
    } finally {
      clearTimeout(late);
    }
    this.#beating = setInterval(() => this.#ping(), this.#pongMs);
  }

  async run(command: RunnerCommand): Promise<BlockEnd> {
    if (command.signal.aborted) return { exit: null, timedOut: false };
    const { argv, env, cwd, onOutput } = command;
    const order = ++this.#orders;
    const exit = new Promise<number | null>((resolve) => {
      this.#open = { order, started: false, onOutput, ended: resolve };
    });
    this.#say({ say: 'run', order, argv, env, cwd });
    let timedOut = false;
    let late: NodeJS.Timeout | undefined;
    const end = (): void => {
      this.#say({ say: command.forceAtOnce() ? 'kill' : 'end', order });
      late ??= setTimeout(() => this.#end('runner_silent', 'did not end a block when told to'), this.#endedMs);
    };
    const timeout = (): void => {
      timedOut = true;
      end();
    };
    const timer = setTimeout(timeout, Math.min(command.timeoutMs ?? Number.POSITIVE_INFINITY, 2 ** 31 - 1));
    command.signal.addEventListener('abort', end);
    try {
      return { exit: await Promise.race([exit, this.#broken]), timedOut };
    } finally {
      this.#open = null;
      clearTimeout(timer);
      clearTimeout(late);
      command.signal.removeEventListener('abort', end);
    }
  }

  close(): void {
    this.#isBroken = true;
    clearInterval(this.#beating);
    this.#socket.destroy();
  }

  #hear(answer: Answer | null): void {
    if (this.#isBroken) return;
    if (answer === null) this.#end('runner_protocol', 'said what is no answer');
    else if (!this.#takes(answer)) this.#end('runner_protocol', `said "${answer.say}" where it has no place`);
  }

  /** False for an answer that nothing was asked for. */
  #takes(answer: Answer): boolean {
    if (answer.say === 'ready') {
      const expected = this.#awaitsReady;
      this.#awaitsReady = false;
      this.#isReady();
      return expected;
    }
    if (answer.say === 'pong') return answer.n === ++this.#pongs && answer.n <= this.#pings;
    const open = this.#open;
    if (open?.order !== answer.order || open.started === (answer.say === 'started')) return false;
    if (answer.say === 'started') open.started = true;
    else if (answer.say === 'output') open.onOutput(Buffer.from(answer.bytes, 'base64'));
    else {
      this.#open = null;
      open.ended(answer.exit);
    }
    return true;
  }

  #ping(): void {
    if (this.#pongs < this.#pings) {
      this.#end('runner_silent', 'does not answer');
    } else {
      this.#pings += 1;
      this.#say({ say: 'ping', n: this.#pings });
    }
  }

  #say(order: Order): void {
    if (!this.#isBroken) this.#socket.write(formatLine(order));
  }

  #end(trouble: Trouble, problem: string): void {
    if (this.#isBroken) return;
    this.close();
    this.#break(runnerTrouble(trouble, problem));
  }
}

/** The other container may come up later than this one. */
async function connect(path: string, signal: AbortSignal, withinMs: number): Promise<Socket> {
  let cause: unknown;
  for (let waitedMs = 0; waitedMs < withinMs && !signal.aborted; waitedMs += CONNECT_PAUSE_MS) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const socket = createConnection(path, () => resolve(socket));
        socket.once('error', reject);
      });
    } catch (error) {
      cause = error;
      await sleep(CONNECT_PAUSE_MS);
    }
  }
  throw runnerTrouble('runner_unreachable', 'cannot be connected to', cause);
}

function runnerTrouble(trouble: Trouble, problem: string, cause?: unknown): AttemptEnded {
  return new AttemptEnded('failed', trouble, problem, 'runner', cause);
}
