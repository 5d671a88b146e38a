import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gitIn, repository, tempDir } from '../test/git-sample.ts';
import { git, lastLine, runGit } from './git.ts';

test('git: no transport but the one that was named is used, whatever the repository allows', async (context) => {
  const root = tempDir(context);
  const repo = join(root, 'repo');
  repository(repo, { a: '1' });
  for (const transport of ['ext', 'file']) gitIn(repo, 'config', `protocol.${transport}.allow`, 'always');
  for (const network of ['none', 'https'] as const) {
    for (const url of [
      `file://${repo}`,
      `ext::touch ${join(root, 'ran')}`,
      'http://localhost:1/x',
      'ssh://localhost:1/x',
    ]) {
      const { exit, stderr } = await runGit({ cwd: repo, network, args: ['ls-remote', '--end-of-options', url] });
      assert.notEqual(exit, 0);
      assert.match(stderr, /transport '\w+' not allowed/, url);
    }
  }
  assert.match(
    (await runGit({ cwd: repo, network: 'none', args: ['ls-remote', 'https://localhost:1/x'] })).stderr,
    /not allowed/,
  );
  assert.equal(existsSync(join(root, 'ran')), false);
  gitIn(repo, 'ls-remote', `file://${repo}`);
});

test('git: the settings of the user and of the environment are not there', async (context) => {
  const root = tempDir(context);
  repository(root, { a: '1' });
  process.env.GIT_DIR = '/nonexistent';
  process.env.GIT_CONFIG_COUNT = '1';
  process.env.GIT_CONFIG_KEY_0 = 'user.secret';
  process.env.GIT_CONFIG_VALUE_0 = 'x';
  context.after(() => {
    for (const name of ['GIT_DIR', 'GIT_CONFIG_COUNT', 'GIT_CONFIG_KEY_0', 'GIT_CONFIG_VALUE_0'])
      delete process.env[name];
  });
  const listed = await git({ cwd: root, network: 'none', args: ['config', '--list', '--show-scope'] });
  assert.doesNotMatch(listed, /^(?:system|global)\t|user\.secret/m);
  assert.match(listed, /^local\t/m);
});

test('git: a call that takes too long is stopped', async (context) => {
  const call = {
    cwd: tempDir(context),
    network: 'none',
    args: ['-c', 'alias.wait=!sleep 5', 'wait'],
    timeoutMs: 100,
  } as const;
  const before = performance.now();
  await assert.rejects(runGit(call), { code: 'GIT_FAILED' });
  assert.ok(performance.now() - before < 4_000);
});

test('git: what another host said is told in one line without control characters', () => {
  assert.equal(lastLine('one\nremote: \u001b[31mred\u0007\n'), 'remote:  [31mred ');
  assert.equal(lastLine('x'.repeat(1_000)).length, 300);
});
