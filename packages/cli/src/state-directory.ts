/** What the command line reads of a state directory beside the transport's objects: the engine's notice and logs, the keys. */
import { existsSync, fstatSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TerminalError, WaybillError } from '@waybill/client';
import { isAliveSince } from '@waybill/client/process-alive';
import { readProblem } from './file-problem.ts';
import { makeDirectory } from './make-directory.ts';

const DEFAULT_DIRECTORY = '.waybill';
const NAME_IT = 'Name the directory that `waybill run` or `submit` was given, with --dir or WAYBILL_HOME.';

/** Any of these shows that a directory is an engine's: what engines make, and what operators lay down before one starts. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  ...['keys', 'inbox', 'outbox', 'ledger', 'uploads', 'artifacts', 'store.sqlite', 'engine.json', 'engine.log'],
  ...['queues.json', 'evidence.json', 'spending.json', 'intents.json', 'models.json', 'egress.json'],
  ...['callbacks.json', 'registry', 'secrets'],
]);

/** What an engine says about itself once it is ready. */
export interface EngineNotice {
  pid: number;
  startedAt: string;
  ready: boolean;
  isolation: string;
  detail: string;
}

/** As `--dir` says it, else the environment; what is set to nothing there is not set. */
export function stateDirectoryOf(named: unknown, env: NodeJS.ProcessEnv): StateDirectory {
  const given = typeof named === 'string' ? named : env.WAYBILL_HOME || undefined;
  return new StateDirectory(given ?? DEFAULT_DIRECTORY, given !== undefined);
}

export class StateDirectory {
  readonly path: string;
  readonly #isNamed: boolean;
  /** The directory as an engine of this command was found or started there; open, so that no other one gets its number. */
  #held: number | null = null;

  /** @param isNamed somebody said that it is there, by an option or the environment */
  constructor(path: string, isNamed = false) {
    this.path = resolve(path);
    this.#isNamed = isNamed;
  }

  /** Before anything is read. Throws TerminalError FILE_UNREADABLE where somebody named what no engine has worked on. */
  requireState(): void {
    const names = this.#names();
    if (isOwn(names) || (names.length === 0 && !this.#isNamed)) return;
    this.requireDirectory();
    const problem = 'it is no state directory of an engine';
    throw new TerminalError({ code: 'FILE_UNREADABLE', path: this.path, problem, fix: NAME_IT });
  }

  /** Throws TerminalError FILE_UNREADABLE where nothing is, also where nobody has named it. */
  requireDirectory(): void {
    if (existsSync(this.path)) return;
    const problem = 'there is no such directory';
    throw new TerminalError({ code: 'FILE_UNREADABLE', path: this.path, problem, fix: NAME_IT });
  }

  /** Before an engine begins to work there. Throws TerminalError USAGE where somebody else's files are, and as `requirePlace`. */
  requireRoom(): void {
    this.requirePlace();
    const names = this.#names();
    if (names.length === 0 || isOwn(names)) return;
    const problem = 'it holds other files, and nothing of an engine';
    const fix = 'Name a state directory, or one that is new or empty.';
    throw new TerminalError({ code: 'USAGE', path: this.path, problem, fix });
  }

  /**
   * From now on the path has to lead to the very directory that it leads to at the first call: another engine's, or a new one, knows nothing
   * of what was begun here. Throws TerminalError STORE_FAILED where it does not.
   */
  hold(): void {
    if (this.#held === null) {
      const open = (): void => {
        this.#held = openSync(this.path, 'r');
      };
      if (existsSync(this.path)) this.writing(open);
      return;
    }
    const [old, now] = [fstatSync(this.#held), statSync(this.path, { throwIfNoEntry: false })];
    if (now?.dev === old.dev && now.ino === old.ino) return;
    const problem =
      now === undefined
        ? 'the state directory was moved away or removed meanwhile'
        : 'another directory stands there than the state directory in which this was begun';
    const first = now === undefined ? 'Put' : 'Take away what stands there now, put';
    const fix = `${first} the directory back under this name, and go on with \`waybill watch\`; \`waybill runs\` names the run.`;
    throw new TerminalError({ code: 'STORE_FAILED', path: this.path, problem, fix });
  }

  /**
   * Within a repository, private keys and records are one `git add` away from being published.
   * Throws TerminalError STORE_FAILED where nothing can be written.
   */
  make(): void {
    this.writing(() => this.#make());
  }

  /** Throws TerminalError STORE_FAILED for what the file system refuses. */
  writing(act: () => void): void {
    try {
      act();
    } catch (cause) {
      const { code, syscall } = cause as NodeJS.ErrnoException;
      if (cause instanceof WaybillError || (syscall === undefined && code !== 'ENOTDIR')) throw cause;
      const problem = `nothing can be written there (${code ?? 'unknown'})`;
      const fix = 'Give --dir a directory that this user may write to, with room.';
      throw new TerminalError({ code: 'STORE_FAILED', path: this.path, problem, fix }, { cause });
    }
  }

  #make(): void {
    if (!existsSync(this.path)) makeDirectory(this.path, 0o700);
    // Also where an operator has laid down settings first; a file of theirs stays as it is.
    if (!existsSync(this.at('.gitignore'))) writeFileSync(this.at('.gitignore'), '*\n');
  }

  /** Throws TerminalError STORE_FAILED where no directory can be: at a file, below one, and at a path that is too long. */
  requirePlace(): void {
    const problem = placeProblem(this.path);
    if (problem === null) return;
    const fix = 'Give --dir a directory, or a path at which there is nothing yet.';
    throw new TerminalError({ code: 'STORE_FAILED', path: this.path, problem, fix });
  }

  /** None for what is no directory, or is not there. Throws TerminalError FILE_UNREADABLE for what may not be looked at. */
  #names(): string[] {
    try {
      return readdirSync(this.path);
    } catch (cause) {
      if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) return [];
      const fix = 'Name a state directory of yours, with --dir or WAYBILL_HOME.';
      throw new TerminalError(
        { code: 'FILE_UNREADABLE', path: this.path, problem: readProblem(cause), fix },
        { cause },
      );
    }
  }

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** The engine that is working on this directory, or null; a notice left by a dead one counts as none. */
  engine(): EngineNotice | null {
    try {
      const notice = JSON.parse(readFileSync(this.at('engine.json'), 'utf8')) as EngineNotice;
      const isReady = notice.ready === true && Number.isInteger(notice.pid);
      return isReady && isAliveSince(notice.pid, Date.parse(notice.startedAt)) ? notice : null;
    } catch {
      return null;
    }
  }

  /** The end of the engine's log, at most `lines` lines. */
  async engineLogTail(lines: number): Promise<string> {
    return (await tailOf(this.at('engine.log'), lines)) ?? '';
  }

  /** What a running attempt has logged so far; null when it has not logged anything. */
  bundlePath(key: string): string {
    return this.at('ledger', ...key.split('/'));
  }

  keysPath(): string {
    return this.at('keys', 'public.json');
  }
}

/** What its system says of it later is of other calls: whatever is not known here is none of these. */
function placeProblem(path: string): string | null {
  try {
    return statSync(path).isDirectory() ? null : 'it is a file, no directory';
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') return 'a part of its path is no directory';
    return code === 'ENAMETOOLONG' ? 'its name is longer than a file system takes' : null;
  }
}

/** Also where no more was made than the directory, since what was to be put there was refused. */
function isOwn(names: readonly string[]): boolean {
  return names.some((name) => OWN_NAMES.has(name)) || (names.length === 1 && names[0] === '.gitignore');
}

const TAIL_BYTES = 64 * 1024;

/** The last lines of a file, or null when there is none. */
export async function tailOf(path: string, lines: number): Promise<string | null> {
  if (!existsSync(path)) return null;
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(Math.min(size, TAIL_BYTES)),
      position: start,
    });
    return buffer.subarray(0, bytesRead).toString('utf8').replace(/\n$/, '').split('\n').slice(-lines).join('\n');
  } finally {
    await file.close();
  }
}
