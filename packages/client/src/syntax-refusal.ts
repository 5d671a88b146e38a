/** What is said of bytes that are no document. */
import type { Refusal } from './errors.ts';
import { LIMITS } from './limits.ts';
import { printable } from './spec-issue.ts';

/** With a value and refusals, single values in it are none that JSON carries. */
export type ReadDocument = { ok: true; value: unknown } | { ok: false; refusals: Refusal[]; value?: unknown };

export function tooDeep(): Refusal {
  const problem = `the document is nested more than ${LIMITS.nesting} levels deep`;
  return { code: 'SPEC_LIMIT', path: 'document', problem, fix: 'A run spec needs fewer than ten levels.' };
}

export function syntaxError(problem: string, fix: string, path = 'document'): Refusal {
  return { code: 'SPEC_SYNTAX', path, problem: printable(problem), fix };
}

export function at({ line, column }: { line: number; column: number }): string {
  return `line ${line}, column ${column}`;
}

export function refused(refusal: Refusal): ReadDocument {
  return { ok: false, refusals: [refusal] };
}
