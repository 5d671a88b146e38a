/** The engine as a process: what its log is left with when it cannot go on. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
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

test('engine: what nobody waits for ends it with one line of its log, as any other error does', async (t) => {
  const { exit, log } = await endedBy(t, (_state, pid) => process.kill(pid, 'SIGUSR2'));
  const { code, message, problem } = JSON.parse(log.at(-1) ?? '');
  assert.deepEqual([exit, code, message, problem], [70, 'INTERNAL', 'the engine cannot go on', 'a defect']);
});
