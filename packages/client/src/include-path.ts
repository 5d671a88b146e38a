/** Paths of included files: relative to the file that names them, and never above the directory of the flow. */
import { pathTextProblem } from '@waybill/verify';
import { FLOW_LIMITS } from './limits.ts';

export type IncludePath = { ok: true; path: string } | { ok: false; problem: string };

/** @param from the file that includes, relative to the directory of the flow; empty for the flow itself */
export function resolveInclude(from: string, written: string): IncludePath {
  const refuse = (problem: string): IncludePath => ({ ok: false, problem });
  const problem = pathTextProblem(written);
  if (problem !== null) return refuse(`it ${problem}`);
  if (written.length > FLOW_LIMITS.includePathChars) return refuse('it is too long');
  if (written.includes('\\')) return refuse('it holds a backslash');
  if (written.startsWith('/') || /^[a-z][a-z0-9+.-]*:/i.test(written)) return refuse('it is not relative');
  const parts = from.split('/').slice(0, -1);
  for (const part of written.split('/')) {
    if (part === '') return refuse('it has an empty part');
    if (part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return refuse('it leads above the directory of the flow');
  }
  return parts.length === 0 ? refuse('it names no file') : { ok: true, path: parts.join('/') };
}

/** What the document asks to include, as far as that can be read. */
export function includesOf(document: unknown): string[] {
  const include = (document as { include?: unknown } | null)?.include;
  return Array.isArray(include) ? include.filter((path) => typeof path === 'string') : [];
}
