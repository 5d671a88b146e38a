/** Files that an auditor asked for: whole, or as they were before. */
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import process from 'node:process';
import { fileProblem, isSystemError } from './mode.ts';

/** There can be no draft beside it, or nothing can take its place: it is mounted, or its directory is not this user's to change. */
const ONLY_IN_PLACE = new Set(['EACCES', 'EBUSY', 'EPERM', 'EROFS']);

/**
 * A file of this user's own is replaced at once. Links, pipes, devices and the files of others are written to as they stand: another file in
 * their place would be somebody else's, or nobody would read it. Throws UsageError where it cannot be written.
 * @param what names the file in that
 * @param mode of a file that is not there yet
 */
export function replaceFile(what: string, path: string, text: string, mode = 0o666): void {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) replace(path, text, mode, false);
    else if (!found.isFile() || found.uid !== process.geteuid?.()) writeFileSync(path, text);
    else replaceOwn(path, text, found.mode & 0o777);
  } catch (error) {
    throw isSystemError(error) ? fileProblem(what, path, error) : error;
  }
}

function replaceOwn(path: string, text: string, mode: number): void {
  // One that may not be written to is not replaced either.
  accessSync(path, constants.W_OK);
  try {
    replace(path, text, mode, true);
  } catch (error) {
    if (!isSystemError(error) || !ONLY_IN_PLACE.has(error.code ?? '')) throw error;
    writeFileSync(path, text);
  }
}

function replace(path: string, text: string, mode: number, isExact: boolean): void {
  const draft = `${path.slice(0, path.lastIndexOf('/') + 1)}.${globalThis.crypto.randomUUID()}.tmp`;
  const file = openSync(draft, 'wx', mode);
  try {
    try {
      // What was there before had these bits whatever is masked now.
      if (isExact) fchmodSync(file, mode);
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
