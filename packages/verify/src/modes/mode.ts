/** What a mode of `waybill-verify` is, and how every mode reads its files and reports wrong usage. */
import { createReadStream, readFileSync } from 'node:fs';
import process from 'node:process';
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

/** Parses a file of the auditor's and lets `load` judge it. Throws UsageError that names the file. */
export function readAuditorFile<T>(what: string, path: string, load: (text: string) => T): T {
  try {
    return load(readFileSync(path, 'utf8'));
  } catch (error) {
    const known = error instanceof EvidenceError || error instanceof SyntaxError || isSystemError(error);
    if (!known) throw error;
    throw new UsageError(`${what} ${escapeText(path)}: ${escapeText(error.message)}`, '', error);
  }
}

/** The bytes of a file, or of standard input for `-`. Throws UsageError at whichever byte it stops being readable. */
export async function* openEvidence(what: string, path: string, { stdin }: Io): AsyncGenerator<Uint8Array> {
  try {
    yield* path === '-' ? stdin : createReadStream(path, { highWaterMark: 1 << 18 });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new UsageError(`${what} ${escapeText(path)}: ${escapeText(error.message)}`, '', error);
  }
}
