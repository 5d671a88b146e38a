/** The engine as a process: what its log is left with when it cannot go on. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const PROGRAM = join(import.meta.dirname, 'main.ts');
/** Throws where nobody waits for it, when it is told to. */
const DEFECT = `data:text/javascript,process.once('SIGUSR2',()=>{throw new RangeError('a defect')})`;

/** Lets an engine become ready, does something to its directory, and waits for its end. */
async function endedBy(
  t: TestContext,
  act: (state: string, pid: number) => void,
): Promise<{ exit: number; log: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-engine-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const state = join(directory, 'state');
  mkdirSync(state);
  const engine = spawn(process.execPath, ['--import', DEFECT, PROGRAM, '--dir', state, '--no-sandbox'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => engine.kill('SIGKILL'));
  const log = text(engine.stderr);
  const ended = once(engine, 'exit');
  for (let tries = 0; tries < 2_000 && !existsSync(join(state, 'engine.json')); tries += 1) await sleep(10);
  act(state, engine.pid ?? 0);
  const timer = setTimeout(() => engine.kill('SIGKILL'), 20_000);
  const [exit] = await ended;
  clearTimeout(timer);
  return { exit, log: (await log).trim().split('\n') };
}

test('engine: one whose directory is another one all at once ends and says so, and writes nothing there', async (t) => {
  const { exit, log } = await endedBy(t, (state) => {
    renameSync(state, `${state}-before`);
    mkdirSync(state);
  });
  const last = JSON.parse(log.at(-1) ?? '');
  assert.deepEqual(readdirSync(last.path), []);
  assert.deepEqual([exit, last.code, last.message], [70, 'STORE_FAILED', 'the engine cannot go on']);
  assert.match(last.problem, /another directory than the one in which the engine works/);
});

test('engine: one whose directory is gone says so', async (t) => {
  const { exit, log } = await endedBy(t, (state) => renameSync(state, `${state}-gone`));
  assert.equal(exit, 70);
  assert.match(JSON.parse(log.at(-1) ?? '').problem, /is there no more/);
});

for (const [what, act] of Object.entries({
  'has lost its store': (state: string) => {
    for (const name of readdirSync(state)) if (name.startsWith('store.sqlite')) rmSync(join(state, name));
  },
  'has lost the WAL of its store alone': (state: string) => rmSync(join(state, 'store.sqlite-wal')),
  'has got another store': (state: string) => {
    writeFileSync(join(state, 'other'), '');
    renameSync(join(state, 'other'), join(state, 'store.sqlite'));
  },
})) {
  test(`engine: one whose directory ${what} ends and says so, since what it took in would end with it`, async (t) => {
    const { exit, log } = await endedBy(t, act);
    const { code, problem } = JSON.parse(log.at(-1) ?? '');
    assert.deepEqual([exit, code], [70, 'STORE_FAILED']);
    assert.match(problem, /the file in which the store is kept (is there no more|was replaced)/);
  });
}

test('engine: a status of a run that neither it nor its store knows says so once it has started; what was sealed stays', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-engine-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const fileOf = (id: string): string => join(directory, 'outbox', 'uid-0', id, 'status.json');
  const put = (id: string, status: object): void => {
    mkdirSync(join(directory, 'outbox', 'uid-0', id), { recursive: true });
    writeFileSync(fileOf(id), JSON.stringify({ v: 1, run: 'ab', state: 'running', items: [], ...status }));
  };
  put('foreign', {});
  put('sealed', { state: 'done', sealedAt: '2026-01-01T00:00:00.000Z' });
  mkdirSync(join(directory, 'outbox', 'uid-0', 'broken'));
  writeFileSync(fileOf('broken'), '{');
  const engine = spawn(process.execPath, [PROGRAM, '--dir', directory, '--no-sandbox'], { stdio: 'ignore' });
  t.after(() => engine.kill('SIGKILL'));
  const read = (id: string) => JSON.parse(readFileSync(fileOf(id), 'utf8'));
  for (let tries = 0; tries < 2_000 && read('foreign').aborted === undefined; tries += 1) await sleep(10);
  const { state, aborted, principal, submissionId } = read('foreign');
  assert.deepEqual(
    [state, aborted?.reason, principal, submissionId],
    ['cancelled', 'not_in_store', 'uid-0', 'foreign'],
  );
  assert.equal(read('sealed').aborted, undefined);
  assert.equal(readFileSync(fileOf('broken'), 'utf8'), '{');
});

test('engine: what nobody waits for ends it with one line of its log, as any other error does', async (t) => {
  const { exit, log } = await endedBy(t, (_state, pid) => process.kill(pid, 'SIGUSR2'));
  const { code, message, problem } = JSON.parse(log.at(-1) ?? '');
  assert.deepEqual([exit, code, message, problem], [70, 'INTERNAL', 'the engine cannot go on', 'a defect']);
});

function refused(...words: string[]): { exit: number | null; path: string; problem: string; fix: string } {
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...words], { encoding: 'utf8', timeout: 20_000 });
  return { ...JSON.parse(stderr.trim().split('\n').at(-1) ?? ''), exit: status };
}

test('engine: a file in the place of its directory is named, and said to be one', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'waybill-engine-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const file = join(root, 'file');
  writeFileSync(file, '');
  for (const dir of [file, join(file, 'below')]) {
    const { exit, path, problem, fix } = refused('--dir', dir);
    assert.deepEqual([exit, path], [70, dir]);
    assert.match(problem, /is a file, no directory/);
    assert.match(fix, /nothing yet/);
  }
});

test('engine: all that is wrong with its words is told at once, and in words', () => {
  const number = 'takes a whole number from 1 to 1000';
  const one = refused('--concurrency', '-1');
  assert.deepEqual([one.exit, one.path, one.problem], [4, '--concurrency', number]);
  const many = refused('--concurrency', '1e9', '--bogus', 'more', '--unsandboxed=x', '--dir');
  assert.deepEqual([many.exit, many.path], [4, '--bogus']);
  assert.equal(
    many.problem,
    `is no option; more is no option; --unsandboxed takes no value; --dir has no value; --concurrency ${number}`,
  );
  const nowhere = refused('--dir=');
  assert.deepEqual([nowhere.exit, nowhere.path, nowhere.problem], [4, '--dir', 'is empty']);
});
