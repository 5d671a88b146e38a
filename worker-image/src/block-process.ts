/** Runs the command of one block to its end, or ends it: politely first, then by force, with what it started. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { STOP_GRACE_MS } from '#core/names.ts';
import { killTree } from './left-processes.ts';

export interface BlockCommand {
  argv: string[];
  cwd: string;
  env: Record<string, string>;
  /** The command is a sandbox: it reads this from descriptor 4 and reports on descriptor 3. */
  sandboxOptions?: string;
  /** Ends what the block left running. A sandbox ends what it holds by itself. */
  sweep?: () => Promise<void>;
  timeoutMs?: number;
  /** Ends the block when aborted; see `forceAtOnce`. */
  signal: AbortSignal;
  /** Asked when the signal fires: no grace when nobody waits for the result. */
  forceAtOnce(): boolean;
  /** `source` may be paused by who cannot keep up with it. */
  onOutput(bytes: Uint8Array, source?: Readable): void;
}

export interface BlockEnd {
  /** 128 + signal number when a signal ended it; null when it never started. */
  exit: number | null;
  timedOut: boolean;
}

/** What a grandchild that outlives its block may still say, before its pipe is dropped. */
const LAST_WORDS_MS = 250;
const SIGNAL_EXITS: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGKILL: 137, SIGTERM: 143 };
const OTHER_SIGNAL_EXIT = 255;

export async function runBlock(command: BlockCommand): Promise<BlockEnd> {
  if (command.signal.aborted) return { exit: null, timedOut: false };
  const sandboxed = command.sandboxOptions !== undefined;
  const [file = '', ...args] = command.argv;
  const child = spawn(file, args, {
    cwd: command.cwd,
    env: command.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...(sandboxed ? (['pipe', 'pipe'] as const) : [])],
  });
  const inner = sandboxed ? watchSandbox(child, command.sandboxOptions ?? '') : () => child.pid ?? null;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (bytes: Uint8Array) => command.onOutput(bytes, stream));
  }

  let timedOut = false;
  let force: NodeJS.Timeout | undefined;
  const end = (): void => {
    if (!command.forceAtOnce()) killGroup(inner() ?? child.pid, 'SIGTERM');
    const graceMs = command.forceAtOnce() ? 0 : STOP_GRACE_MS;
    force ??= setTimeout(() => {
      // Only while the first process lives can its other descendants be told by their parents.
      if (!sandboxed) killTree(child.pid);
      killGroup(child.pid, 'SIGKILL');
    }, graceMs);
  };
  const timer = setTimeout(
    () => {
      timedOut = true;
      end();
    },
    Math.min(command.timeoutMs ?? Number.POSITIVE_INFINITY, 2 ** 31 - 1),
  );
  command.signal.addEventListener('abort', end);
  try {
    const exit = await ended(child, command);
    return { exit: sandboxed && inner() === null ? null : exit, timedOut };
  } finally {
    clearTimeout(timer);
    clearTimeout(force);
    command.signal.removeEventListener('abort', end);
  }
}

async function ended(child: ChildProcess, { sweep, onOutput }: BlockCommand): Promise<number | null> {
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const exit = await new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      onOutput(Buffer.from(`${error.message}\n`));
      resolve(null);
    });
    child.once('exit', (code, signal) => {
      resolve(code ?? (signal === null ? null : (SIGNAL_EXITS[signal] ?? OTHER_SIGNAL_EXIT)));
    });
  });
  // A block is over when its first process is; nothing that it left behind may change what is captured next. Without a
  // sandbox this is not certain: what left the group, cleared its environment and lost its parents is not found.
  killGroup(child.pid, 'SIGKILL');
  await sweep?.();
  const drop = setTimeout(() => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, LAST_WORDS_MS);
  if (child.pid !== undefined) await closed;
  clearTimeout(drop);
  return exit;
}

/** The sandbox's first process, as seen from here, once bubblewrap has told; null when it could not build the sandbox. */
function watchSandbox(child: ChildProcess, options: string): () => number | null {
  // A sandbox that ends before it has read them says why on stderr.
  (child.stdio[4] as Writable | undefined)?.on('error', () => {}).end(options);
  let said = '';
  const status = child.stdio[3] as Readable | undefined;
  status?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return () => {
    const pid = /"child-pid": *(\d+)/.exec(said)?.[1];
    return pid === undefined ? null : Number(pid);
  };
}

function killGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, signal);
  } catch {
    // The group is empty, which is what was wanted.
  }
}
