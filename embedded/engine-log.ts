/** The engine's log: one JSON object a line on standard error, and of each error its code. A stack is of defects alone. */
import { WaybillError } from '@waybill/client/errors';

/** Of what nobody foresaw, as the command line calls it too. */
const INTERNAL = 'INTERNAL';

export function log(level: 'info' | 'error', message: string, facts: object = {}): void {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...facts })}\n`);
}

/** What an error says of itself: what the file system, SQLite or a connection refuses has a code of its own. */
export function factsOf(error: unknown): object {
  if (error instanceof WaybillError) {
    const { code, path, problem, fix } = error;
    return { code, path, problem, fix };
  }
  if (!(error instanceof Error)) return { code: INTERNAL, problem: String(error) };
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string') return { code, problem: error.message };
  return { code: INTERNAL, problem: error.message, stack: error.stack };
}
