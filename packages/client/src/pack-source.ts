/**
 * Packs a git source into one content-addressed file: the source bundle.
 *
 * The bundle is a git packfile (version 2, as `git pack-objects` writes it) that holds exactly one commit, all trees and
 * all blobs reachable from that commit's tree, and nothing else: no parent, no ref, no tag object, no config. It is made
 * without deltas, so unpacking costs what its size says; the same commit packed by the same git gives the same bytes.
 * Its name is the SHA-256 of its bytes. What travels with it is the commit id: 40 hex digits for a SHA-1 repository,
 * 64 for a SHA-256 one.
 *
 * Unpacking, in this order (git >= 2.30):
 *
 *     git init --object-format=<sha1 when the commit id has 40 digits, else sha256> .
 *     printf '%s\n' <commit> > .git/shallow          before the next step: it says that the parents are meant to be absent
 *     git index-pack --stdin --strict  < bundle         (never thin: no --fix-thin)
 *     git checkout --detach <commit>                 with hooks, filters and system configuration off
 *
 * `--strict` refuses malformed objects, missing trees and blobs, and paths such as `.git` or `..`. The reader must also
 * check the bundle's SHA-256 and size before it hands a byte to git, and that the commit is the one it was promised.
 *
 * What is not packed, on purpose
 * - Submodules: they stay gitlinks, entries without content; `submodules` names them so that a caller can say so.
 * - Git LFS: pointer files stay pointers. Filters never run.
 * - Uncommitted changes of a local repository: a source is a commit.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { Digest } from '@waybill/verify';
import { type ErrorCode, RetryableError, TerminalError } from './errors.ts';
import { git, initArgs, lastLine, runGit } from './git.ts';
import { LIMITS } from './limits.ts';
import { isPlainRef, readSourceUrl } from './source-url.ts';

export interface GitSource {
  /** A directory, a file:// url or an https:// url. */
  url: string;
  /** Branch, tag or commit; HEAD when absent. */
  ref?: string;
}

export interface PackedSource {
  bundle: Digest;
  commit: string;
  sizeBytes: number;
  /** The bundle, in `workDir`, named by its digest. The caller removes it. */
  path: string;
  /** Paths that are submodules: their content is not in the bundle. */
  submodules: string[];
}

export interface PackPlace {
  /** What a relative path in `url` is relative to: the directory of the spec. */
  baseDir: string;
  /** Exists or can be made; needs room for the repository and the bundle. */
  workDir: string;
  maxBytes?: number;
}

/**
 * Resolves the source to a commit and packs it. Reads the repository, never writes to it, runs nothing of it.
 * Throws TerminalError SOURCE_INVALID (url, ref or objects that are refused), SPEC_CREDENTIAL (a password in the url),
 * SOURCE_UNRESOLVED (no such repository or commit; RetryableError when a host did not answer), GIT_UNAVAILABLE,
 * GIT_FAILED, SPEC_LIMIT (over `maxBytes`).
 */
export async function packSource(source: GitSource, place: PackPlace): Promise<PackedSource> {
  await mkdir(place.workDir, { recursive: true });
  const scratch = await mkdtemp(join(place.workDir, 'pack-'));
  try {
    const { repository, commit } = await findCommit(source, place.baseDir, scratch);
    const packed = await writeBundle(repository, commit, join(scratch, 'bundle'), place.maxBytes ?? LIMITS.sourceBytes);
    await proveBundle(commit, scratch);
    const path = join(place.workDir, packed.sha256);
    await rename(join(scratch, 'bundle'), path);
    const submodules = await listSubmodules(repository, commit);
    return { bundle: `sha256:${packed.sha256}`, commit, sizeBytes: packed.sizeBytes, path, submodules };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Found {
  repository: string;
  commit: string;
}

/** The repository that has the source's commit; a fetched one lies below `scratch`. */
export async function findCommit(source: GitSource, baseDir: string, scratch: string): Promise<Found> {
  const ref = source.ref ?? 'HEAD';
  if (!isPlainRef(ref)) {
    throw refusal('SOURCE_INVALID', 'ref', 'the ref is not a plain name', 'Name a branch, a tag or a whole commit id.');
  }
  const place = readSourceUrl(source.url);
  if (place.kind === 'refused') {
    throw refusal(place.credential ? 'SPEC_CREDENTIAL' : 'SOURCE_INVALID', 'url', place.problem, place.fix);
  }
  if (place.kind === 'https') return fetchCommit(place.url, ref, scratch);
  return readCommit(resolve(baseDir, place.kind === 'file' ? fileURLToPath(place.url) : place.path), ref);
}

async function readCommit(directory: string, ref: string): Promise<Found> {
  const fix = 'Name the root of a git repository; a path is relative to the directory of the spec.';
  const repository = await realpath(directory).catch((cause: NodeJS.ErrnoException) => {
    throw refusal('SOURCE_UNRESOLVED', 'url', `the path cannot be read (${cause.code ?? 'unknown'})`, fix);
  });
  const reading = { cwd: repository, network: 'none' } as const;
  const isDirectory = (await stat(repository)).isDirectory();
  if (!isDirectory || (await runGit({ ...reading, args: ['rev-parse', '--git-dir'] })).exit !== 0) {
    throw refusal('SOURCE_UNRESOLVED', 'url', 'the path is not the root of a git repository', fix);
  }
  const parsed = await runGit({ ...reading, args: ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`] });
  if (parsed.exit !== 0) throw unknownRef(ref);
  return { repository, commit: parsed.stdout.trim() };
}

async function fetchCommit(url: string, ref: string, scratch: string): Promise<Found> {
  const calling = { cwd: scratch, network: 'https' } as const;
  const listed = await runGit({ ...calling, args: ['ls-remote', '--end-of-options', url] });
  if (listed.exit !== 0) {
    throw new RetryableError({
      code: 'SOURCE_UNRESOLVED',
      path: 'spec.source.git.url',
      problem: `the repository did not answer: ${lastLine(listed.stderr)}`,
      fix: 'Check the url and the network; for a private repository clone it first and name the local path.',
    });
  }
  const refs = new Map(listed.stdout.split('\n').map((line) => [line.split('\t')[1] ?? '', line.split('\t')[0] ?? '']));
  const name = [ref, `refs/${ref}`, `refs/tags/${ref}`, `refs/heads/${ref}`].find((candidate) => refs.has(candidate));
  const isCommitId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);
  if (name === undefined && !isCommitId) throw unknownRef(ref);
  const idLength = [...refs.values()].find((id) => id !== '')?.length ?? ref.length;
  const repository = join(scratch, 'fetched');
  await git({ ...calling, args: initArgs(idLength, repository) });
  const fetched = await runGit({
    ...calling,
    cwd: repository,
    args: [
      'fetch',
      '--quiet',
      '--depth=1',
      '--no-tags',
      '--no-recurse-submodules',
      '--end-of-options',
      url,
      name ?? ref,
    ],
  });
  if (fetched.exit !== 0) {
    if (name === undefined) throw unknownRef(ref);
    throw refusal('SOURCE_UNRESOLVED', 'url', `fetching failed: ${lastLine(fetched.stderr)}`, 'Try again later.');
  }
  const parsed = await runGit({
    cwd: repository,
    network: 'none',
    args: ['rev-parse', '--verify', '--quiet', 'FETCH_HEAD^{commit}'],
  });
  if (parsed.exit !== 0) throw unknownRef(ref);
  return { repository, commit: parsed.stdout.trim() };
}

/** No deltas, one thread, fixed compression, nothing reused: the bytes depend on the objects and on git alone. */
const PACK_ARGS = [
  '--stdout',
  '-q',
  '--threads=1',
  '--window=0',
  '--no-reuse-delta',
  '--no-reuse-object',
  '--compression=6',
] as const;

async function writeBundle(
  repository: string,
  commit: string,
  path: string,
  maxBytes: number,
): Promise<{ sha256: string; sizeBytes: number }> {
  const reading = { cwd: repository, network: 'none' } as const;
  const objects = await git({ ...reading, args: ['rev-list', '--objects', '--no-object-names', '--no-walk', commit] });
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const measure = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) {
        const fix = 'Use a smaller repository, or keep large files out of it (Git LFS pointers stay pointers).';
        throw refusal('SPEC_LIMIT', 'url', `the packed source is over ${maxBytes} bytes`, fix);
      }
      hash.update(chunk);
      yield chunk;
    }
  };
  await git({
    ...reading,
    args: ['-c', 'core.bigFileThreshold=512m', 'pack-objects', ...PACK_ARGS],
    stdin: objects,
    into: (stdout) => pipeline(stdout, measure, createWriteStream(path, { flags: 'wx' })),
  });
  return { sha256: hash.digest('hex'), sizeBytes };
}

/** Unpacks as a worker will, so that a repository that cannot be unpacked is refused here and not in every attempt. */
async function proveBundle(commit: string, scratch: string): Promise<void> {
  const proof = join(scratch, 'proof');
  await git({ cwd: scratch, network: 'none', args: initArgs(commit.length, proof) });
  await writeFile(join(proof, 'shallow'), `${commit}\n`);
  const indexed = await runGit({
    cwd: proof,
    network: 'none',
    args: ['index-pack', '--strict', '-o', join(proof, 'bundle.idx'), join(scratch, 'bundle')],
  });
  if (indexed.exit === 0) return;
  const problem = `the commit holds objects that git refuses: ${lastLine(indexed.stderr)}`;
  throw refusal('SOURCE_INVALID', 'url', problem, 'See `git fsck --strict`; rewrite the objects that it names.');
}

async function listSubmodules(repository: string, commit: string): Promise<string[]> {
  const tree = await git({ cwd: repository, network: 'none', args: ['ls-tree', '-r', '-z', commit] });
  return tree
    .split('\0')
    .filter((entry) => entry.startsWith('160000 '))
    .map((entry) => entry.slice(entry.indexOf('\t') + 1));
}

function unknownRef(ref: string): TerminalError {
  const fix = 'Name a branch, a tag or a whole commit id that the repository has; commit your work first.';
  return refusal('SOURCE_UNRESOLVED', 'ref', `there is no commit \`${ref}\``, fix);
}

function refusal(code: ErrorCode, key: 'url' | 'ref', problem: string, fix: string): TerminalError {
  return new TerminalError({ code, path: `spec.source.git.${key}`, problem, fix });
}
