import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ROOT } from '../architecture/repository-files.ts';
import { asTyped, copyRepository, fencedCommands, MAPPED, runCommand, strayFences } from './readme-commands.ts';

const readmePath = join(ROOT, 'README.md');
const readme = existsSync(readmePath) ? readFileSync(readmePath, 'utf8') : '';

describe('README', () => {
  let copy = '';

  before(() => {
    copy = copyRepository(ROOT);
  });

  after(() => {
    rmSync(copy, { recursive: true, force: true });
  });

  test('README: it shows commands, all of them in fences that this test reads', () => {
    assert.ok(fencedCommands(readme).length >= 2, 'the two commands that do everything are missing');
    assert.deepEqual(strayFences(readme), []);
  });

  for (const command of fencedCommands(readme)) {
    test(`README: \`${command}\` works in a fresh copy`, async () => {
      const { exit, output } = await runCommand(copy, command);
      assert.equal(exit, 0, output);
    });
  }
});

test('README: a command that fails is noticed, also when only the first half of a pipe does', async () => {
  assert.equal((await runCommand(tmpdir(), 'echo fine')).exit, 0);
  const { exit, output } = await runCommand(tmpdir(), 'echo seen; exit 3');
  assert.deepEqual([exit, output], [3, 'seen\n']);
  assert.notEqual((await runCommand(tmpdir(), 'false | cat')).exit, 0);
  assert.notEqual((await runCommand(tmpdir(), 'no-such-command-at-all')).exit, 0);
});

test('README: commands are read from sh fences, joined and without comments', () => {
  const text =
    'Text `x`.\n```sh\n# first\nnpm ci   # installs\nwaybill run \\\n  a.yaml\n```\n```json\n{}\n```\n```sh\nls\n```\n';
  assert.deepEqual(fencedCommands(text), ['npm ci', 'waybill run a.yaml', 'ls']);
  assert.deepEqual(strayFences('```bash\nls\n```\n'), ['```bash']);
});

test('README: only the listed commands are typed otherwise, and never into nothing that a reader needs', () => {
  assert.equal(asTyped('npm test'), 'npm test -- --list');
  assert.equal(asTyped('npm run check'), 'npm run check -- --list');
  assert.equal(asTyped('npm install && npm test'), 'npm ls --package-lock-only && npm test -- --list');
  assert.equal(asTyped('npm start'), 'npm start');
  assert.equal(asTyped('npm test -- unit'), 'npm test -- unit');
  for (const { why } of MAPPED) assert.notEqual(why, '');
});
