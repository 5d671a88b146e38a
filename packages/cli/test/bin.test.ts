import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from './scratch.ts';

const BIN = join(import.meta.dirname, '..', 'bin', 'waybill.js');
/** Makes this Node say that it is an older one, as far as the program can tell. */
const OLDER = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });Object.defineProperty(process, 'execPath', { value: '/usr/bin/node' });`;

function run(bin: string, ...options: string[]): { exit: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...options, bin, 'validate', '/absent'], {
    encoding: 'utf8',
  });
  return { exit: status, out: stdout, err: stderr };
}

test('bin: on an older Node it hands over to the one that is installed beside it, exit code and all', () => {
  const direct = run(BIN);
  assert.deepEqual(run(BIN, '--import', OLDER), direct);
  assert.equal(direct.exit, 4);
  assert.match(direct.err, /FILE_UNREADABLE/);
});

test('bin: where no newer Node is to be found it says what to do', (t) => {
  const alone = join(scratch(t), 'waybill.mjs');
  cpSync(BIN, alone);
  const { exit, err } = run(alone, '--import', OLDER);
  assert.equal(exit, 4);
  assert.match(err, /this is Node 20\.1\.0, Waybill needs Node 24 or later\.\n {2}fix: /);
});

test('bin: what breaks where nobody waits for it is still one line and exit 70', () => {
  const breaks = `data:text/javascript,process.stdout.write = () => { setImmediate(() => { throw new Error('late') }); };`;
  const { status, stderr } = spawnSync(process.execPath, ['--import', breaks, BIN, '--help'], { encoding: 'utf8' });
  assert.equal(status, 70);
  assert.match(stderr, /^error INTERNAL: late .*\n$/);
});
