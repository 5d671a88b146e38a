/** Sees that the state directory, or the store in it, is no longer the one that an engine has opened, whatever now stands under its name. */
import { fstatSync, openSync, type Stats, statSync } from 'node:fs';
import { TerminalError } from '@waybill/client/errors';

const FIX =
  'Take away what lies over it, or put it back under this name, and start the engine again: it takes up what is durable.';
const STORE_FIX =
  'Put the file back that was there, with the ones that begin with its name, and start the engine again; where it is lost, run `waybill recover`.';

/** Null while all is as it was. */
export type Look = () => TerminalError | null;

/**
 * Null while the path leads to the very directory that it led to at the call; then TerminalError STORE_FAILED. Files that are open go on
 * in the old one, and every other would be written to the new one: neither would be whole.
 */
export function watchState(directory: string): Look {
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

/**
 * The same for a store that is open in this process, and for its WAL once it has one. SQLite goes on in files that have no name any more,
 * and all that it takes in then ends with the process. Nothing is opened here: closing it would let go of SQLite's locks.
 */
export function watchStore(file: string): Look {
  const known = new Map<string, Stats>();
  const look = (): TerminalError | null => {
    for (const path of [file, `${file}-wal`]) {
      const now = statSync(path, { throwIfNoEntry: false });
      const old = known.get(path);
      if (old === undefined && now !== undefined) known.set(path, now);
      if (old === undefined || (now !== undefined && isSame(old, now))) continue;
      const problem = `the file in which the store is kept ${now === undefined ? 'is there no more' : 'was replaced by another one'}`;
      return new TerminalError({ code: 'STORE_FAILED', path, problem, fix: STORE_FIX });
    }
    return null;
  };
  look();
  return look;
}

function isSame(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}
