import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Block } from '@waybill/client/plan';
import { digestOf } from '@waybill/verify';
import { assembleRootfs } from '../../worker-image/assemble-rootfs.ts';
import { buildRunner, buildWorker } from '../../worker-image/build.ts';
import { ContainerBed } from '../support/container-bed.ts';
import { makeRepository } from '../support/git-repository.ts';
import { openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';

const MAX_BYTES = 200 * 1024 * 1024;

describe('root file system of the wrapper:', () => {
  let bed: WorkerBed;
  let containers: ContainerBed;
  let directory: string;
  let root: string;
  let absent: string | null = null;
  const git = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  const filesOf = (root: string): string[] =>
    execFileSync('find', ['.', '-type', 'f', '-o', '-type', 'l'], { cwd: root, encoding: 'utf8' })
      .trim()
      .split('\n')
      .sort();

  before(async () => {
    bed = await openWorkerBed();
    const { isolation, detail } = await bed.launcher.probe();
    if (isolation !== 'bubblewrap') absent = detail;
    containers = await ContainerBed.open(bed);
    directory = mkdtempSync(join(tmpdir(), 'waybill-rootfs-'));
    await buildWorker(join(directory, 'bundles', 'worker.mjs'));
    await buildRunner(join(directory, 'bundles', 'runner.mjs'));
    for (const out of ['one', 'two', 'three']) {
      assembleRootfs({ bundles: join(directory, 'bundles'), node: process.execPath, git }, join(directory, out));
    }
    // What the two COPY of the Dockerfile do.
    root = join(directory, 'three', 'system');
    for (const name of readdirSync(join(directory, 'three', 'volumes'))) {
      renameSync(join(directory, 'three', 'volumes', name), join(root, name));
    }
  });
  after(async () => {
    containers.close();
    await bed.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('holds git, Node, the bundles and their libraries, and no shell, package manager or node_modules', (t) => {
    const files = filesOf(join(directory, 'one', 'system'));
    const programs = files.filter((path) => !/\/lib[^/]*\/.*\.so[.\d]*$/.test(path));
    assert.deepEqual(programs, [
      './etc/group',
      './etc/nsswitch.conf',
      './etc/passwd',
      './opt/waybill/node',
      './opt/waybill/runner.mjs',
      './opt/waybill/worker.mjs',
      './usr/bin/git',
    ]);
    assert.deepEqual(filesOf(join(directory, 'one', 'volumes')), ['']);
    const sizeBytes = files.reduce((sum, path) => sum + lstatSync(join(directory, 'one', 'system', path)).size, 0);
    t.diagnostic(`${files.length} files, ${(sizeBytes / 1024 / 1024).toFixed(1)} MiB before compression`);
    assert.ok(sizeBytes < MAX_BYTES, `${sizeBytes} bytes`);
  });

  it('is the same tree when it is assembled again: names, modes, times and bytes', () => {
    const describeTree = (out: string): string =>
      execFileSync('find', ['.', '-printf', '%m %T@ %s %p\n'], { cwd: join(directory, out), encoding: 'utf8' })
        .split('\n')
        .sort()
        .map((line) => {
          const path = join(directory, out, line.split(' ').slice(3).join(' '));
          // Node may be run and not read, except by root.
          const isText = line !== '' && lstatSync(path).isFile() && !path.endsWith('/node');
          return isText ? `${line} ${fileDigest(path)}` : line;
        })
        .join('\n');
    assert.equal(describeTree('one'), describeTree('two'));
    assert.match(describeTree('one'), /^111 0\.0+ \d+ \.\/system\/opt\/waybill\/node$/m);
  });

  it('is not assembled on a base that is no digest', () => {
    const assemble = (BASE: string, out: string): void => {
      const program = join(import.meta.dirname, '..', '..', 'worker-image', 'assemble-rootfs.ts');
      const env = { PATH: process.env.PATH, BASE };
      execFileSync(process.execPath, [program, join(directory, 'bundles'), join(directory, out)], {
        env,
        stdio: 'pipe',
      });
    };
    assert.throws(() => assemble('node:24-bookworm', 'tagged'), /name an image by its digest/);
    assemble(`node:24-bookworm@${digestOf('')}`, 'pinned');
    rmSync(join(directory, 'pinned'), { recursive: true });
  });

  const wholeAttempt = async (t: TestContext): Promise<Awaited<ReturnType<ContainerBed['run']>> | null> => {
    if (absent !== null) {
      t.skip(`bubblewrap: ${absent}`);
      return null;
    }
    const repository = join(bed.directory, `repository-${Math.random()}`);
    makeRepository(repository, () => writeFileSync(join(repository, 'file'), 'one\n'));
    const pipeline: Block[] = [
      {
        block: 'agent',
        adapter: 'command',
        command: ['sh', '-c', 'cat "$WAYBILL_INPUTS/note" > file; mktemp "$WAYBILL_OUTPUTS/XXXXXX"'],
      },
      { block: 'script', run: 'grep -q two file && git diff --stat', lens: 'gate' },
      { block: 'capture', what: 'patch' },
      { block: 'capture', what: 'outputs' },
    ];
    const spec = { source: await bed.pack(repository), inputs: { note: 'two\n' }, pipeline };
    return await containers.run(spec, { wrapper: { root: root } });
  };

  it('is enough for a whole attempt: source, input, agent, gate, patch and outputs', async (t) => {
    const end = await wholeAttempt(t);
    if (end === null) return;
    assert.deepEqual(
      [end.result?.outcome, end.result?.blocks.length],
      ['succeeded', 4],
      `${end.log}${end.notice.detail}`,
    );
    assert.match(end.outputs.get('patch')?.toString() ?? '', /^-one\n\+two$/m);
    assert.equal(end.outputs.size, 2);
  });

  it('and it is what the wrapper runs in: without its git there is no attempt', async (t) => {
    chmodSync(join(root, 'usr', 'bin'), 0o755);
    rmSync(join(root, 'usr', 'bin', 'git'));
    const end = await wholeAttempt(t);
    if (end !== null) assert.deepEqual([end.result?.outcome, end.result?.reason], ['failed', 'git_unavailable']);
  });
});

function fileDigest(path: string): string {
  return digestOf(readFileSync(path));
}
