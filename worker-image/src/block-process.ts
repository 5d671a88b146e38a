/** Runs the command of one block to its end, or ends it: politely first, then by force, with what it started. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { STOP_GRACE_MS } from '#core/names.ts';
import { killTree } from './left-processes.ts';
import type { OpenOutputPipes } from './output-pipes.ts';

export interface BlockCommand {
  argv: string[];
  cwd: string;
  env: Record<string, string>;
  /** The command is a sandbox. */
  sandbox?: SandboxFeed;
  /** Ends what the block left running. A sandbox ends what it holds by itself. */
  sweep?: () => Promise<void>;
  timeoutMs?: number;
  /** Ends the block when aborted; see `forceAtOnce`. */
  signal: AbortSignal;
  /** Asked when the signal fires: no grace when nobody waits for the result. */
  forceAtOnce(): boolean;
  /** Pipes for what it says; sockets where it is absent, or has none. */
  outputs?: OpenOutputPipes;
  /** `source` may be paused by who cannot keep up with it. */
  onOutput(bytes: Uint8Array, source?: Readable): void;
}

/** What a sandbox reads: descriptors 4, the next one if there is a filter, and one for each file. It reports on descriptor 3. */
export interface SandboxFeed {
  options: string;
  filter: Uint8Array | null;
  /** Texts that become files inside, and lie nowhere else. */
  files: readonly string[];
  /** What its command has as stdin, which a block can change; the /dev/null of the host where it is null. */
  input: string | null;
  /** Told the sandbox's first process, as seen from here: its end is the end of everything inside. */
  onInside?(pid: number): void;
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
/** Descriptor of the options of a sandbox; what else it reads follows. */
export const FIRST_READING = 4;

export async function runBlock(command: BlockCommand): Promise<BlockEnd> {
  if (command.signal.aborted) return { exit: null, timedOut: false };
  const { sandbox } = command;
  const sandboxed = sandbox !== undefined;
  const { child, said } = start(command);
  const inner = sandboxed ? feedSandbox(child, sandbox) : () => child.pid ?? null;
  for (const stream of said) stream.on('data', (bytes: Uint8Array) => command.onOutput(bytes, stream));

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
    const exit = await ended(child, said, command);
    return { exit: sandboxed && inner() === null ? null : exit, timedOut };
  } finally {
    clearTimeout(timer);
    clearTimeout(force);
    command.signal.removeEventListener('abort', end);
  }
}

/** The process, and what it says: stdout and stderr. */
function start({ argv, cwd, env, sandbox, outputs }: BlockCommand): { child: ChildProcess; said: Readable[] } {
  const [file = '', ...args] = argv;
  const pipes = outputs?.() ?? null;
  const [stdout, stderr] = pipes === null ? (['pipe', 'pipe'] as const) : pipes.map(({ write }) => write);
  // What the sandbox does not read, its command would inherit.
  const fed = Array<'pipe'>(sandbox === undefined ? 0 : 1 + readings(sandbox).length).fill('pipe');
  let input: number | null = null;
  try {
    // Anew for each: what is open is shared with whoever else has it, flags and all.
    if (sandbox !== undefined && sandbox.input !== null) input = openSync(sandbox.input, 'r');
    const stdin = input ?? 'ignore';
    const child = spawn(file, args, { cwd, env, detached: true, stdio: [stdin, stdout, stderr, ...fed] });
    const own = [child.stdout, child.stderr].filter((stream) => stream !== null);
    return { child, said: pipes === null ? own : pipes.map(({ read }) => new Socket({ fd: read, writable: false })) };
  } catch (error) {
    for (const { read } of pipes ?? []) closeSync(read);
    throw error;
  } finally {
    for (const { write } of pipes ?? []) closeSync(write);
    if (input !== null) closeSync(input);
  }
}

async function ended(
  child: ChildProcess,
  said: readonly Readable[],
  { sweep, onOutput }: BlockCommand,
): Promise<number | null> {
  const silent = said.map((stream) => new Promise<void>((resolve) => stream.once('close', () => resolve())));
  const closed = Promise.all([new Promise<void>((resolve) => child.once('close', () => resolve())), ...silent]);
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
    for (const stream of said) stream.destroy();
  }, LAST_WORDS_MS);
  if (child.pid !== undefined) await closed;
  clearTimeout(drop);
  return exit;
}

/** From descriptor 4 on. */
function readings({ options, filter, files }: SandboxFeed): (Uint8Array | string)[] {
  return [options, ...(filter === null ? [] : [filter]), ...files];
}

/** The sandbox's first process, as seen from here, once bubblewrap has told; null when it could not build the sandbox. */
function feedSandbox(child: ChildProcess, sandbox: SandboxFeed): () => number | null {
  const { onInside } = sandbox;
  preferAsVictim(child.pid);
  // A sandbox that ends before it has read them says why on stderr.
  for (const [n, bytes] of readings(sandbox).entries()) {
    (child.stdio.at(FIRST_READING + n) as Writable | undefined)?.on('error', () => {}).end(bytes);
  }
  let said = '';
  let inner: number | null = null;
  const status = child.stdio[3] as Readable | undefined;
  status?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    const pid = /"child-pid": *(\d+)/.exec(said)?.[1];
    if (pid === undefined || inner !== null) return;
    inner = Number(pid);
    onInside?.(inner);
  });
  return () => inner;
}

/** A kernel that runs out of memory shall take the block before anything else; inherited by what has not begun yet. */
function preferAsVictim(pid: number | undefined): void {
  try {
    if (pid !== undefined) writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {
    // It has ended, or the host has no such wish to make.
  }
}

function killGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, signal);
  } catch {
    // The group is empty, which is what was wanted.
  }
}
