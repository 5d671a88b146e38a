import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
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

test('replaced file: a link that leads to nothing makes what it leads to, and what is said behind it on the same output stays', (t) => {
  const directory = scratch(t);
  const [link, output] = [join(directory, 'link'), join(directory, 'output')];
  symlinkSync('made', link);
  replaceFile('it', link, 'new');
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.equal(readFileSync(join(directory, 'made'), 'utf8'), 'new');
  const module = JSON.stringify(join(import.meta.dirname, 'replaced-file.ts'));
  const program = `import { replaceFile } from ${module}; replaceFile('it', '/dev/stdout', 'saved'); console.log(' and said');`;
  const file = openSync(output, 'a');
  spawnSync(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', file, 'inherit'] });
  closeSync(file);
  assert.equal(readFileSync(output, 'utf8'), 'saved and said\n');
});

const IS_ROOT = process.geteuid?.() === 0;

test("replaced file: that of another stays the other's", { skip: IS_ROOT ? false : 'the control needs root' }, (t) => {
  const file = join(scratch(t), 'file');
  writeFileSync(file, 'old');
  chownSync(file, 1234, 2345);
  replaceFile('it', file, 'new');
  const { uid, gid } = statSync(file);
  assert.deepEqual([readFileSync(file, 'utf8'), uid, gid], ['new', 1234, 2345]);
});

test('replaced file: one beside which there can be none is written to as it stands', (t) => {
  const directory = scratch(t);
  const file = join(directory, 'file');
  writeFileSync(file, 'old');
  // Nothing keeps root from making a file anywhere.
  if (IS_ROOT) for (const path of [file, directory]) chownSync(path, 1234, 2345);
  chmodSync(directory, 0o555);
  if (IS_ROOT) process.seteuid?.(1234);
  try {
    replaceFile('it', file, 'new');
  } finally {
    if (IS_ROOT) process.seteuid?.(0);
    chmodSync(directory, 0o700);
  }
  assert.equal(readFileSync(file, 'utf8'), 'new');
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
