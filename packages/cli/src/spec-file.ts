/** A run spec on disk: read, parsed and compiled, or every reason why not. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { compileItems, type PlanItem, parseRun, queueOf, type RunSpec } from '@waybill/client/compile';
import { type Refusal, TerminalError } from '@waybill/client/errors';
import { RefusedError } from './error-report.ts';

export interface SpecFile {
  path: string;
  /** What relative paths in it are relative to. */
  baseDir: string;
  spec: RunSpec;
  name: string;
  queue: string;
  items: PlanItem[];
}

/** Throws TerminalError FILE_UNREADABLE, or RefusedError with everything that is wrong with the spec. */
export async function readSpecFile(file: string): Promise<SpecFile> {
  const path = resolve(file);
  const parsed = parseRun(await readBytes(path), 'yaml');
  if (!parsed.ok) throw refused(parsed.refusals);
  const compiled = compileItems(parsed.run);
  if (!compiled.ok) throw refused(compiled.refusals);
  const { run: spec } = parsed;
  return { path, baseDir: dirname(path), spec, name: spec.metadata.name, queue: queueOf(spec), items: compiled.items };
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const problem = `the file cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`;
    throw new TerminalError(
      { code: 'FILE_UNREADABLE', path, problem, fix: 'Name a run spec; `waybill init` writes one.' },
      { cause },
    );
  }
}

function refused(refusals: readonly Refusal[]): RefusedError {
  const [first, ...rest] = refusals;
  if (first === undefined) throw new TypeError('a spec was refused without a reason');
  return new RefusedError([first, ...rest]);
}
