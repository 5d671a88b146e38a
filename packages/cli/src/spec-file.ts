/** A run spec on disk: read, parsed and compiled, or every reason why not. */
import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  compileItems,
  LIMITS,
  type PlanItem,
  parseWrittenRun,
  queueOf,
  SpecRefused,
  TerminalError,
} from '@waybill/client';

export interface SpecFile {
  path: string;
  /** What relative paths in it are relative to. */
  baseDir: string;
  bytes: Uint8Array;
  name: string;
  queue: string;
  items: PlanItem[];
}

/** Throws TerminalError FILE_UNREADABLE, or SpecRefused with everything that is wrong with the spec. */
export async function readSpecFile(file: string): Promise<SpecFile> {
  const path = resolve(file);
  const bytes = await readBytes(path);
  const parsed = parseWrittenRun(bytes);
  if (!parsed.ok) throw new SpecRefused(parsed.refusals);
  const compiled = compileItems(parsed.run);
  if (!compiled.ok) throw new SpecRefused(compiled.refusals);
  const { run } = parsed;
  return { path, baseDir: dirname(path), bytes, name: run.metadata.name, queue: queueOf(run), items: compiled.items };
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
