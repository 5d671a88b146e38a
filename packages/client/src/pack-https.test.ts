import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { commit, gitIn, repository, tempDir } from '../test/git-sample.ts';
import { OPENSSL, serveGit } from '../test/https-git.ts';
import { type PackedSource, packSource } from './pack-source.ts';

const skip =
  canRun(OPENSSL, 'version') && canRun('git', 'http-backend', '-h') ? false : 'needs openssl and git http-backend';

/** That it starts, whatever it says. */
function canRun(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

async function served(
  context: TestContext,
): Promise<{ root: string; repo: string; pack: (ref?: string) => Promise<PackedSource> }> {
  const root = tempDir(context);
  const { url, certificate } = await serveGit(context, root);
  process.env.GIT_SSL_CAINFO = certificate;
  context.after(() => delete process.env.GIT_SSL_CAINFO);
  const place = { baseDir: root, workDir: join(root, 'work') };
  const pack = (ref?: string): Promise<PackedSource> =>
    packSource({ url: `${url}/repo/.git`, ...(ref === undefined ? {} : { ref }) }, place);
  return { root, repo: join(root, 'repo'), pack };
}

test('pack over https: HEAD, branches, tags and whole ids give what the local repository gives', {
  skip,
}, async (context) => {
  const { root, repo, pack } = await served(context);
  const first = repository(repo, { a: '1' });
  gitIn(repo, 'tag', '-a', 'v1', '-m', 'one');
  const second = commit(repo, { a: '2' }, 'second');
  gitIn(repo, 'branch', 'other', first);
  const local = await packSource({ url: repo }, { baseDir: root, workDir: join(root, 'local') });
  assert.equal((await pack()).bundle, local.bundle);
  assert.equal((await pack('v1')).commit, first);
  assert.equal((await pack('other')).commit, first);
  assert.equal((await pack(second)).commit, second);
});

test('pack over https: a SHA-256 repository is fetched as one', { skip }, async (context) => {
  const { repo, pack } = await served(context);
  const head = repository(repo, { a: '1' }, 'sha256');
  assert.equal((await pack()).commit, head);
});

test('pack over https: an unknown ref is final, a host that does not answer may be tried again', {
  skip,
}, async (context) => {
  const { root, repo, pack } = await served(context);
  repository(repo, { a: '1' });
  await assert.rejects(pack('nope'), { code: 'SOURCE_UNRESOLVED', path: 'spec.source.git.ref', retryable: false });
  const away = packSource({ url: 'https://localhost:1/repo' }, { baseDir: root, workDir: join(root, 'away') });
  await assert.rejects(away, { code: 'SOURCE_UNRESOLVED', path: 'spec.source.git.url', retryable: true });
});

test('pack over https: a certificate that is not trusted is refused', { skip }, async (context) => {
  const { repo, pack } = await served(context);
  repository(repo, { a: '1' });
  delete process.env.GIT_SSL_CAINFO;
  await assert.rejects(pack(), { code: 'SOURCE_UNRESOLVED' });
});
