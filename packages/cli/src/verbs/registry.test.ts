import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { call, scratch } from '../../test/scratch.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

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
  const outside = await call(['registry', 'show', 'capability', '../../lint', '--dir', dir]);
  assert.deepEqual([outside.exit, JSON.parse(outside.err).error.path], [2, 'name']);
});

test('sync: what is refused is told with its fix, and the exit code says so', async (t) => {
  const { root, dir } = capability(t);
  writeFileSync(join(root, 'values', 'leak.yaml'), `TOKEN: ghp_${'a'.repeat(36)}\n`);
  const { exit, out } = await call(['sync', root, '--plain', '--dir', dir]);
  assert.equal(exit, 2);
  assert.match(out, /new +capability lint/);
  assert.match(out, /refused +values .*leak\.yaml/);
  assert.match(out, /SPEC_CREDENTIAL at .*leak\.yaml:1:1 TOKEN[\s\S]*fix: /);
  assert.doesNotMatch(out, /ghp_/);
});

test('sync: whatever is refused is told in one shape, with the file that it is about', async (t) => {
  const { root, dir } = capability(t);
  mkdirSync(join(root, 'capabilities', 'Upper'));
  writeFileSync(join(root, 'capabilities', 'none'), '');
  writeFileSync(join(root, 'capabilities', 'lint', 'settings.json'), '{');
  writeFileSync(join(root, 'packs'), '');
  writeFileSync(join(root, 'values', 'leak.yaml'), `TOKEN: ghp_${'a'.repeat(36)}\n`);
  const { exit, out, err } = await call(['sync', root, '--dir', dir]);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual([exit, err], [4, '']);
  assert.deepEqual(
    lines.map(({ refusals: [{ code, path, file }] }) => [code, path, file.slice(root.length + 1)]),
    [
      ['FILE_UNREADABLE', 'document', 'packs'],
      ['KEY_INVALID', 'name', 'capabilities/Upper'],
      ['SPEC_INVALID', 'document', 'capabilities/lint/settings.json'],
      ['FILE_UNREADABLE', 'document', 'capabilities/none'],
      ['SPEC_CREDENTIAL', 'TOKEN', 'values/leak.yaml'],
    ],
  );
  const known = new Set(['code', 'path', 'problem', 'fix', 'file', 'line', 'column']);
  const keys = lines.flatMap(({ refusals }) => refusals.flatMap(Object.keys));
  assert.deepEqual(
    keys.filter((key) => !known.has(key)),
    [],
  );
});

test('register: what is wrong with values or with a file of a capability is told with the file', async (t) => {
  const { root, dir } = capability(t);
  const [values, settings] = [join(root, 'values', 'x.yaml'), join(root, 'capabilities', 'lint', 'settings.json')];
  for (const [text, place] of [
    ['a: [', /SPEC_SYNTAX at .*x\.yaml:1:5: /],
    ['', /SPEC_INVALID at .*x\.yaml: null stands/],
    ['A: b\nB: 1\n', /SPEC_INVALID at .*x\.yaml:2:1 B: 1 stands/],
  ] as const) {
    writeFileSync(values, text);
    assert.match((await call(['register', 'values', values, '--plain', '--dir', dir])).err, place);
  }
  writeFileSync(settings, '{');
  const { err } = await call(['register', 'capability', join(root, 'capabilities', 'lint'), '--plain', '--dir', dir]);
  assert.match(err, /SPEC_INVALID at .*lint\/settings\.json: settings cannot be read/);
});

test('register: a pack is refused with the lines of what is wrong with it', async (t) => {
  const { root, dir } = capability(t);
  const pack = join(root, 'packs', 'mine');
  mkdirSync(pack, { recursive: true });
  writeFileSync(join(pack, 'readme.md'), 'no pack');
  const none = await call(['register', 'pack', pack, '--dir', dir]);
  assert.match(none.err, /FILE_UNREADABLE.*pack\.yaml/);
  writeFileSync(join(pack, 'pack.yaml'), 'apiVersion: waybill/v1\nkind: Pack\nodd: 1\nmetadata: { name: mine }\n');
  const { exit, err } = await call(['register', 'pack', pack, '--dir', dir]);
  assert.equal(exit, 2);
  const told = err
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).error);
  assert.ok(told.length > 1);
  assert.deepEqual([told[0].file, told[0].line], [join(pack, 'pack.yaml'), 3]);
  const synced = await call(['sync', root, '--plain', '--dir', dir]);
  assert.match(synced.out, /refused +pack .*mine\n[\s\S]*pack\.yaml:3:1 odd/);
});

test('registry: bytes that are lost are told by list and show, with their history, and are put back by registering', async (t) => {
  const { root, dir } = capability(t);
  const folder = join(root, 'capabilities', 'lint');
  const registered = async (): Promise<{ how: string; sha256: string }> =>
    JSON.parse((await call(['register', 'capability', folder, '--dir', dir])).out);
  const first = await registered();
  writeFileSync(join(folder, 'more.sh'), 'true\n');
  const second = await registered();
  for (const { sha256 } of [first, second]) rmSync(join(dir, 'registry', 'sha256', sha256.slice(7)));
  const list = await call(['registry', 'list', '--dir', dir]);
  assert.deepEqual([list.exit, list.out], [4, '']);
  const { error } = JSON.parse(list.err);
  assert.deepEqual([error.code, error.path], ['OBJECT_MISSING', 'capability/lint']);
  assert.match(error.fix, /waybill register capability <path> --name lint/);
  const shown = await call(['registry', 'show', 'capability', 'lint', '--dir', dir]);
  const { holds, history } = JSON.parse(shown.out);
  assert.deepEqual([shown.exit, holds], [4, null]);
  assert.deepEqual(
    history.map((one: { fault?: string }) => one.fault),
    ['OBJECT_MISSING', 'OBJECT_MISSING'],
  );
  assert.equal((await registered()).how, 'restored');
  const plain = await call(['registry', 'show', 'capability', 'lint', '--plain', '--dir', dir]);
  assert.equal(plain.exit, 0);
  assert.match(plain.out, /^number 1 .* lost$/m);
  assert.match(plain.out, /^number 2 .* by uid-\d+$/m);
  assert.equal((await call(['registry', 'list', '--dir', dir])).exit, 0);
});

test('validate: names of the registry are looked up where one is there, and it is said where none is', async (t) => {
  const { root, dir } = capability(t);
  const file = join(root, 'waybill.yaml');
  const items = [
    { id: 'a', capabilities: ['lint'], pipeline: [{ block: 'script', run: 'true' }] },
    { id: 'b', values: ['staging'], pipeline: [{ block: 'script', run: 'true' }] },
  ];
  const written = { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'r' }, spec: { items } };
  writeFileSync(file, JSON.stringify(written));
  const validate = () => call(['validate', file, '--dir', dir]);
  const unseen = await validate();
  assert.equal(unseen.exit, 0, unseen.err);
  const { ok, warnings } = JSON.parse(unseen.out);
  assert.equal(ok, true);
  assert.deepEqual(
    warnings.map(({ path, line, problem }: { path: string; line: number; problem: string }) => [path, line, problem]),
    [
      [
        'spec.items[0].capabilities',
        1,
        `nobody looked up whether capability "lint" is registered: ${dir}: there is no such directory`,
      ],
      [
        'spec.items[1].values',
        1,
        `nobody looked up whether values "staging" is registered: ${dir}: there is no such directory`,
      ],
    ],
  );
  assert.ok(!existsSync(dir));
  // Nor where nobody has named a directory, and the usual one is not there.
  const { WAYBILL_HOME: _home, ...env } = process.env;
  const usual = spawnSync(process.execPath, [MAIN, 'validate', 'waybill.yaml'], { cwd: root, env, encoding: 'utf8' });
  assert.deepEqual([usual.status, JSON.parse(usual.stdout).warnings.length], [0, 2], usual.stderr);
  await call(['register', 'capability', join(root, 'capabilities', 'lint'), '--dir', dir]);
  const refused = await validate();
  assert.equal(refused.exit, 2);
  const { error } = JSON.parse(refused.err);
  assert.deepEqual([error.code, error.path, error.file], ['SPEC_UNKNOWN_REFERENCE', 'spec.items[1].values', file]);
  writeFileSync(join(root, 'values', 'staging.yaml'), 'A: b\n');
  await call(['sync', root, '--dir', dir]);
  assert.deepEqual(JSON.parse((await validate()).out).warnings, undefined);
  const extension = {
    apiVersion: 'waybill/v1',
    kind: 'Extension',
    spec: { items: [{ ...items[0], capabilities: ['x'] }] },
  };
  writeFileSync(file, JSON.stringify(extension));
  assert.match((await validate()).err, /SPEC_UNKNOWN_REFERENCE/);
  writeFileSync(file, JSON.stringify({ ...written, spec: { items: [{ id: 'a', uses: 'mine/look' }] } }));
  assert.match((await validate()).err, /there is no pack/);
  const nowhere = await call(['validate', file, '--dir', join(root, 'none')]);
  assert.match(nowhere.err, /nobody could look up what is registered: there is no such directory/);
});
