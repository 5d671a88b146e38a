/** Sees that the state directory is no longer the one that an engine has opened, whatever now stands under its name. */
import { fstatSync, openSync, type Stats, statSync } from 'node:fs';
import { TerminalError } from '@waybill/client/errors';

const FIX =
  'Take away what lies over it, or put it back under this name, and start the engine again: it takes up what is durable.';

/**
 * Null while the path leads to the very directory that it led to at the call; then TerminalError STORE_FAILED. Files that are open go on
 * in the old one, and every other would be written to the new one: neither would be whole.
 */
export function watchState(directory: string): () => TerminalError | null {
  const opened = openSync(directory, 'r');
  return () => {
    const [old, now] = [fstatSync(opened), statSync(directory, { throwIfNoEntry: false })];
    if (now !== undefined && isSame(old, now)) return null;
    const problem =
      now === undefined
        ? 'the directory in which the engine works is there no more'
        : 'it is another directory than the one in which the engine works: something was mounted or put there';
    return new TerminalError({ code: 'STORE_FAILED', path: directory, problem, fix: FIX });
  };
}

function isSame(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}
