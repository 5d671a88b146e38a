/** Gives directories back to their owner while hostile processes may exchange each of them for a link. */
import { chmodSync, closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** O_PATH, which Node does not name: opens what may not be read. */
const PATH_ONLY = 0o10000000;
const OPEN = PATH_ONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const READ_WRITE_SEARCH = 0o700;
const READ_SEARCH = 0o500;
const PERMISSIONS = 0o7777;

/** Lets the owner read, write and search the area and every directory from there to `path`. What cannot be changed stays as it is. */
export function giveOwnerAccess(area: string, path: string): void {
  let directory = area;
  try {
    const within = realpathSync(area);
    for (const name of ['', ...relative(area, path).split(sep)]) {
      directory = join(directory, name);
      giveOne(within, directory);
    }
  } catch {
    // Gone, a link by now, or somebody else's: whoever reads it next finds that out.
  }
}

/** Changes what was opened and not what has its name: nothing outside the area, wherever a link on the way may lead. */
function giveOne(within: string, directory: string): void {
  const descriptor = openSync(directory, OPEN);
  try {
    const opened = `/proc/self/fd/${descriptor}`;
    const { mode } = fstatSync(descriptor);
    if ((mode & READ_SEARCH) === READ_SEARCH || !`${readlinkSync(opened)}/`.startsWith(`${within}/`)) return;
    chmodSync(opened, (mode & PERMISSIONS) | READ_WRITE_SEARCH);
  } finally {
    closeSync(descriptor);
  }
}
