/** The parts of `evidence.json`, each as it has to be or refused by its path. */
import { TerminalError } from '@waybill/client/errors';
import type { Mistakes } from '#core/mistakes.ts';

const NAME = 'evidence.json';
export const EVIDENCE_FIX = 'docs/formats/state-directory.md says what evidence.json holds.';

/** Its fields. What is no object has none, and is thrown at once. */
export function fieldsOf(
  mistakes: Mistakes,
  path: string,
  value: unknown,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'is no object');
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const problem = `has the unknown key ${JSON.stringify(key)}; known are ${known.join(', ')}`;
    mistakes.reading(() => refuse(path, problem));
  }
  return value as Record<string, unknown>;
}

export function listOf(path: string, value: unknown, most: number): unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > most) throw wrong(path, `is no list of at most ${most}`);
  return value;
}

export function wholeNumber(path: string, value: unknown, min: number, max: number): number | undefined {
  if (value === undefined || (Number.isInteger(value) && (value as number) >= min && (value as number) <= max)) {
    return value as number | undefined;
  }
  throw wrong(path, `is no whole number from ${min} to ${max}`);
}

export function refuse(path: string, problem: string): never {
  throw wrong(path, problem);
}

export function wrong(path: string, problem: string): TerminalError {
  const where = path.includes(NAME) ? path : `${NAME}.${path}`;
  return new TerminalError({ code: 'USAGE', path: where, problem, fix: EVIDENCE_FIX });
}
