/**
 * Pipes for what sandboxed blocks say: Node makes sockets, which a block cannot open by the name /dev/stderr. They have no name but that of
 * their descriptors. A block can change their mode, their times and their lists of who may open them, so that no attempt is given those of another.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
/** Of open(2): the pipe can be opened by the descriptor, which itself reads and writes nothing. */
const O_PATH = 0o10000000;
/**
 * A program makes them, and to start it takes hundreds of times as long as the look at a descriptor after each attempt, in which those in
 * stock are looked at too. A process that serves all that it may makes them three times, and uses all.
 */
const PAIRS_AT_ONCE = 21;
const MAKING_MS = 2_000;

/** Both ends of the pipe behind stdout or stderr of one block. */
export interface OutputPipe {
  read: number;
  write: number;
}

/** Those of the next block, or null where it has to do with sockets. Whoever called closes all four. */
export type OpenOutputPipes = () => [stdout: OutputPipe, stderr: OutputPipe] | null;

/** Of one attempt, whose blocks have them one after another. */
export interface AttemptPipes {
  open: OpenOutputPipes;
  /** They are gone then, unless somebody else has them open. */
  close(): void;
}

/** Descriptors that only keep the two pipes. */
type Pair = readonly [stdout: number, stderr: number];

export class PipeStock {
  readonly #make: (pairs: number) => Pair[];
  #pairs: Pair[] = [];
  #canMake = true;

  constructor(make: (pairs: number) => Pair[] = makePairs) {
    this.#make = make;
  }

  /** Takes, or makes, nothing until a block asks. */
  ofAttempt(): AttemptPipes {
    let pair: Pair | null | undefined;
    return {
      open: () => {
        if (pair === undefined) {
          if (this.#pairs.length === 0) this.#add(1);
          pair = this.#pairs.pop() ?? null;
        }
        return pair === null ? null : openPair(pair);
      },
      close: () => {
        for (const descriptor of pair ?? []) closeSync(descriptor);
        pair = null;
      },
    };
  }

  /** Makes some for later attempts where none are left. Says whether there are more now than before. */
  replenish(): boolean {
    if (this.#pairs.length > 0) return false;
    this.#add(PAIRS_AT_ONCE);
    return this.#pairs.length > 0;
  }

  #add(pairs: number): void {
    if (!this.#canMake) return;
    try {
      this.#pairs = this.#make(pairs);
    } catch {
      // Blocks are heard over sockets then.
      this.#canMake = false;
    }
  }
}

export function closeBoth({ read, write }: OutputPipe): void {
  closeSync(read);
  closeSync(write);
}

/** Throws where none can be made. Their directory is gone again when they are there. */
function makePairs(pairs: number): Pair[] {
  const place = mkdtempSync(join(tmpdir(), 'waybill-pipes-'));
  const opened: number[] = [];
  try {
    const names = Array.from({ length: 2 * pairs }, (_, n) => String(n));
    const options = { cwd: place, stdio: 'ignore', timeout: MAKING_MS, killSignal: 'SIGKILL' } as const;
    spawnSync('mkfifo', ['-m', '600', ...names], options);
    // Throws where it has not made one. What is opened no block inherits.
    for (const name of names) opened.push(openSync(join(place, name), O_PATH));
    return Array.from({ length: pairs }, (_, n) => [opened[2 * n], opened[2 * n + 1]] as [number, number]);
  } catch (error) {
    for (const descriptor of opened) closeSync(descriptor);
    throw error;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function openPair([stdout, stderr]: Pair): ReturnType<OpenOutputPipes> {
  const first = openBoth(stdout);
  const second = first === null ? null : openBoth(stderr);
  if (first !== null && second !== null) return [first, second];
  if (first !== null) closeBoth(first);
  return null;
}

/** Null while anybody else could write: what they say is not of this block. Null also when a block before has left it to nobody. */
function openBoth(pipe: number): OutputPipe | null {
  const path = `/proc/self/fd/${pipe}`;
  const read = openOrNull(path, O_RDONLY | O_NONBLOCK);
  if (read === null) return null;
  const write = hasWriter(read) ? null : openOrNull(path, O_WRONLY);
  if (write !== null) return { read, write };
  closeSync(read);
  return null;
}

function openOrNull(path: string, flags: number): number | null {
  try {
    return openSync(path, flags);
  } catch {
    return null;
  }
}

function hasWriter(read: number): boolean {
  try {
    return readSync(read, Buffer.alloc(1)) > 0;
  } catch {
    // There is nothing yet, and there may be.
    return true;
  }
}
