import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { digestOf } from '@waybill/verify';
import { commit, gitIn, repository, tempDir } from '../test/git-sample.ts';
import { type GitSource, type PackedSource, packSource } from './pack-source.ts';

interface Bench {
  root: string;
  repo: string;
  pack: (source?: GitSource) => Promise<PackedSource>;
}

function bench(context: TestContext): Bench {
  const root = tempDir(context);
  const place = { baseDir: root, workDir: join(root, 'work') };
  return { root, repo: join(root, 'repo'), pack: (source = { url: 'repo' }) => packSource(source, place) };
}

/** As the format's description says, step by step. */
function unpack(packed: PackedSource, directory: string): string {
  mkdirSync(directory);
  const format = packed.commit.length === 64 ? 'sha256' : 'sha1';
  gitIn(directory, 'init', '--quiet', `--object-format=${format}`);
  writeFileSync(join(directory, '.git', 'shallow'), `${packed.commit}\n`);
  execFileSync('git', ['index-pack', '--stdin', '--strict'], {
    cwd: directory,
    input: readFileSync(packed.path),
    stdio: 'pipe',
  });
  gitIn(directory, 'checkout', '--quiet', '--detach', packed.commit);
  return directory;
}

const rejectsWith = (work: Promise<unknown>, code: string, path?: string): Promise<void> =>
  assert.rejects(work, (error: { code: string; path: string; fix: string }) => {
    assert.equal(error.code, code);
    if (path !== undefined) assert.equal(error.path, `spec.source.git.${path}`);
    assert.ok(error.fix.length > 0);
    return true;
  });

test('pack source: the bundle unpacks to exactly the tree of its one commit', async (context) => {
  const { root, repo, pack } = bench(context);
  const latin1 = Uint8Array.of(0x67, 0x72, 0xfc, 0x6e, 0x0a);
  const binary = Uint8Array.from({ length: 100_000 }, (_, n) => (n * 7919) % 256);
  repository(repo, { 'gone.txt': 'old', 'a.txt': 'one\n' });
  writeFileSync(join(repo, 'run.sh'), '#!/bin/sh\n');
  chmodSync(join(repo, 'run.sh'), 0o755);
  symlinkSync('a.txt', join(repo, 'link'));
  gitIn(repo, 'rm', '--quiet', 'gone.txt');
  const head = commit(repo, { 'sub/latin1.txt': latin1, 'bin.dat': binary, 'crlf.txt': 'a\r\nb\r\n' }, 'second');
  const packed = await pack();
  assert.equal(packed.commit, head);
  assert.equal(packed.bundle, digestOf(readFileSync(packed.path)));
  assert.equal(packed.sizeBytes, readFileSync(packed.path).length);
  const out = unpack(packed, join(root, 'out'));
  assert.equal(gitIn(out, 'rev-parse', 'HEAD^{tree}'), gitIn(repo, 'rev-parse', 'HEAD^{tree}'));
  assert.equal(gitIn(out, 'status', '--porcelain'), '');
  assert.deepEqual(readFileSync(join(out, 'bin.dat')), Buffer.from(binary));
  assert.equal(gitIn(out, 'rev-list', '--count', 'HEAD'), '1');
  assert.equal(existsSync(join(out, 'gone.txt')), false);
  assert.deepEqual(readdirSync(join(root, 'work')), [packed.bundle.slice('sha256:'.length)]);
});

test('pack source: the same commit gives the same bytes, loose or packed', async (context) => {
  const { repo, pack } = bench(context);
  repository(repo, { 'a.txt': 'a\n'.repeat(5_000), 'b.txt': `${'a\n'.repeat(5_000)}b` });
  const first = await pack();
  gitIn(repo, '-c', 'core.compression=1', 'repack', '-a', '-d', '-F', '-q');
  const second = await pack({ url: `file://${repo}`, ref: 'refs/heads/main' });
  assert.equal(second.bundle, first.bundle);
});

test('pack source: branches, tags, short forms and whole ids are resolved', async (context) => {
  const { repo, pack } = bench(context);
  const first = repository(repo, { a: '1' });
  gitIn(repo, 'tag', '-a', 'v1', '-m', 'one');
  gitIn(repo, 'branch', 'old');
  const second = commit(repo, { a: '2' }, 'second');
  for (const [ref, expected] of Object.entries({
    v1: first,
    old: first,
    main: second,
    'HEAD~1': first,
    [first]: first,
  })) {
    assert.equal((await pack({ url: 'repo', ref })).commit, expected, ref);
  }
});

test('pack source: a SHA-256 repository packs and unpacks', async (context) => {
  const { root, repo, pack } = bench(context);
  const head = repository(repo, { a: '1' }, 'sha256');
  const packed = await pack();
  assert.equal(packed.commit, head);
  assert.equal(head.length, 64);
  assert.equal(readFileSync(join(unpack(packed, join(root, 'out')), 'a'), 'utf8'), '1');
});

test('pack source: a bare repository and one without a branch checked out pack as well', async (context) => {
  const { root, repo, pack } = bench(context);
  const head = repository(repo, { a: '1' });
  gitIn(root, 'clone', '--quiet', '--bare', 'repo', 'bare.git');
  gitIn(repo, 'checkout', '--quiet', '--detach');
  assert.equal((await pack({ url: './bare.git' })).commit, head);
  assert.equal((await pack()).commit, head);
});

test('pack source: what is not committed does not travel', async (context) => {
  const { root, repo, pack } = bench(context);
  repository(repo, { a: 'committed' });
  writeFileSync(join(repo, 'a'), 'changed');
  writeFileSync(join(repo, 'b'), 'new');
  const out = unpack(await pack(), join(root, 'out'));
  assert.equal(readFileSync(join(out, 'a'), 'utf8'), 'committed');
  assert.equal(existsSync(join(out, 'b')), false);
});

test('pack source: submodules are named and stay without content', async (context) => {
  const { root, repo, pack } = bench(context);
  const head = repository(repo, { a: '1' });
  gitIn(repo, 'update-index', '--add', '--cacheinfo', `160000,${head},vendor/lib`);
  gitIn(repo, 'commit', '--quiet', '-m', 'submodule');
  const packed = await pack();
  assert.deepEqual(packed.submodules, ['vendor/lib']);
  assert.deepEqual(readdirSync(join(unpack(packed, join(root, 'out')), 'vendor', 'lib')), []);
});

test('pack source: a pointer of a large file stays a pointer, filters do not run', async (context) => {
  const { root, repo, pack } = bench(context);
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 5\n`;
  repository(repo, { 'big.bin': pointer, '.gitattributes': '*.bin filter=lfs' });
  gitIn(repo, 'config', 'filter.lfs.smudge', `touch ${join(root, 'ran')}`);
  assert.equal(readFileSync(join(unpack(await pack(), join(root, 'out')), 'big.bin'), 'utf8'), pointer);
  assert.equal(existsSync(join(root, 'ran')), false);
});

test('pack source: nothing that a repository configures is run', async (context) => {
  const { root, repo, pack } = bench(context);
  repository(repo, { a: '1' });
  const trap = join(root, 'trap');
  writeFileSync(trap, `#!/bin/sh\ntouch ${join(root, 'ran')}\n`);
  chmodSync(trap, 0o755);
  for (const key of ['core.fsmonitor', 'core.sshCommand', 'core.pager', 'uploadpack.packObjectsHook', 'core.editor']) {
    gitIn(repo, 'config', key, trap);
  }
  gitIn(repo, 'config', 'remote.evil.url', `ext::${trap}`);
  gitIn(repo, 'config', 'remote.evil.promisor', 'true');
  gitIn(repo, 'config', 'remote.evil.uploadpack', trap);
  gitIn(repo, 'config', 'protocol.ext.allow', 'always');
  gitIn(repo, 'config', 'extensions.partialClone', 'evil');
  gitIn(repo, 'config', 'core.repositoryFormatVersion', '1');
  await pack();
  const blob = gitIn(repo, 'rev-parse', 'HEAD:a');
  writeFileSync(join(repo, '.git', 'hooks', 'post-checkout'), `#!/bin/sh\n${trap}\n`, { mode: 0o755 });
  execFileSync('rm', ['-f', join(repo, '.git', 'objects', blob.slice(0, 2), blob.slice(2))]);
  await rejectsWith(pack(), 'GIT_FAILED');
  gitIn(repo, 'config', 'remote.evil.url', `file://${repo}`);
  await rejectsWith(pack(), 'GIT_FAILED');
  assert.equal(existsSync(join(root, 'ran')), false);
  gitIn(repo, 'status');
  assert.equal(existsSync(join(root, 'ran')), true, 'the trap works: a git without our settings runs it');
});

test('pack source: a replaced commit does not change what its id means', async (context) => {
  const { root, repo, pack } = bench(context);
  const head = repository(repo, { a: 'real' });
  const other = commit(repo, { a: 'fake' }, 'second');
  gitIn(repo, 'replace', head, other);
  const packed = await pack({ url: 'repo', ref: head });
  assert.equal(readFileSync(join(unpack(packed, join(root, 'out')), 'a'), 'utf8'), 'real');
});

test('pack source: a path below a repository is not taken for the repository', async (context) => {
  const { root, repo, pack } = bench(context);
  repository(repo, { 'sub/a': '1' });
  await rejectsWith(pack({ url: './repo/sub' }), 'SOURCE_UNRESOLVED', 'url');
  await rejectsWith(pack({ url: join(root, 'none') }), 'SOURCE_UNRESOLVED', 'url');
  await rejectsWith(pack({ url: './repo/sub/a' }), 'SOURCE_UNRESOLVED', 'url');
});

test('pack source: unknown refs, empty repositories and refused urls are told apart', async (context) => {
  const { root, repo, pack } = bench(context);
  repository(repo, { a: '1' });
  mkdirSync(join(root, 'empty'));
  gitIn(join(root, 'empty'), 'init', '--quiet');
  await rejectsWith(pack({ url: 'repo', ref: 'nope' }), 'SOURCE_UNRESOLVED', 'ref');
  await rejectsWith(pack({ url: 'repo', ref: 'c'.repeat(40) }), 'SOURCE_UNRESOLVED', 'ref');
  await rejectsWith(pack({ url: './empty' }), 'SOURCE_UNRESOLVED', 'ref');
  await rejectsWith(pack({ url: 'repo', ref: '--all' }), 'SOURCE_INVALID', 'ref');
  await rejectsWith(pack({ url: 'ext::sh -c id' }), 'SOURCE_INVALID', 'url');
  await rejectsWith(pack({ url: 'https://u:p@localhost/x' }), 'SPEC_CREDENTIAL', 'url');
  assert.deepEqual(readdirSync(join(root, 'work')), []);
});

test('pack source: a source over the limit is refused and leaves nothing behind', async (context) => {
  const { root, repo } = bench(context);
  repository(repo, { a: Uint8Array.from({ length: 50_000 }, (_, n) => (n * n) % 251) });
  const place = { baseDir: root, workDir: join(root, 'work') };
  const { sizeBytes } = await packSource({ url: 'repo' }, { ...place, workDir: join(root, 'other') });
  await packSource({ url: 'repo' }, { ...place, maxBytes: sizeBytes, workDir: join(root, 'other') });
  await rejectsWith(packSource({ url: 'repo' }, { ...place, maxBytes: sizeBytes - 1 }), 'SPEC_LIMIT', 'url');
  assert.deepEqual(readdirSync(join(root, 'work')), []);
});

test('pack source: a tree that could not be unpacked safely is refused here', async (context) => {
  const { repo, pack } = bench(context);
  repository(repo, { a: '1' });
  const blob = gitIn(repo, 'rev-parse', 'HEAD:a');
  const entry = Buffer.concat([Buffer.from('100644 .git\0'), Buffer.from(blob, 'hex')]);
  const tree = execFileSync('git', ['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], {
    cwd: repo,
    input: entry,
    encoding: 'utf8',
  }).trim();
  const evil = gitIn(repo, 'commit-tree', '-m', 'evil', tree);
  await rejectsWith(pack({ url: 'repo', ref: evil }), 'SOURCE_INVALID', 'url');
});

test('pack source: a missing git is named', async (context) => {
  const { repo, pack } = bench(context);
  repository(repo, { a: '1' });
  const path = process.env.PATH;
  process.env.PATH = '/nonexistent';
  try {
    await rejectsWith(pack(), 'GIT_UNAVAILABLE');
  } finally {
    process.env.PATH = path;
  }
});
