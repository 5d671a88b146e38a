/** A run spec or a flow on disk: read, parsed and compiled, or every reason why not. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import {
  type ExtensionSketch,
  LIMITS,
  locateRefusals,
  type OpenRegistry,
  type PlanItem,
  queueOf,
  type Refusal,
  readSpec,
  SpecRefused,
  sketchExtension,
  TerminalError,
  type WrittenSpec,
} from '@waybill/client';
import type { PlacedWarning } from './error-report.ts';
import { readNamed } from './named-file.ts';

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
  warnings: PlacedWarning[];
  /** What it says, and from a place there to that in the file. */
  written: Pick<WrittenSpec, 'run' | 'ledBack'>;
}

/** Items for a run that is open-ended, as far as the file alone can be judged. */
export interface ExtensionFile extends ExtensionSketch {
  path: string;
  bytes: Uint8Array;
}

/** What a file is, for whoever may have named another one. */
export const SPEC_FIX = 'Name a run spec or a flow; `waybill init` writes one.';
export const EXTENSION_FIX = 'Name a file of `kind: Extension`, with the items under `spec.items`.';
export const SCHEDULE_FIX = 'Name a file of `kind: Schedule`, with `timeZone`, `cron` and `run` under `spec`.';

/** Throws TerminalError FILE_UNREADABLE, or SpecRefused with everything that is wrong with the spec, and where in the file. */
export async function readSpecFile(file: string, registry?: OpenRegistry): Promise<SpecFile> {
  const path = resolve(file);
  const bytes = await readSpecBytes(path);
  const baseDir = dirname(path);
  return readPlaced(file, { path, baseDir, bytes }, registry);
}

/** As `readSpecFile`, of items that are to be added to a run too. */
export async function readPlannedFile(file: string, registry?: OpenRegistry): Promise<SpecFile | ExtensionFile> {
  const path = resolve(file);
  const bytes = await readSpecBytes(path);
  const baseDir = dirname(path);
  const sketch = await placing(file, bytes, () => sketchExtension(bytes, baseDir, registry));
  return sketch === null ? readPlaced(file, { path, baseDir, bytes }, registry) : { path, bytes, ...sketch };
}

async function readPlaced(
  file: string,
  { path, baseDir, bytes }: Pick<SpecFile, 'path' | 'baseDir' | 'bytes'>,
  registry: OpenRegistry | undefined,
): Promise<SpecFile> {
  const { run, items, origins, warnings, ledBack } = await placing(file, bytes, () =>
    readSpec(bytes, baseDir, registry),
  );
  const about = { name: run.metadata.name, queue: queueOf(run), items, origins, written: { run, ledBack } };
  return { path, baseDir, bytes, ...about, warnings: placed(file, bytes, warnings) };
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
  if (error instanceof SpecRefused) return new SpecRefused(placed(file, bytes, error.refusals));
  const isOfSpec = error instanceof TerminalError && error.path.startsWith('spec.');
  return isOfSpec ? new SpecRefused(placed(file, bytes, [refusalOf(error)])) : error;
}

function refusalOf({ code, path, problem, fix }: TerminalError): Refusal {
  return { code, path, problem, fix };
}

export function placed<Found extends PlacedWarning>(
  file: string,
  bytes: Uint8Array,
  refusals: readonly Found[],
): Found[] {
  // of a file that is too large, the end was not read
  const places = bytes.length > LIMITS.specBytes ? [] : locateRefusals(bytes, refusals);
  const lineOf = ({ line = Number.POSITIVE_INFINITY }: PlacedWarning): number => line;
  return refusals
    .map((refusal, n) => inIncluded(file, refusal) ?? { ...refusal, file, ...places[n] })
    .toSorted((left, right) => Math.sign(lineOf(left) - lineOf(right)) || 0);
}

/** What is told as `<included file>: <path>` has its line there; null for what is about the file itself, or no such file is read. */
function inIncluded<Found extends PlacedWarning>(file: string, refusal: Found): Found | null {
  const [, name = '', path = ''] = /^([^"[\]]+?): (.+)$/s.exec(refusal.path) ?? [];
  const part = join(dirname(file), name);
  try {
    if (name === '' || !statSync(part).isFile() || statSync(part).size > LIMITS.specBytes) return null;
    const [place] = locateRefusals(readFileSync(part), [{ path }]);
    return { ...refusal, path, file: part, ...place };
  } catch {
    return null;
  }
}

/** Throws TerminalError FILE_UNREADABLE with `fix`, which says what is to be named. */
export function readSpecBytes(path: string, fix: string = SPEC_FIX): Promise<Buffer> {
  return readNamed(path, LIMITS.specBytes, fix);
}
