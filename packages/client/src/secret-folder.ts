/** The secrets of an embedded engine: a file each in `secrets/` of its state directory, for its owner and nobody else. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { TerminalError } from './errors.ts';
import { isAliveSince } from './process-alive.ts';
import { SECRET_FIX, secretProblem } from './secret-value.ts';

const NAME = /^(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}$/;
/** A value on its way to its name: by which process, and since when in ms. */
const STAGED = /^\.(\d{1,10})-(\d{1,15})$/;
/** Rights of group and of all others. */
const OF_OTHERS = 0o077;
const REFUSED: Readonly<Record<string, string>> = {
  ELOOP: 'is a link',
  ENOENT: 'is not there any more',
  ENXIO: 'is no plain file',
  EACCES: 'cannot be read',
  EPERM: 'cannot be read',
};

export class SecretFolder {
  readonly #directory: string;

  /** @param home the state directory */
  constructor(home: string) {
    this.#directory = join(home, 'secrets');
  }

  /** Ascending. Throws TerminalError SECRET_UNAVAILABLE where the folder is open to others. */
  list(): string[] {
    if (!this.#isThere()) return [];
    return readdirSync(this.#directory)
      .filter((name) => NAME.test(name))
      .sort();
  }

  /** In the place of an earlier value, at once. Throws TerminalError USAGE for what is no name or no secret. */
  set(name: string, value: Uint8Array): void {
    requireKeepable(name, value);
    if (!this.#isThere()) mkdirSync(this.#directory, { mode: 0o700 });
    this.#removeLeft();
    const fresh = join(this.#directory, `.${process.pid}-${Date.now()}`);
    try {
      writeFileSync(fresh, value, { mode: 0o600, flag: 'wx', flush: true });
      const path = this.#pathOf(name);
      if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory())
        throw unavailable(path, 'is a folder', again(name));
      renameSync(fresh, path);
    } finally {
      rmSync(fresh, { force: true });
    }
  }

  /** False when there was none. */
  remove(name: string): boolean {
    requireName(name);
    const isThere = this.list().includes(name);
    if (this.#isThere()) this.#removeLeft();
    // Also what is none: a folder there would keep the name from ever being set.
    rmSync(this.#pathOf(name), { force: true, recursive: true });
    return isThere;
  }

  /** Throws TerminalError SECRET_UNAVAILABLE for one that is not there, is no plain file, cannot be read, or is open to others. */
  read(name: string): Uint8Array {
    requireName(name);
    const path = this.#pathOf(name);
    if (!this.#isThere() || !this.list().includes(name)) {
      throw unavailable(name, 'is not there', `Set it: waybill secret set ${name}.`);
    }
    // What is judged is what is read: another file can no longer take its place.
    const file = openOwn(name, path);
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) throw unavailable(path, 'is no plain file', again(name));
      requireOwn(path, stats);
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** Somebody else keeps them, or this process is not let to look. */
  isForeign(): boolean {
    try {
      const own = process.getuid?.();
      const stats = lstatSync(this.#directory, { throwIfNoEntry: false });
      return stats !== undefined && own !== undefined && stats.uid !== own;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EACCES') return true;
      throw cause;
    }
  }

  #isThere(): boolean {
    const stats = lstatSync(this.#directory, { throwIfNoEntry: false });
    if (stats === undefined) return false;
    if (!stats.isDirectory()) throw unavailable(this.#directory, 'is no directory', 'Remove what stands in its place.');
    requireOwn(this.#directory, stats);
    return true;
  }

  /** Values of processes that ended before they had given them a name: nothing else shows or removes them. */
  #removeLeft(): void {
    for (const file of readdirSync(this.#directory)) {
      const [, pid, sinceMs] = STAGED.exec(file) ?? [];
      if (pid === undefined || isAliveSince(Number(pid), Number(sinceMs))) continue;
      rmSync(join(this.#directory, file), { force: true });
    }
  }

  #pathOf(name: string): string {
    return join(this.#directory, name);
  }
}

function again(name: string): string {
  return `Remove it (waybill secret remove ${name}), and set the secret again.`;
}

/** What the file itself refuses is said of the secret; that there are too many open files, for one, passes. */
function openOwn(name: string, path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    const refused = REFUSED[code];
    if (refused === undefined) throw cause;
    throw unavailable(path, `${refused} (${code})`, again(name), cause);
  }
}

function requireOwn(path: string, { mode, uid }: { mode: number; uid: number }): void {
  const own = process.getuid?.();
  if (own !== undefined && uid !== own) {
    throw unavailable(path, `belongs to another user (uid ${uid})`, 'Have its owner remove it, and set it again.');
  }
  if ((mode & OF_OTHERS) === 0) return;
  const said = (mode & 0o777).toString(8);
  const fix = `Close it (chmod go= ${path}), or set the secret again; change its value where others may have read it.`;
  throw unavailable(path, `is open to others (mode ${said})`, fix);
}

function requireName(name: string): void {
  if (NAME.test(name)) return;
  const fix = 'Use lower-case letters, digits, `.`, `_` and `-`, at most 63 characters.';
  throw new TerminalError({ code: 'USAGE', path: 'name', problem: 'is no name of a secret', fix });
}

/** Throws TerminalError USAGE for what is no name or no secret. Of the value nothing is ever quoted. */
export function requireKeepable(name: string, value: Uint8Array): void {
  requireName(name);
  const problem = secretProblem(value);
  if (problem !== null) throw new TerminalError({ code: 'USAGE', path: `secret ${name}`, problem, fix: SECRET_FIX });
}

function unavailable(path: string, problem: string, fix: string, cause?: unknown): TerminalError {
  return new TerminalError({ code: 'SECRET_UNAVAILABLE', path, problem, fix }, { cause });
}
