import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readSpec } from '@waybill/client';
import { ROOT } from '../architecture/repository-files.ts';
import {
  asTyped,
  copyRepository,
  fencedCommands,
  inOneShell,
  MAPPED,
  ON_PATH,
  runCommand,
  strayFences,
} from './readme-commands.ts';

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
    assert.ok(fencedCommands(readme).includes(ON_PATH), 'the guides stand on it');
  });

  for (const { command, typed } of inOneShell(fencedCommands(readme))) {
    test(`README: \`${command}\` works in a fresh copy`, async () => {
      const { exit, output } = await runCommand(copy, typed);
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

test('README: a command is typed after the exports before it, and after nothing else', () => {
  assert.deepEqual(
    inOneShell(['export A=1', 'ls', 'export B=2', 'cat']).map(({ typed }) => typed),
    ['export A=1', 'export A=1\nls', 'export A=1\nexport B=2', 'export A=1\nexport B=2\ncat'],
  );
});

const NUMBERS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];

test('README: it counts the items of the example as they are', async () => {
  const folder = join(ROOT, 'examples', 'headline');
  const { run } = await readSpec(readFileSync(join(folder, 'waybill.yaml')), folder);
  const { items } = run.spec;
  const count = (is: (item: (typeof items)[number]) => boolean): string => NUMBERS[items.filter(is).length] ?? '';
  const patching = count(
    ({ pipeline }) => pipeline?.some((block) => block.block === 'capture' && block.what === 'patch') ?? false,
  );
  const said = readme.replaceAll(/\s+/g, ' ');
  for (const claim of [
    `of ${count(() => true)} items`,
    `${patching} items change the repository side by side, ${count(({ locks }) => locks !== undefined)} of them`,
    `${count(({ retry }) => retry !== undefined)} fails at first`,
    `gets all ${count(({ id }) => items.some((item) => item.id === 'verify' && Object.values(item.needs ?? {}).some(({ from }) => from === id)))} patches`,
  ])
    assert.ok(said.includes(claim), claim);
});
