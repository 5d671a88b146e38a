/** Ledgers that a mode can read: a directory, or a web server that serves one. */
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import type { BundleShelf } from '../audit/log-bundles.ts';
import { concatBytes } from '../crypto/bytes.ts';
import { type LedgerSource, LedgerUnreachable } from '../log/tile-source.ts';
import { escapeText } from '../verdict/report.ts';
import { fileProblem, isSystemError, refuseNamedPipe, UsageError } from './mode.ts';

/** Of any object but a bundle: a full bundle of the longest entries. */
const MAX_OBJECT_BYTES = 256 * 65_537;
const TIMEOUT_MS = 20_000;

export function directorySource(directory: string): LedgerSource {
  const absent = (error: unknown): null => {
    if (isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null;
    throw isSystemError(error) ? new LedgerUnreachable(error.message) : error;
  };
  /** Whoever made the directory may have put anything there: a pipe never ends, and a device has no size. */
  const sizeOf = async (name: string): Promise<number | null> => {
    const found = await stat(`${directory}/${name}`).catch(absent);
    if (found === null || found.isFile()) return found?.size ?? null;
    throw new LedgerUnreachable(`${name} is no file`);
  };
  return {
    async read(name) {
      const size = await sizeOf(name);
      if (size === null) return null;
      if (size > MAX_OBJECT_BYTES) throw new LedgerUnreachable(`${name} is longer than ${MAX_OBJECT_BYTES} bytes`);
      return readFile(`${directory}/${name}`).catch(absent);
    },
    async open(name) {
      return (await sizeOf(name)) === null ? null : readable(`${directory}/${name}`);
    },
    list: async (folder) => (await readdir(`${directory}/${folder}`).catch(absent))?.sort() ?? [],
  };
}

async function* readable(path: string): AsyncGenerator<Uint8Array> {
  try {
    refuseNamedPipe(path);
    yield* createReadStream(path, { highWaterMark: 1 << 18 });
  } catch (error) {
    throw isSystemError(error) ? new LedgerUnreachable(error.message) : error;
  }
}

/** A web server cannot list; what it has is found through the newest checkpoint, at `checkpoint`. */
export function webSource(base: string): LedgerSource {
  const ask = async (name: string): Promise<Response | null> => {
    const url = `${base.replace(/\/$/, '')}/${name}`;
    try {
      const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (response.ok) return response;
      await response.body?.cancel();
      if (response.status === 404) return null;
      throw new LedgerUnreachable(`${name} was answered with status ${response.status}`);
    } catch (error) {
      if (error instanceof LedgerUnreachable) throw error;
      throw new LedgerUnreachable(`${name} could not be asked for`);
    }
  };
  return {
    async read(name) {
      const response = await ask(name);
      return response === null ? null : readBody(response, name);
    },
    async open(name) {
      const body = (await ask(name))?.body ?? null;
      return body === null ? null : chunksOf(body);
    },
    list: async () => null,
  };
}

async function readBody(response: Response, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(response.body)) {
    bytes += chunk.length;
    if (bytes > MAX_OBJECT_BYTES) throw new LedgerUnreachable(`${name} is longer than ${MAX_OBJECT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}

async function* chunksOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body ?? []) yield chunk;
  } catch {
    throw new LedgerUnreachable('the answer broke off');
  }
}

/** The bundles that a ledger keeps itself, `runs/<run>/run-<run>.audit.jsonl`. */
export function ownBundles(source: LedgerSource): BundleShelf {
  const nameOf = (run: string): string => `runs/${run}/run-${run}.audit.jsonl`;
  return {
    open: (run) => source.open(nameOf(run)),
    async runs() {
      const runs = await source.list('runs');
      if (runs === null) return null;
      const ids = runs.filter((run) => /^[0-9a-f]{32}$/.test(run));
      const files = await Promise.all(ids.map(async (run) => (await source.list(`runs/${run}`)) ?? []));
      return ids.filter((run, n) => files[n]?.includes(`run-${run}.audit.jsonl`));
    },
  };
}

/**
 * Bundles in files and directories, each called `run-<run>.audit.jsonl`. Throws UsageError for a file that is called
 * otherwise.
 */
export async function fileBundles(paths: readonly string[]): Promise<BundleShelf> {
  const files = new Map<string, string>();
  const take = (path: string): boolean => {
    const run = /(?:^|\/)run-([0-9a-f]{32})\.audit\.jsonl$/.exec(path)?.[1];
    if (run !== undefined) files.set(run, path);
    return run !== undefined;
  };
  for (const path of paths) {
    const names = await namesIn(path);
    if (names !== null) for (const name of names) take(`${path}/${name}`);
    else if (!take(path))
      throw new UsageError(`--bundles ${escapeText(path)}: a bundle is called run-<id>.audit.jsonl`);
  }
  return {
    async open(run) {
      const path = files.get(run);
      return path === undefined ? null : readable(path);
    },
    runs: async () => [...files.keys()].sort(),
  };
}

/** What is in a directory, or null for a file. Throws UsageError for neither. */
async function namesIn(path: string): Promise<string[] | null> {
  try {
    return (await stat(path)).isDirectory() ? await readdir(path) : null;
  } catch (error) {
    throw isSystemError(error) ? fileProblem('--bundles', path, error) : error;
  }
}
