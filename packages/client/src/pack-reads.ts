/**
 * Packs what items read from outside of their run: a file as it is, a directory or a commit as one tar file. What is packed is a copy,
 * so that a file which changes meanwhile is uploaded as it was hashed. Nothing of a repository is run.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { type FileHandle, lstat, mkdtemp, open, readdir, readlink, realpath, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '@waybill/verify';
import { type ErrorCode, RetryableError, TerminalError, WaybillError } from './errors.ts';
import { git } from './git.ts';
import { LIMITS } from './limits.ts';
import { findCommit, type PackPlace } from './pack-source.ts';
import type { ItemSpec } from './spec.ts';
import { quote } from './spec-issue.ts';
import { type TarEntry, tarOf } from './tar.ts';

export type WrittenRead = NonNullable<ItemSpec['reads']>[string];

export interface PackedRead {
  sha256: Digest;
  sizeBytes: number;
  /** The packed file, in `workDir`. */
  file: string;
}

/** Of all files in one directory or commit: they are held in memory while they are packed. */
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_FILES = 20_000;

/**
 * @param at where it stands in the spec
 * Throws TerminalError SOURCE_UNRESOLVED (nothing there), SOURCE_INVALID (something that is neither file, directory nor link, or lies
 * above the spec), SPEC_LIMIT, and what `packSource` throws.
 */
export async function packRead(
  read: Exclude<WrittenRead, { sha256: string }>,
  at: string,
  place: PackPlace,
): Promise<PackedRead> {
  const maxBytes = place.maxBytes ?? MAX_BYTES;
  const chunks =
    read.git === undefined
      ? await filesOf(read.path, place, at, maxBytes)
      : await treeOf(read.git, place, at, maxBytes);
  if (typeof chunks === 'string') return copyOf(chunks, at, place);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for (const chunk of chunks) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  if (sizeBytes > maxBytes) throw tooLarge(at, maxBytes);
  const hex = hash.digest('hex');
  const file = join(place.workDir, `read-${hex}`);
  await writeFile(file, chunks);
  return { sha256: `sha256:${hex}`, sizeBytes, file };
}

/** A file may be larger than what is held in memory. */
async function copyOf(
  path: string,
  at: string,
  { workDir, maxBytes = LIMITS.sourceBytes }: PackPlace,
): Promise<PackedRead> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const copy = join(await mkdtemp(join(workDir, 'copy-')), 'file');
  const file = await open(path, 'r').catch(refuseUnreadable(at, basename(path)));
  await pipeline(
    file.createReadStream(),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        sizeBytes += chunk.byteLength;
        if (sizeBytes > maxBytes) throw tooLarge(at, maxBytes);
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(copy),
  );
  return { sha256: `sha256:${hash.digest('hex')}`, sizeBytes, file: copy };
}

/** The path, where it is one file. */
async function filesOf(
  path: string,
  { baseDir }: PackPlace,
  at: string,
  maxBytes: number,
): Promise<Uint8Array[] | string> {
  const base = await realpath(baseDir);
  const root = await realpath(resolve(base, path)).catch(({ code = 'unknown' }: NodeJS.ErrnoException) => {
    const why = code === 'ENOENT' ? 'there is no' : `nobody can read (${code}) the`;
    const problem = `${why} file or directory ${quote(path)} below the directory of the spec`;
    throw refusal('SOURCE_UNRESOLVED', at, problem, 'Put it there, or name another one below that directory.');
  });
  // A link may lead anywhere: whoever wrote the spec is not always whoever submits it.
  if (root !== base && !root.startsWith(`${base}${sep}`)) {
    const problem = `the path ${quote(path)} leads out of the directory of the spec`;
    throw refusal('SOURCE_INVALID', at, problem, 'Copy it there first.');
  }
  const found = await lstat(root);
  if (found.isFile()) return root;
  if (!found.isDirectory()) throw odd(at, path);
  const entries: TarEntry[] = [];
  let left = maxBytes;
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const below = (path: string): string => relative(root, path).split(sep).join('/');
    const listed = readdir(folder, { withFileTypes: true, encoding: 'buffer' });
    for (const entry of await listed.catch(refuseUnreadable(at, below(folder) || path))) {
      const file = join(folder, entry.name.toString());
      const name = below(file);
      // No tar file could hold it as a text, and no file is there under what it would be read as.
      if (!isUtf8(entry.name)) throw unnamed(at, name);
      if (entry.isDirectory()) folders.push(file);
      else if (entry.isSymbolicLink())
        entries.push({ path: name, kind: 'link', bytes: await readlink(file, { encoding: 'buffer' }) });
      else if (entry.isFile()) {
        const handle = await open(file, 'r').catch(refuseUnreadable(at, name));
        const { kind, bytes } = await contentOf(handle, left, at);
        left -= bytes.byteLength;
        entries.push({ path: name, kind, bytes });
      } else throw odd(at, name);
      if (entries.length > MAX_FILES) throw tooMany(at);
    }
  }
  return tarOf(entries);
}

async function contentOf(file: FileHandle, maxBytes: number, at: string): Promise<Pick<TarEntry, 'kind' | 'bytes'>> {
  try {
    const { size, mode } = await file.stat();
    if (size > maxBytes) throw tooLarge(at, maxBytes);
    return { kind: (mode & 0o100) === 0 ? 'file' : 'executable', bytes: await file.readFile() };
  } finally {
    await file.close();
  }
}

const KINDS: Readonly<Record<string, TarEntry['kind']>> = { 100644: 'file', 100755: 'executable', 120000: 'link' };

/** The tree of a commit without what its attributes would make of it. Submodules stay out. */
async function treeOf(
  { url, ref }: { url: string; ref?: string | undefined },
  place: PackPlace,
  at: string,
  maxBytes: number,
): Promise<Uint8Array[]> {
  const scratch = await mkdtemp(join(place.workDir, 'tree-'));
  const source = { url, ...(ref === undefined ? {} : { ref }) };
  const { repository, commit } = await findCommit(source, place.baseDir, scratch).catch((error: unknown) => {
    // There it speaks of the source of the run.
    if (!(error instanceof WaybillError)) throw error;
    const { code, problem, fix } = error;
    const path = error.path.replace('spec.source', at);
    throw error.retryable ? new RetryableError({ code, path, problem, fix }) : refusal(code, path, problem, fix);
  });
  const reading = { cwd: repository, network: 'none' } as const;
  const listed = await git({ ...reading, args: ['ls-tree', '-r', '-z', '--full-tree', commit] });
  const files = listed.split('\0').flatMap((line) => {
    const [, mode = '', id = '', path = ''] = /^(\d+) blob ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
    const kind = KINDS[mode];
    // What git lists is read as a text, in which this stands for each byte that is none.
    if (path.includes('\ufffd')) throw unnamed(at, path);
    return kind === undefined ? [] : [{ path, kind, id }];
  });
  if (files.length > MAX_FILES) throw tooMany(at);
  const blobs = await readBlobs(reading, files, maxBytes, at);
  return tarOf(files.map(({ path, kind }, n) => ({ path, kind, bytes: blobs[n] as Uint8Array })));
}

async function readBlobs(
  reading: { cwd: string; network: 'none' },
  files: readonly { id: string }[],
  maxBytes: number,
  at: string,
): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  await git({
    ...reading,
    args: ['cat-file', '--batch'],
    stdin: files.map(({ id }) => `${id}\n`).join(''),
    into: async (stdout) => {
      for await (const chunk of stdout) {
        sizeBytes += chunk.byteLength;
        if (sizeBytes > 2 * maxBytes) throw tooLarge(at, maxBytes);
        chunks.push(chunk);
      }
    },
  });
  const whole = Buffer.concat(chunks);
  let from = 0;
  return files.map(() => {
    const end = whole.indexOf(10, from);
    const size = Number(whole.subarray(from, end).toString().split(' ')[2]);
    from = end + 1 + size + 1;
    return whole.subarray(end + 1, end + 1 + size);
  });
}

function odd(at: string, name: string): TerminalError {
  const problem = `${JSON.stringify(name)} is neither a file nor a directory nor a link`;
  return refusal('SOURCE_INVALID', at, problem, 'Leave it out of the directory.');
}

function refuseUnreadable(at: string, name: string): (cause: NodeJS.ErrnoException) => never {
  return ({ code = 'unknown' }) => {
    const problem = `nobody can read (${code}) ${quote(name)}`;
    throw refusal('SOURCE_UNRESOLVED', at, problem, 'Let this user read it, or leave it out.');
  };
}

function unnamed(at: string, name: string): TerminalError {
  return refusal('SOURCE_INVALID', at, `${quote(name)} has a name that is no UTF-8`, 'Rename it, or leave it out.');
}

function tooLarge(at: string, maxBytes: number): TerminalError {
  return refusal(
    'SPEC_LIMIT',
    at,
    `it is over ${maxBytes} bytes`,
    'Read less of it, or make it the source of the run.',
  );
}

function tooMany(at: string): TerminalError {
  return refusal('SPEC_LIMIT', at, `it has more than ${MAX_FILES} files`, 'Read less of it.');
}

function refusal(code: ErrorCode, path: string, problem: string, fix: string): TerminalError {
  return new TerminalError({ code, path, problem, fix });
}
