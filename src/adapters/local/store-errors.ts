/** What can be wrong with the file of the run store, by what an operator has to do about it. */
import { TerminalError } from '@waybill/client/errors';

/** As SQLite numbers them: pages that contradict each other, a file that is no database. */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** Why the file could not be opened. */
export function openingFailed(file: string, cause: unknown): TerminalError {
  if (isBusy(cause)) return running(file);
  return isDamage(cause) ? damaged(file, cause) : unopened(file, cause);
}

/** Why it could not be read or written later. */
export function useFailed(file: string, cause: unknown): TerminalError {
  return isDamage(cause) ? damaged(file, cause) : failed(messageOf(cause), cause);
}

export function failed(problem: string, cause?: unknown): TerminalError {
  const fix = 'Restart the engine; it takes up what is durable.';
  return new TerminalError({ code: 'STORE_FAILED', path: 'store', problem, fix }, { cause });
}

/** The bytes of the file are what cannot be read: no later try will, and the ledger has what counts. */
export function isDamagedStore(error: unknown): boolean {
  return error instanceof TerminalError && error.code === 'STORE_FAILED' && isDamage(error.cause);
}

function damaged(file: string, cause: unknown): TerminalError {
  const problem = `is damaged (${messageOf(cause)})`;
  const fix =
    'Stop the engine and run `waybill recover`: it keeps this file aside and makes the store from the ledger.';
  return new TerminalError({ code: 'STORE_FAILED', path: file, problem, fix }, { cause });
}

function unopened(file: string, cause: unknown): TerminalError {
  const problem = `cannot be opened (${messageOf(cause)})`;
  const fix = 'It has to be a file that this user may write, in a directory with room.';
  return new TerminalError({ code: 'STORE_FAILED', path: file, problem, fix }, { cause });
}

function running(file: string): TerminalError {
  const problem = 'another engine holds the store';
  const fix = 'Submit to that engine, or stop it first.';
  return new TerminalError({ code: 'ENGINE_RUNNING', path: file, problem, fix });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A row that is no JSON was not written by a store either. */
function isDamage(error: unknown): boolean {
  if (error instanceof SyntaxError) return true;
  const { errcode } = (error ?? {}) as { errcode?: number };
  return errcode !== undefined && [SQLITE_CORRUPT, SQLITE_NOTADB].includes(errcode & 0xff);
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && /locked|busy/i.test(error.message);
}
