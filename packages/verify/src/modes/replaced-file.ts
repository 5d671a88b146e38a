/** Files that an auditor asked for: whole, or as they were before. */
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { fileProblem, isSystemError } from './mode.ts';

/**
 * A link goes on leading to the file; pipes and devices are written to as they stand. Throws UsageError where it cannot be written.
 * @param what names the file in that
 * @param mode of a file that is not there yet
 */
export function replaceFile(what: string, path: string, text: string, mode = 0o666): void {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !found.isFile()) writeFileSync(path, text);
    else replace(found === undefined ? path : writablePlace(path), text, found, mode);
  } catch (error) {
    throw isSystemError(error) ? fileProblem(what, path, error) : error;
  }
}

function replace(place: string, text: string, found: Stats | undefined, mode: number): void {
  const draft = `${place.slice(0, place.lastIndexOf('/') + 1)}.${globalThis.crypto.randomUUID()}.tmp`;
  const file = openSync(draft, 'wx', found === undefined ? mode : found.mode & 0o777);
  try {
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (found !== undefined) leaveAsItWas(draft, found);
    renameSync(draft, place);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** One that may not be written to is not replaced either. */
function writablePlace(path: string): string {
  accessSync(path, constants.W_OK);
  return realpathSync(path);
}

function leaveAsItWas(draft: string, { uid, gid, mode }: Stats): void {
  try {
    chownSync(draft, uid, gid);
  } catch {
    // Who is not its owner may not give it away.
  }
  chmodSync(draft, mode & 0o777);
}
