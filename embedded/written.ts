/** A JSON file that an operator may have laid down in a state directory. */
import { lstatSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import { scanJson } from '@waybill/client/json-scan';

/** More than any of them needs, and nothing that an engine could not hold. */
const MAX_BYTES = 1024 * 1024;
/** The documents themselves are less deep, and say so. */
const MOST_NESTED = 64;

const PROBLEMS: Readonly<Record<string, string>> = {
  // It is there: what it leads to is not.
  ENOENT: 'is a link to what is not there',
  ELOOP: 'is a link that leads round in a circle',
  EACCES: 'cannot be read by the user of the engine',
  EPERM: 'cannot be read by the user of the engine',
};

/** What stands in a file of the operator; nothing when there is none. Throws TerminalError USAGE with `fix` for what is no JSON, or cannot be read. */
export function written(directory: string, name: string, fix: string): unknown {
  const path = join(directory, name);
  const refuse = (problem: string): TerminalError => new TerminalError({ code: 'USAGE', path, problem, fix });
  const text = textOf(path, refuse);
  if (text === null) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`is no JSON (${(error as Error).message})`);
  }
  const [twice] = scanJson(text, MOST_NESTED).duplicates;
  if (twice !== undefined)
    throw refuse(`has the key ${JSON.stringify(twice.key)} twice in one object, in line ${twice.line}`);
  return value;
}

function textOf(path: string, refuse: (problem: string) => TerminalError): string | null {
  let problem: string | null = null;
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return null;
    const found = statSync(path);
    // A pipe would be waited for, and a device has no end.
    if (!found.isFile()) problem = found.isDirectory() ? 'is a directory' : 'is a pipe or a device, and no file';
    else if (found.size > MAX_BYTES) problem = `is larger than ${MAX_BYTES} bytes`;
    else return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    problem = PROBLEMS[code] ?? `cannot be read (${code})`;
  }
  throw refuse(problem);
}
