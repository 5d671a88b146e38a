import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { UsageError } from './mode.ts';
import { replaceFile } from './replaced-file.ts';

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-replaced-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('replaced file: a link leads to it as before, it is open to nobody else, and devices take all', (t) => {
  const directory = scratch(t);
  const [file, link, fresh] = ['file', 'link', 'fresh'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(file, 'old');
  chmodSync(file, 0o640);
  symlinkSync('file', link);
  replaceFile('it', link, 'new', 0o600);
  assert.deepEqual([readFileSync(file, 'utf8'), statSync(file).mode & 0o777], ['new', 0o640]);
  assert.ok(lstatSync(link).isSymbolicLink());
  replaceFile('it', fresh, 'new', 0o600);
  assert.equal(statSync(fresh).mode & 0o777, 0o600);
  replaceFile('it', '/dev/null', 'new');
  assert.ok(lstatSync('/dev/null').isCharacterDevice());
  assert.deepEqual(readdirSync(directory).sort(), ['file', 'fresh', 'link']);
});

test('replaced file: what stands in the way is said, and nothing is left', (t) => {
  const directory = scratch(t);
  mkdirSync(join(directory, 'folder'));
  for (const [path, problem] of [
    ['none/file', /--x .*none\/file: there is no such file or directory$/],
    ['folder', /--x .*folder: it is a directory$/],
  ] as const)
    assert.throws(
      () => replaceFile('--x', join(directory, path), 'new'),
      (error) => error instanceof UsageError && problem.test(error.message),
    );
  assert.deepEqual(readdirSync(directory), ['folder']);
});
