/** What a function says while it works: in its log, and as a count that alarms watch. */
import { WaybillError } from '@waybill/client/errors';
import type { Hints } from '#flow/deps.ts';

export interface Told {
  /** Something failed and the rest goes on; counted as `Trouble`. */
  trouble(about: string, error: unknown): void;
  /** A record that nobody here wrote, or whose sender changed; counted as `Malformed`. */
  malformed(about: string, problem: string): void;
  info(message: string, facts: object): void;
}

/** Errors as facts for a log line. The stack of a defect is there, and never that of an ordinary refusal. */
export function factsOf(error: unknown): Record<string, unknown> {
  if (error instanceof WaybillError) {
    const { code, path, problem, fix, retryable } = error;
    return { code, path, problem, fix, retryable };
  }
  return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Trying the same again cannot help: a terminal refusal, or a defect of ours. The reconciler comes back to it. */
export function isLasting(error: unknown): boolean {
  if (error instanceof WaybillError) return !error.retryable;
  return error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError;
}

/** Nothing is hinted: the table's stream says it all. What an operator has to know is told. */
export function quietHints(told: Told): Hints {
  const nothing = (): void => {};
  return {
    queueChanged: nothing,
    locksReleased: nothing,
    claimed: nothing,
    itemEnded: nothing,
    runOpened: nothing,
    runChanged: nothing,
    runCompleted: nothing,
    eventsWritten: nothing,
    entered: nothing,
    timerSet: nothing,
    trouble: (run, error) => told.trouble(`run ${run}`, error),
    outage: (about, error) => told.trouble(about, error),
  };
}
