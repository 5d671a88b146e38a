/** A JSON file that an operator may have laid down in a state directory. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TerminalError } from '@waybill/client/errors';

/** What stands in a file of the operator; nothing when there is none. */
export function written(directory: string, name: string, fix: string): unknown {
  const file = join(directory, name);
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new TerminalError({ code: 'USAGE', path: file, problem: `is no JSON (${(error as Error).message})`, fix });
  }
}
