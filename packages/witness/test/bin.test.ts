import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SampleLog } from '../../../test/support/sample-log.ts';

const BIN = join(import.meta.dirname, '..', 'bin', 'waybill-witness.js');
const ROOM = mkdtempSync(join(tmpdir(), 'waybill-witness-'));
after(() => rmSync(ROOM, { recursive: true }));

const LOG = new SampleLog().grow(5);

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8', timeout: 30_000 });
  return { status, stdout, stderr };
}

interface Serving {
  child: ChildProcess;
  url: string;
  vkey: string;
}

/** Resolves with what the witness prints when it is ready. */
async function serve(...args: string[]): Promise<Serving> {
  const child = spawn(process.execPath, [BIN, ...args, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  const { message, url, vkey } = JSON.parse(String(chunk)) as { message: string; url: string; vkey: string };
  assert.equal(message, 'ready');
  return { child, url, vkey };
}

async function stop({ child }: Serving): Promise<number | null> {
  child.kill('SIGTERM');
  const [exit] = await once(child, 'exit');
  return exit as number | null;
}

test('waybill-witness: makes its key once, for its owner only, and keeps it', async () => {
  const state = join(ROOM, 'first');
  const first = await serve('--state', state, '--name', 'w.test/1', '--log', LOG.vkey);
  assert.equal(new URL(first.url).hostname, '127.0.0.1');
  assert.match(first.vkey, /^w\.test\/1\+[0-9a-f]{8}\+B/);
  assert.equal(
    (await fetch(`${first.url}/add-checkpoint`, { method: 'POST', body: await LOG.request(0) })).status,
    200,
  );
  assert.equal(await stop(first), 0);
  assert.equal(statSync(state).mode & 0o077, 0);
  assert.equal(statSync(join(state, 'witness.key')).mode & 0o077, 0);
  assert.deepEqual(
    readdirSync(state).filter((name) => name.endsWith('.new')),
    [],
  );
  const second = await serve('--state', state, '--log', LOG.vkey);
  assert.equal(second.vkey, first.vkey);
  const status = (await (await fetch(second.url)).json()) as { logs: { size: number }[] };
  assert.equal(status.logs[0]?.size, 5);
  assert.equal(await stop(second), 0);
  assert.deepEqual(run('vkey', '--state', state), { status: 0, stdout: `${first.vkey}\n`, stderr: '' });
});

test('waybill-witness: prints the notes that convict a log, each pair on a line', async () => {
  const state = join(ROOM, 'fork');
  const serving = await serve('--state', state, '--name', 'w.test/2', '--log', LOG.vkey);
  const forked = LOG.fork(4).grow(1, 'another');
  for (const body of [await LOG.request(0), await forked.request(5)]) {
    await fetch(`${serving.url}/add-checkpoint`, { method: 'POST', body });
  }
  await stop(serving);
  const { status, stdout } = run('conflicts', '--state', state);
  const { timeSeconds, ...conflict } = JSON.parse(stdout) as Record<string, unknown>;
  assert.ok(Math.abs(Number(timeSeconds) - Date.now() / 1000) < 60);
  const notes = { seen: LOG.checkpoint(), refused: forked.checkpoint() };
  assert.deepEqual([status, conflict], [0, { kind: 'fork', origin: LOG.origin, size: 5, ...notes }]);
});

test('waybill-witness: a state without its key, a key without its state and another name are refused', () => {
  const state = join(ROOM, 'parts');
  assert.equal(run('vkey', '--state', state, '--name', 'w.test/3').status, 0);
  const refusal = (...args: string[]) => {
    const { status, stdout, stderr } = run('vkey', '--state', state, ...args);
    assert.deepEqual([status, stdout], [70, '']);
    assert.match(stderr, /\n {2}fix: .+\n$/);
    return /^waybill-witness: (\w+):/.exec(stderr)?.[1];
  };
  assert.equal(refusal('--name', 'w.test/other'), 'STATE_MISMATCH');
  renameSync(join(state, 'witness.key'), join(ROOM, 'key'));
  assert.equal(refusal(), 'KEY_MISSING');
  renameSync(join(ROOM, 'key'), join(state, 'witness.key'));
  renameSync(join(state, 'witness.sqlite'), join(ROOM, 'sqlite'));
  assert.equal(refusal(), 'STATE_MISSING');
  writeFileSync(join(state, 'witness.sqlite'), '');
  assert.equal(refusal(), 'STATE_MISSING');
  for (const name of readdirSync(state)) if (name !== 'witness.key') rmSync(join(state, name));
  renameSync(join(ROOM, 'sqlite'), join(state, 'witness.sqlite'));
  assert.equal(run('vkey', '--state', state).status, 0);
});

test('waybill-witness: usage is told by exit 4, and help is not an error', () => {
  const { status, stderr } = run('--state', join(ROOM, 'never'));
  assert.deepEqual([status, stderr.split(':')[1]], [4, ' USAGE']);
  const help = run('--help');
  assert.deepEqual([help.status, help.stdout.split('\n')[0]?.slice(0, 22)], [0, 'Usage: waybill-witness']);
});

test('waybill-witness: a state that cannot be one is usage, and a reader that is gone is no error', async () => {
  const file = join(ROOM, 'a-file');
  writeFileSync(file, '');
  const { status, stderr } = run('vkey', '--state', file, '--name', 'w.test');
  assert.equal(status, 4);
  assert.match(stderr, /USAGE: \S*a-file cannot hold the state: .*\n {2}fix: /);
  rmSync(file);
  const child = spawn(process.execPath, [BIN, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  const [exit] = await once(child, 'close');
  assert.deepEqual([exit, said], [0, '']);
});

test('waybill-witness: a log key that is none, and a first start without a name, make nothing', () => {
  for (const args of [
    ['--name', 'w.test', '--log', 'x'],
    ['--log', LOG.vkey],
    ['--name', 'two words', '--log', LOG.vkey],
  ]) {
    const { status, stderr } = run('--state', join(ROOM, 'usage'), ...args, '--port', '0');
    assert.equal(status, 4, stderr);
  }
  assert.equal(readdirSync(ROOM).includes('usage'), false);
});

test('waybill-witness: a file says the same as flags, and flags win', async () => {
  const path = join(ROOM, 'witness.json');
  const other = new SampleLog('log.test/other');
  writeFileSync(
    path,
    JSON.stringify({ state: join(ROOM, 'file'), name: 'w.test/4', logs: [LOG.vkey], host: '127.0.0.1', port: 1 }),
  );
  const fromFile = await serve('--config', path);
  assert.match(fromFile.vkey, /^w\.test\/4\+/);
  await stop(fromFile);
  const overridden = await serve('--config', path, '--log', other.vkey);
  const status = (await (await fetch(overridden.url)).json()) as { logs: { origin: string }[] };
  assert.deepEqual(
    status.logs.map(({ origin }) => origin),
    [other.origin],
  );
  await stop(overridden);
});
