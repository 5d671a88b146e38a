import { TerminalError, WaybillError } from '@waybill/client';
import { type EngineStart, ensureEngine, freeBytesOf, NoRoom, unreachable } from './engine-process.ts';
import type { StateDirectory } from './state-directory.ts';

const ENGINE_CHECK_MS = 500;
/** An engine that ends again and again is not started for ever. */
const MAX_RESTARTS = 3;
/** With less, a disk is full: the smallest change of a store is a few pages. */
const LEAST_BYTES = 64 * 1024;
const FULL_CHECKS = 3;
const GOES_ON = 'What was submitted stays there: `waybill watch` goes on with it.';
const CARRIED_OUT =
  'What stands in the inbox by then the next engine carries out: look at `waybill runs` before you do it again.';

/**
 * Starts an engine again that vanishes, until the signal aborts.
 * Throws RetryableError ENGINE_UNREACHABLE when that does not help, and where nothing fits into its directory any more; TerminalError
 * STORE_FAILED where that is not the same directory any more, and USAGE where an engine refuses its settings.
 * @param freeBytes of the disk that a path is on; null where nobody knows
 */
export async function guardEngine(
  home: StateDirectory,
  start: EngineStart,
  signal: AbortSignal,
  freeBytes: (path: string) => number | null = freeBytesOf,
): Promise<void> {
  let missed = 0;
  let restarts = 0;
  let full = 0;
  while (!signal.aborted) {
    await pause(ENGINE_CHECK_MS, signal);
    if (!signal.aborted) home.hold();
    missed = home.engine() === null ? missed + 1 : 0;
    full = (freeBytes(home.path) ?? LEAST_BYTES) < LEAST_BYTES ? full + 1 : 0;
    // An engine on a full disk comes to nothing, and neither does another one; once may be a moment's.
    if (full === FULL_CHECKS && !signal.aborted) throw new NoRoom(home, 'nothing goes on', GOES_ON);
    // once may be the moment between two engines; twice is an absence
    if (missed < 2 || full > 0 || signal.aborted) continue;
    restarts += 1;
    if (restarts > MAX_RESTARTS) throw await unreachable(home, 'the engine ended again and again');
    await ensureEngine(home, start);
    missed = 0;
  }
}

/**
 * Waits for what only an engine can answer, and starts one again that goes away meanwhile: what was written for it would be
 * carried out by a later one, long after its author was told of no answer. When none comes in time, or none can come: RetryableError
 * ENGINE_UNREACHABLE, with what the engine's log says and what becomes of the object.
 * @param ask gives up when its signal aborts: otherwise the process would wait on for an answer that nobody needs
 * @param freeBytes of the disk that a path is on; null where nobody knows
 */
export async function answered<T>(
  home: StateDirectory,
  ask: (signal: AbortSignal) => Promise<T>,
  start: EngineStart,
  freeBytes: (path: string) => number | null = freeBytesOf,
): Promise<T> {
  const waiting = new AbortController();
  // An engine that does not start again leaves the wait as it is: somebody else may start one. On a full disk, and where it is another
  // directory, nobody answers.
  const inVain = new Promise<never>((_resolve, reject) => {
    guardEngine(home, start, waiting.signal, freeBytes).catch((error: unknown) => {
      if (error instanceof NoRoom) reject(new NoRoom(home, 'the engine does not answer', CARRIED_OUT));
      if (error instanceof TerminalError && error.code === 'STORE_FAILED') reject(error);
    });
  });
  try {
    return await Promise.race([ask(waiting.signal), inVain]);
  } catch (error) {
    if (!(error instanceof WaybillError) || error.code !== 'TIMED_OUT') throw error;
    throw await unreachable(home, `the engine did not answer: ${error.problem}`, error.fix);
  } finally {
    waiting.abort();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
