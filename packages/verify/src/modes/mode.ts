/** What a mode of `waybill-verify` is, and how every mode reads its files and reports wrong usage. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import process from 'node:process';
import { concatBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { escapeText } from '../verdict/report.ts';

/** Where a mode writes, and what it may read besides files. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  stdin: AsyncIterable<Uint8Array>;
}

/** Resolves with the exit code. Throws UsageError for wrong arguments and for files of the auditor's own that are broken. */
export type Mode = (args: readonly string[], io: Io) => Promise<number>;

/** Wrong arguments, or a broken file that the auditor supplied: exit 4. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** Shown below the problem. */
  readonly usage: string;

  constructor(problem: string, usage = '', cause?: unknown) {
    super(problem, { cause });
    this.usage = usage;
  }
}

export const TERMINAL: Io = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  stdin: process.stdin,
};

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is no directory',
  EACCES: 'this user may not open it',
  EPERM: 'this user may not open it',
  FIFO: 'it is a pipe, not a file',
  EROFS: 'nothing can be written on its file system',
  ENOSPC: 'no room is left for it',
  EDQUOT: 'no room is left for it',
  EFBIG: 'it is larger than a file may be',
};

/** What is wrong with a file of which the system said so; the path is named as the person wrote it. */
export function fileProblem(what: string, path: string, error: NodeJS.ErrnoException): UsageError {
  const problem = PROBLEMS[error.code ?? ''] ?? escapeText(error.message);
  return new UsageError(`${what} ${escapeText(path)}: ${problem}`, '', error);
}

/**
 * Throws, as the system does of a file, for a pipe with a name, since nobody knows whether anybody will ever write to it; one of a shell,
 * `<(…)`, has a writer.
 */
export function refuseNamedPipe(path: string): void {
  if (/^\/(dev|proc)\//.test(path) || !statSync(path).isFIFO()) return;
  throw Object.assign(new TypeError(`${path} is a pipe, not a file`), { code: 'FIFO', syscall: 'open' });
}

/** Nobody keeps a longer file of trust or state; more would not fit into one text. */
const AUDITOR_FILE_BYTES = 256 * 1_048_576;
const CHUNK_BYTES = 1_048_576;
/** Of evidence at a time: it is judged as it is read. */
const READ_BYTES = 262_144;

/** The bytes of a whole file. Throws EvidenceError LIMIT for a longer one, before it fills the memory. */
export function readWhole(path: string, limit: number): Uint8Array {
  refuseNamedPipe(path);
  const file = openSync(path, 'r');
  try {
    const chunks: Uint8Array[] = [];
    for (let bytes = 0; bytes <= limit; ) {
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, limit + 1 - bytes));
      const read = readSync(file, chunk);
      if (read === 0) return concatBytes(chunks);
      chunks.push(chunk.subarray(0, read));
      bytes += read;
    }
    throw new EvidenceError('LIMIT', `it is longer than ${limit} bytes`);
  } finally {
    closeSync(file);
  }
}

/** Throws UsageError for what is no directory. */
export function requireDirectory(what: string, path: string): void {
  try {
    if (statSync(path).isDirectory()) return;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw error.code === 'ENOENT' ? noDirectory(what, path) : fileProblem(what, path, error);
  }
  throw noDirectory(what, path);
}

function noDirectory(what: string, path: string): UsageError {
  return new UsageError(`${what} ${escapeText(path)}: there is no such directory`);
}

/** Parses a file of the auditor's and lets `load` judge it. Throws UsageError that names the file. */
export function readAuditorFile<T>(what: string, path: string, load: (text: string) => T): T {
  try {
    return load(new TextDecoder('utf-8', { ignoreBOM: true }).decode(readWhole(path, AUDITOR_FILE_BYTES)));
  } catch (error) {
    if (isSystemError(error)) throw fileProblem(what, path, error);
    if (error instanceof SyntaxError) throw new UsageError(`${what} ${escapeText(path)}: it is not JSON`, '', error);
    if (!(error instanceof EvidenceError)) throw error;
    throw new UsageError(`${what} ${escapeText(path)}: ${escapeText(error.message)}`, '', error);
  }
}

/** The bytes of a file, or of standard input for `-`. Throws UsageError at whichever byte it stops being readable. */
export function openEvidence(what: string, path: string, { stdin }: Io): AsyncIterable<Uint8Array> {
  return path === '-' ? readChunks(what, path, stdin) : readChunks(what, path);
}

/** The bytes of a file; each chunk only until the next. Throws UsageError at whichever byte it stops being readable. */
export async function* readChunks(
  what: string,
  path: string,
  chunks: AsyncIterable<Uint8Array> = chunksOfFile(path),
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    throw isSystemError(error) ? fileProblem(what, path, error) : error;
  }
}

/** In two arrays that take turns: while one is looked at, the other is read into, and a large file leaves nothing to free. */
async function* chunksOfFile(path: string): AsyncGenerator<Uint8Array> {
  refuseNamedPipe(path);
  const file = await open(path);
  let reading = file.read(new Uint8Array(READ_BYTES));
  try {
    for (let spare = new Uint8Array(READ_BYTES); ; ) {
      const { buffer, bytesRead } = await reading;
      if (bytesRead === 0) return;
      reading = file.read(spare);
      spare = buffer;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    // Not waited for: whoever reads on from a pipe may wait for long.
    const close = (): Promise<void> => file.close();
    void reading.then(close, close);
  }
}
