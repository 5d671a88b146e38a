import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, openSync } from 'node:fs';
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

test('bin: an interrupt before any verb takes it is said, with what becomes of the work, and ends the program', async (t) => {
  const pipe = join(scratch(t), 'spec.yaml');
  execFileSync('mkfifo', [pipe]);
  // as one of a shell: it has a writer, who never writes
  const endless = openSync(pipe, 'r+');
  t.after(() => closeSync(endless));
  const atOnce = `data:text/javascript,process.on('newListener', (name) => { if (name === 'SIGINT') process.nextTick(() => process.kill(process.pid, 'SIGINT')); });`;
  for (const [mode, said] of [
    ['--plain', /^interrupted: what was submitted by then goes on/],
    ['--json', /^\{"interrupted":true,/],
  ] as const) {
    const args = ['--import', atOnce, BIN, 'validate', '/dev/fd/3', mode];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', endless], timeout: 30_000 });
    let err = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    const signal = await new Promise((resolve) => child.once('close', (_exit, by) => resolve(by)));
    assert.equal(signal, 'SIGINT');
    assert.match(err, said);
  }
});

test('bin: what breaks where nobody waits for it is still one line and exit 70', () => {
  const breaks = `data:text/javascript,process.stdout.write = () => { setImmediate(() => { throw new Error('late') }); };`;
  const { status, stderr } = spawnSync(process.execPath, ['--import', breaks, BIN, '--help'], { encoding: 'utf8' });
  assert.equal(status, 70);
  assert.match(stderr, /^error INTERNAL: late .*\n$/);
});

const onFull = !existsSync('/dev/full') && 'needs /dev/full';

test('bin: a standard output that takes nothing more is named, and a standard error changes no exit code', {
  skip: onFull,
}, (t) => {
  const full = openSync('/dev/full', 'w');
  t.after(() => closeSync(full));
  const out = spawnSync(process.execPath, [BIN, '--help'], { encoding: 'utf8', stdio: ['ignore', full, 'pipe'] });
  assert.equal(out.status, 4);
  assert.match(out.stderr, /^error FILE_UNWRITABLE at standard output: .*no room is left/);
  const err = spawnSync(process.execPath, [BIN, 'bogus'], { stdio: ['ignore', 'pipe', full] });
  assert.equal(err.status, 4);
});

test('bin: in a directory that was removed it says so', (t) => {
  const script = `mkdir gone && cd gone && rmdir ../gone && exec "$0" "$1" runs --plain`;
  const options = { cwd: scratch(t), encoding: 'utf8' } as const;
  const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, BIN], options);
  assert.equal(status, 4);
  assert.match(stderr, /^error USAGE at \.: the current directory is not there any more/);
});
