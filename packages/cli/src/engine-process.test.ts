import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError, TerminalError } from '@waybill/client';
import { ended, READY, stage } from '../test/engine-stage.ts';
import { EmbeddedTarget } from './embedded-target.ts';
import { answered, guardEngine } from './engine-guard.ts';
import { ensureEngine } from './engine-process.ts';
import { StateDirectory } from './state-directory.ts';

test('engine: it is started once, apart from the command, and with what was asked for', async (t) => {
  const { home, start } = stage(t, READY);
  const first = await ensureEngine(home, { ...start, concurrency: 3, noSandbox: true });
  t.after(() => ended(first.notice.pid));
  const second = await ensureEngine(home, start);
  assert.equal(first.started, true);
  assert.equal(readFileSync(home.at('.gitignore'), 'utf8'), '*\n');
  assert.deepEqual([second.started, second.notice.pid], [false, first.notice.pid]);
  const { default: args } = await import(home.at('arguments.json'), { with: { type: 'json' } });
  assert.deepEqual(args, ['--dir', home.path, '--idle-exit-ms', '10000', '--concurrency', '3', '--no-sandbox']);
});

test('engine: one that ends at once is reported with the end of its log', async (t) => {
  const { home, start } = stage(t, `console.error('the disk is on fire'); process.exit(70);`);
  await assert.rejects(ensureEngine(home, start), (error) => {
    assert.ok(error instanceof RetryableError);
    assert.equal(error.code, 'ENGINE_UNREACHABLE');
    assert.match(error.problem, /exit code 70[\s\S]*the disk is on fire/);
    return true;
  });
});

test('engine: of one that a full disk has ended it is said where there is no room', async (t) => {
  const { home, start } = stage(t, `throw Object.assign(new Error('ENOSPC: no space left on device, write'));`);
  await assert.rejects(ensureEngine(home, start), (error) => {
    assert.ok(error instanceof RetryableError);
    const { code, problem, fix } = error;
    assert.equal(code, 'ENGINE_UNREACHABLE');
    assert.ok(problem.endsWith(`no room in ${home.path}`) && !problem.includes(' at '), problem);
    assert.match(fix, /Make room there/);
    return true;
  });
});

test('engine: whoever follows a run is told at once of a full disk, be an engine there or not, and not of a moment without room', async (t) => {
  const [full, room] = [4_096, 1_000_000];
  for (const [isThere, free] of [
    [true, [full, full, room, full, full, full]],
    [false, [full, full, full]],
  ] as const) {
    const { home, start } = stage(t, `process.exit(70);`);
    mkdirSync(home.path);
    const notice = { pid: process.pid, startedAt: new Date().toISOString(), ready: true };
    if (isThere) writeFileSync(home.at('engine.json'), JSON.stringify(notice));
    let looks = 0;
    const guarded = guardEngine(home, start, new AbortController().signal, () => free[looks++] ?? room);
    await assert.rejects(guarded, { code: 'ENGINE_UNREACHABLE', problem: `nothing goes on: no room in ${home.path}` });
    assert.equal(looks, free.length);
  }
});

test('engine: whoever waits for its answer is told at once of a full disk, and what becomes of the object', async (t) => {
  const { home, start } = stage(t, READY);
  mkdirSync(home.path);
  const notice = { pid: process.pid, startedAt: new Date().toISOString(), ready: true };
  writeFileSync(home.at('engine.json'), JSON.stringify(notice));
  const asked = { isGivenUp: false };
  const ask = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        asked.isGivenUp = true;
        resolve();
      });
    });
  let looks = 0;
  const waiting = answered(home, ask, start, () => (looks++ === 0 ? 1_000_000 : 4_096));
  await assert.rejects(waiting, (error) => {
    assert.ok(error instanceof RetryableError);
    assert.equal(error.code, 'ENGINE_UNREACHABLE');
    assert.equal(error.problem, `the engine does not answer: no room in ${home.path}`);
    assert.match(error.fix, /^Make room there\. .* the next engine carries out: look at `waybill runs`/);
    return true;
  });
  assert.deepEqual([looks, asked.isGivenUp], [4, true]);
});

test('engine: what it said last is told in its own words, path and fix', async (t) => {
  const words = { path: 'evidence.json', problem: 'is no JSON', fix: 'Mend it.' };
  const { home, start } = stage(t, `console.error(${JSON.stringify(JSON.stringify(words))}); process.exit(70);`);
  await assert.rejects(ensureEngine(home, start), (error) => {
    assert.ok(error instanceof RetryableError);
    assert.equal(error.problem, 'the engine ended with exit code 70; it says: evidence.json: is no JSON');
    assert.equal(error.fix, 'Mend it.');
    return true;
  });
});

test('engine: what it refuses of its settings is the refusal itself, also of one that is to go on with a run', async (t) => {
  const words = { code: 'USAGE', path: 'queues.json.slow.concurrency', problem: 'is missing', fix: 'Mend it.' };
  const say = `console.error(${JSON.stringify(JSON.stringify(words))});`;
  const { home, start } = stage(t, `${say} process.exit(4);`);
  const isRefusal = (error: unknown): boolean => {
    assert.ok(error instanceof TerminalError);
    const { code, path, problem, fix } = error;
    assert.deepEqual({ code, path, problem, fix }, words);
    return true;
  };
  await assert.rejects(ensureEngine(home, start), isRefusal);
  await assert.rejects(guardEngine(home, start, new AbortController().signal), isRefusal);
  const killed = stage(t, `${say} process.kill(process.pid, 'SIGKILL');`);
  await assert.rejects(ensureEngine(killed.home, killed.start), { code: 'ENGINE_UNREACHABLE' }, 'an old refusal');
});

test('engine: a state directory that cannot be one is refused with its path', async (t) => {
  const { home, start } = stage(t, READY);
  const taken = new StateDirectory(join(home.path, '..', 'engine.mjs'));
  await assert.rejects(ensureEngine(taken, start), { code: 'STORE_FAILED', path: taken.path });
});

test('engine: one that never gets ready is given up after the patience, not waited for', async (t) => {
  const { home, start } = stage(t, 'setTimeout(() => {}, 3000);');
  await assert.rejects(ensureEngine(home, { ...start, patienceMs: 200 }), /not ready within 0\.2 s/);
});

test('engine: exit 0 means that another one was faster, whose notice is waited for', async (t) => {
  const { home, start } = stage(t, `${READY.replace('process.pid', 'process.ppid')} process.exit(0);`);
  const { notice, started } = await ensureEngine(home, start);
  assert.deepEqual([notice.pid, started], [process.pid, false]);
});

test('engine: the notice of a dead engine counts as none, also when its pid has been given away since', async (t) => {
  const { home, start } = stage(t, READY);
  const { notice } = await ensureEngine(home, start);
  await ended(notice.pid);
  assert.equal(home.engine(), null);
  const longAgo = { ...notice, pid: process.pid, startedAt: '2020-01-01T00:00:00.000Z' };
  writeFileSync(home.at('engine.json'), JSON.stringify(longAgo));
  assert.equal(home.engine(), null);
  writeFileSync(home.at('engine.json'), JSON.stringify({ ...longAgo, startedAt: new Date().toISOString() }));
  assert.equal(home.engine()?.pid, process.pid);
});

test('engine: one that does not answer is reported with its log; every other error stays what it is', async (t) => {
  const { home, start } = stage(t, READY);
  const { notice } = await ensureEngine(home, start);
  t.after(() => ended(notice.pid));
  const ready = { at: 'then', level: 'info', message: 'ready', pid: 1 };
  const failed = { level: 'error', message: 'inbox failed', code: 'ENOENT', problem: 'no such file "x"' };
  writeFileSync(home.at('engine.log'), `${JSON.stringify(ready)}\n${JSON.stringify(failed)}\nthe inbox is on fire\n`);
  const facts = { path: 'a', problem: 'no receipt', fix: 'It stays in the inbox.' };
  const silent = Promise.reject(new RetryableError({ code: 'TIMED_OUT', ...facts }));
  await assert.rejects(
    answered(home, () => silent, start),
    (error) => {
      assert.ok(error instanceof RetryableError);
      assert.match(
        error.problem,
        /no receipt; its log ends with:\nready\ninbox failed: ENOENT: no such file "x"\nthe inbox is on fire$/,
      );
      assert.equal(error.fix, `Read ${home.at('engine.log')}, mend what it names. It stays in the inbox.`);
      return true;
    },
  );
  writeFileSync(
    home.at('engine.log'),
    JSON.stringify({ path: 'evidence.json', problem: 'is no JSON', fix: 'Mend it.' }),
  );
  const again = Promise.reject(new RetryableError({ code: 'TIMED_OUT', ...facts }));
  await assert.rejects(
    answered(home, () => again, start),
    { fix: 'Mend it. It stays in the inbox.' },
  );
  const refused = new TerminalError({ code: 'SPEC_INVALID', ...facts });
  await assert.rejects(
    answered(home, () => Promise.reject(refused), start),
    refused,
  );
});

test('engine: one that goes away while its answer is waited for is started again, with the same options', async (t) => {
  const { home, start } = stage(t, READY);
  const target = new EmbeddedTarget(home, start.env);
  const first = await target.ensure({ concurrency: 3 });
  await ended(first.notice.pid);
  rmSync(home.at('arguments.json'));
  const answer = async (): Promise<number> => {
    for (let tries = 0; tries < 400; tries += 1) {
      const engine = home.engine();
      if (engine !== null) return engine.pid;
      await sleep(25);
    }
    throw new RetryableError({ code: 'TIMED_OUT', path: 'a', problem: 'no receipt', fix: 'b' });
  };
  const pid = await target.answered(answer);
  t.after(() => ended(pid));
  assert.notEqual(pid, first.notice.pid);
  assert.deepEqual(JSON.parse(readFileSync(home.at('arguments.json'), 'utf8')).slice(4), ['--concurrency', '3']);
});

test('engine: a directory that was there before is hidden from git as well, unless it says itself what is', async (t) => {
  for (const own of [undefined, 'keys/\n']) {
    const { home, start } = stage(t, READY);
    mkdirSync(home.path);
    if (own !== undefined) writeFileSync(home.at('.gitignore'), own);
    const { notice } = await ensureEngine(home, start);
    t.after(() => ended(notice.pid));
    assert.equal(readFileSync(home.at('.gitignore'), 'utf8'), own ?? '*\n');
  }
});
