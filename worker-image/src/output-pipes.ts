/**
 * Pipes for what sandboxed blocks say, one after another: Node makes sockets, which a block cannot open by the name /dev/stderr. They are
 * the process's own, and have no name but that of their descriptors; nothing stays in one when both of its ends are closed.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
/** Of open(2): the pipe can be opened by the descriptor, which itself reads and writes nothing. */
const O_PATH = 0o10000000;

/** Both ends of the pipe behind stdout or stderr of one block. */
export interface OutputPipe {
  read: number;
  write: number;
}

/** Those of the next block, or null where it has to do with sockets. Whoever called closes all four. */
export type OpenOutputPipes = () => [stdout: OutputPipe, stderr: OutputPipe] | null;

/**
 * Takes the pipes that the process was born with, before what else it was born with is closed.
 * @param numbers of their descriptors, with a space between; empty where there are none
 */
export function takeOutputPipes(numbers: string): OpenOutputPipes {
  const [stdout, stderr] = numbers.split(' ').filter(Boolean).map(own);
  if (stdout === undefined || stderr === undefined) return () => null;
  return () => {
    const first = openBoth(stdout);
    const second = first === null ? null : openBoth(stderr);
    if (first !== null && second !== null) return [first, second];
    if (first !== null) closeBoth(first);
    return null;
  };
}

export function closeBoth({ read, write }: OutputPipe): void {
  closeSync(read);
  closeSync(write);
}

/** A copy that no block inherits, as it would the descriptor of that number. */
function own(number: string): number {
  return openSync(`/proc/self/fd/${number}`, O_PATH);
}

/** Null while anybody else could write: what they say is not of this block. */
function openBoth(pipe: number): OutputPipe | null {
  const path = `/proc/self/fd/${pipe}`;
  const read = openSync(path, O_RDONLY | O_NONBLOCK);
  if (hasWriter(read)) {
    closeSync(read);
    return null;
  }
  return { read, write: openSync(path, O_WRONLY) };
}

function hasWriter(read: number): boolean {
  try {
    return readSync(read, Buffer.alloc(1)) > 0;
  } catch {
    // There is nothing yet, and there may be.
    return true;
  }
}
