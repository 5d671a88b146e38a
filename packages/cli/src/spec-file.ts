/** A run spec on disk: read, parsed and compiled, or every reason why not. */
import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  compileItems,
  LIMITS,
  locateRefusals,
  type PlanItem,
  parseWrittenRun,
  queueOf,
  type Refusal,
  SpecRefused,
  TerminalError,
} from '@waybill/client';
import type { PlacedRefusal } from './error-report.ts';

export interface SpecFile {
  path: string;
  /** What relative paths in it are relative to. */
  baseDir: string;
  bytes: Uint8Array;
  name: string;
  queue: string;
  items: PlanItem[];
}

/** Throws TerminalError FILE_UNREADABLE, or SpecRefused with everything that is wrong with the spec, and where in the file. */
export async function readSpecFile(file: string): Promise<SpecFile> {
  const path = resolve(file);
  const bytes = await readBytes(path);
  const parsed = parseWrittenRun(bytes);
  if (!parsed.ok) throw new SpecRefused(placed(file, bytes, parsed.refusals));
  const compiled = compileItems(parsed.run);
  if (!compiled.ok) throw new SpecRefused(placed(file, bytes, compiled.refusals));
  const { run } = parsed;
  return { path, baseDir: dirname(path), bytes, name: run.metadata.name, queue: queueOf(run), items: compiled.items };
}

function placed(file: string, bytes: Uint8Array, refusals: readonly Refusal[]): PlacedRefusal[] {
  // of a file that is too large, the end was not read
  const places = bytes.length > LIMITS.specBytes ? [] : locateRefusals(bytes, refusals);
  const lineOf = ({ line = Number.POSITIVE_INFINITY }: PlacedRefusal): number => line;
  return refusals
    .map((refusal, n): PlacedRefusal => ({ ...refusal, file, ...places[n] }))
    .toSorted((left, right) => Math.sign(lineOf(left) - lineOf(right)) || 0);
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    const chunks: Buffer[] = [];
    // a device has no end, and a file may be of any size: one byte more than is taken tells enough
    for await (const chunk of createReadStream(path, { end: LIMITS.specBytes })) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  } catch (cause) {
    const problem = `the file cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`;
    throw new TerminalError(
      { code: 'FILE_UNREADABLE', path, problem, fix: 'Name a run spec; `waybill init` writes one.' },
      { cause },
    );
  }
}
