import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { call, scratch } from '../../test/scratch.ts';

function capability(t: TestContext): { root: string; dir: string } {
  const root = scratch(t);
  mkdirSync(join(root, 'capabilities', 'lint'), { recursive: true });
  mkdirSync(join(root, 'values'));
  writeFileSync(join(root, 'capabilities', 'lint', 'setup.sh'), 'true\n');
  return { root, dir: join(root, 'state') };
}

test('register, registry: what was registered is listed and shown, and no engine is needed for it', async (t) => {
  const { root, dir } = capability(t);
  const folder = join(root, 'capabilities', 'lint');
  const registered = await call(['register', 'capability', folder, '--dir', dir]);
  assert.equal(registered.exit, 0, registered.err);
  assert.equal(JSON.parse(registered.out).how, 'new');
  assert.ok(existsSync(join(dir, '.gitignore')));
  assert.match((await call(['register', 'capability', folder, '--plain', '--dir', dir])).out, /^same +capability lint/);
  assert.match((await call(['registry', 'list', '--plain', '--dir', dir])).out, /capability +lint +/);
  const shown = JSON.parse((await call(['registry', 'show', 'capability', 'lint', '--dir', dir])).out);
  assert.deepEqual([shown.number, shown.holds], [1, ['setup.sh']]);
  assert.equal((await call(['registry', 'show', 'pack', 'lint', '--dir', dir])).exit, 4);
  assert.equal((await call(['register', 'tool', folder, '--dir', dir])).exit, 4);
});

test('sync: what is refused is told with its fix, and the exit code says so', async (t) => {
  const { root, dir } = capability(t);
  writeFileSync(join(root, 'values', 'leak.yaml'), `TOKEN: ghp_${'a'.repeat(36)}\n`);
  const { exit, out } = await call(['sync', root, '--plain', '--dir', dir]);
  assert.equal(exit, 2);
  assert.match(out, /new +capability lint/);
  assert.match(out, /refused +values .*leak\.yaml/);
  assert.match(out, /SPEC_CREDENTIAL at TOKEN[\s\S]*fix: /);
  assert.doesNotMatch(out, /ghp_/);
});
