/** A run spec or a flow on disk: read, parsed and compiled, or every reason why not. */
import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  LIMITS,
  locateRefusals,
  type PlanItem,
  queueOf,
  type Refusal,
  readSpec,
  SpecRefused,
  TerminalError,
  type WrittenSpec,
} from '@waybill/client';
import type { PlacedRefusal } from './error-report.ts';
import { readProblem } from './file-problem.ts';

export interface SpecFile {
  path: string;
  /** What relative paths in it are relative to. */
  baseDir: string;
  bytes: Uint8Array;
  name: string;
  queue: string;
  items: PlanItem[];
  /** Of a flow: the path of the task that each item comes from, in the order of the items. */
  origins: string[] | null;
}

/** Throws TerminalError FILE_UNREADABLE, or SpecRefused with everything that is wrong with the spec, and where in the file. */
export async function readSpecFile(file: string): Promise<SpecFile> {
  const path = resolve(file);
  const bytes = await readSpecBytes(path);
  const baseDir = dirname(path);
  const { run, items, origins } = await readPlaced(file, bytes, baseDir);
  return { path, baseDir, bytes, name: run.metadata.name, queue: queueOf(run), items, origins };
}

async function readPlaced(file: string, bytes: Uint8Array, baseDir: string): Promise<WrittenSpec> {
  return placing(file, bytes, () => readSpec(bytes, baseDir));
}

/** What is refused of a file is told with its line and column there. */
export async function placing<T>(file: string, bytes: Uint8Array, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw error instanceof SpecRefused ? new SpecRefused(placed(file, bytes, error.refusals)) : error;
  }
}

/** A refusal of the spec that showed only when it was submitted, such as of its source, with its place in the file. */
export function placedInFile(file: string, { bytes }: SpecFile, error: unknown): unknown {
  const isOfSpec = error instanceof TerminalError && !(error instanceof SpecRefused) && error.path.startsWith('spec.');
  return isOfSpec ? new SpecRefused(placed(file, bytes, [refusalOf(error)])) : error;
}

function refusalOf({ code, path, problem, fix }: TerminalError): Refusal {
  return { code, path, problem, fix };
}

function placed(file: string, bytes: Uint8Array, refusals: readonly Refusal[]): PlacedRefusal[] {
  // of a file that is too large, the end was not read
  const places = bytes.length > LIMITS.specBytes ? [] : locateRefusals(bytes, refusals);
  const lineOf = ({ line = Number.POSITIVE_INFINITY }: PlacedRefusal): number => line;
  return refusals
    .map((refusal, n): PlacedRefusal => ({ ...refusal, file, ...places[n] }))
    .toSorted((left, right) => Math.sign(lineOf(left) - lineOf(right)) || 0);
}

/** Throws TerminalError FILE_UNREADABLE. */
export async function readSpecBytes(path: string): Promise<Buffer> {
  try {
    const chunks: Buffer[] = [];
    // a device has no end, and a file may be of any size: one byte more than is taken tells enough
    for await (const chunk of createReadStream(path, { end: LIMITS.specBytes })) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  } catch (cause) {
    const problem = readProblem(cause);
    throw new TerminalError(
      { code: 'FILE_UNREADABLE', path, problem, fix: 'Name a run spec or a flow; `waybill init` writes one.' },
      { cause },
    );
  }
}
