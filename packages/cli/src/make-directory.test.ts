import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../test/scratch.ts';
import { makeDirectory } from './make-directory.ts';

test('make directory: what is missing of a path is made, and what is there stays', (t) => {
  const root = scratch(t);
  makeDirectory(join(root, 'a', 'b', 'c'));
  makeDirectory(join(root, 'a', 'b', 'c'));
  assert.ok(existsSync(join(root, 'a', 'b', 'c')));
});

test('make directory: a path that is something else, or leads through it, is refused', (t) => {
  const root = scratch(t);
  writeFileSync(join(root, 'file'), '');
  symlinkSync(join(root, 'nowhere'), join(root, 'dangling'));
  for (const path of ['file', 'file/below', 'dangling', 'dangling/below']) {
    assert.throws(() => makeDirectory(join(root, path)), { code: /ENOTDIR|ENOENT/ }, path);
  }
  assert.equal(existsSync(join(root, 'nowhere')), false);
});

/** In a process of its own, since what does not end here could not be ended from within. */
function endsBelowProc(call: string): boolean {
  const program = `import { mkdirSync } from 'node:fs'; import { makeDirectory } from './make-directory.ts'; ${call}`;
  const options = { cwd: import.meta.dirname, timeout: 5_000 };
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], options).signal === null;
}

const isLinux = existsSync('/proc/self');

test('make directory: below /proc it ends with an error', { skip: !isLinux && 'needs /proc' }, () => {
  assert.ok(endsBelowProc("makeDirectory('/proc/waybill/x')"));
  assert.throws(() => makeDirectory('/proc/waybill/x'), { code: 'ENOENT' });
});
