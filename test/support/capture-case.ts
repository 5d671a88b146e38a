/**
 * One case of what a block may do to its workspace: it is captured, the patch is applied by plain git to a fresh clone,
 * and the tree that comes of it is compared with one that is calculated from the workspace's bytes, without git.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { packSource } from '@waybill/client';
import { parsePatch } from '@waybill/client/patch';
import { JOB_LIMITS } from '#core/names.ts';
import { AttemptEnded } from '../../worker-image/src/attempt-ended.ts';
import { type AttemptTree, createAttemptTree, removeAttemptTree } from '../../worker-image/src/attempt-tree.ts';
import { unpackBaseline } from '../../worker-image/src/baseline.ts';
import { type CapturedPatch, capturePatch } from '../../worker-image/src/capture-patch.ts';
import { git, makeRepository } from './git-repository.ts';
import { NO_SECRETS } from './no-secrets.ts';
import { treeIdOf } from './tree-id.ts';

const NOBODY = 65_534;
const LARGE_TIMEOUT_MS = 8 * 60_000;

export interface CaptureCase {
  title: string;
  /** What the source holds; a file `file` with the line `one` unless told. */
  fill?: (at: string) => void;
  /** What the block does; `at` is its workspace. */
  edit: (at: string, tree: AttemptTree) => void;
  /** The reason that the attempt ends with; else there is a patch. */
  refused?: string;
  /** What the patch leaves out; nothing unless told. */
  excluded?: string[];
  /** Submodules of the source, which the patch leaves as they are: path to commit. */
  submodules?: Record<string, string>;
  /** What `git add -A && git diff --cached` in the repository that the block left makes of it: the control. */
  naive?: 'right' | 'wrong' | 'fails';
  limits?: Partial<Parameters<typeof capturePatch>[2]>;
  /** Shell that runs in the workspace when the wrapper starts this git command for the first time. */
  during?: { command: string; run: string };
  /** Captured by somebody who may not read everything, as root may. */
  unprivileged?: true;
  /** So many files that the clone is not checked out, and that the time of the capture is printed. */
  large?: true;
  objectFormat?: 'sha1' | 'sha256';
  check?: (captured: CapturedPatch, patch: string) => void;
}

export function captureCases(cases: readonly CaptureCase[]): void {
  for (const one of cases)
    it(one.title, one.large ? { timeout: LARGE_TIMEOUT_MS } : {}, (t) => runCase(one, (text) => t.diagnostic(text)));
}

async function runCase(one: CaptureCase, say: (text: string) => void): Promise<void> {
  const tree = createAttemptTree('test');
  try {
    const repository = join(tree.root, 'repository');
    const fill = one.fill ?? writeOne;
    makeRepository(repository, () => fill(repository), one.objectFormat);
    const packed = await packSource({ url: repository }, { baseDir: tree.root, workDir: join(tree.root, 'packed') });
    const baseline = await unpackBaseline(tree, createReadStream(packed.path), packed.commit);
    one.edit(tree.workspace, tree);
    const work = (): Promise<CapturedPatch> =>
      capturePatch(tree, baseline, { ...JOB_LIMITS, ...one.limits }, NO_SECRETS);
    const started = performance.now();
    const capture = one.unprivileged ? asNobody(tree, work) : meanwhile(tree, one.during, work);
    if (one.refused === undefined) {
      const captured = await capture;
      if (one.large) say(`captured in ${Math.round(performance.now() - started)} ms`);
      await judge(one, tree, repository, captured);
    } else await assert.rejects(capture, (error) => error instanceof AttemptEnded && error.reason === one.refused);
  } finally {
    await removeAttemptTree(tree);
  }
}

/** A git before the real one in the path, which knows when the wrapper is where. */
async function meanwhile<T>(tree: AttemptTree, during: CaptureCase['during'], work: () => Promise<T>): Promise<T> {
  if (during === undefined) return await work();
  const path = process.env.PATH ?? '';
  const directory = join(tree.root, 'bin');
  mkdirSync(directory);
  const once = `[ -e ${directory}/once ] || { : > ${directory}/once; cd ${tree.workspace}; ${during.run}; }`;
  const script = `case " $* " in *" ${during.command} "*) (${once}) ;; esac\nPATH='${path}' exec git "$@"\n`;
  writeFileSync(join(directory, 'git'), `#!/bin/sh\n${script}`, { mode: 0o755 });
  process.env.PATH = `${directory}:${path}`;
  try {
    return await work();
  } finally {
    process.env.PATH = path;
    assert.ok(existsSync(join(directory, 'once')), `git ${during.command} was never asked for`);
  }
}

async function asNobody<T>(tree: AttemptTree, work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return await work();
  const giveTo = (user: number): void => {
    execFileSync('chown', ['-R', `${user}:${user}`, tree.root]);
  };
  giveTo(NOBODY);
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    giveTo(0);
  }
}

async function judge(one: CaptureCase, tree: AttemptTree, repository: string, captured: CapturedPatch): Promise<void> {
  const patch = readFileSync(captured.file.path, 'latin1');
  parsePatch(Buffer.from(patch, 'latin1'));
  assert.deepEqual(captured.excluded, one.excluded ?? []);
  const expected = treeIdOf(tree.workspace, {
    submodules: one.submodules ?? {},
    algorithm: one.objectFormat ?? 'sha1',
    omit: (path) => captured.excluded.some((left) => left === path || left === `${path}/`),
  });
  assert.equal(treeWith(repository, join(tree.root, 'applied'), captured.file.path, one.large), expected);
  one.check?.(captured, patch);
  if (one.naive === undefined) return;
  const found = naive(tree, repository);
  assert.equal(found === null ? 'fails' : found === expected ? 'right' : 'wrong', one.naive, 'of the obvious command');
}

function writeOne(at: string): void {
  writeFileSync(join(at, 'file'), 'one\n');
}

/** The tree of a fresh clone after plain git applied the patch: to its files, or to the index alone. */
function treeWith(repository: string, clone: string, patch: string, indexAlone = false): string {
  git(repository, 'clone', '--quiet', ...(indexAlone ? ['--no-checkout'] : []), repository, clone);
  if (indexAlone) git(clone, 'read-tree', 'HEAD');
  const to = indexAlone ? '--cached' : '--index';
  if (readFileSync(patch).byteLength > 0) git(clone, 'apply', to, '--whitespace=nowarn', patch);
  return git(clone, 'write-tree').trim();
}

/** What the obvious command makes of the repository that the block left behind; null when it fails. */
function naive(tree: AttemptTree, repository: string): string | null {
  const patch = join(tree.private, 'naive.patch');
  try {
    git(tree.workspace, 'add', '-A');
    git(tree.workspace, 'diff', '--cached', '--binary', `--output=${patch}`);
    return treeWith(repository, join(tree.root, 'naive'), patch);
  } catch {
    return null;
  }
}
