import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { TerminalError } from '@waybill/client';
import { ended, READY, stage } from '../test/engine-stage.ts';
import { answered, guardEngine } from './engine-guard.ts';
import { ensureEngine } from './engine-process.ts';

for (const [what, replace] of Object.entries({
  'was moved away': () => {},
  'has become another one': (path: string) => mkdirSync(path),
})) {
  test(`engine: where the directory ${what} none is started, nothing is made, and whoever waits is told so`, async (t) => {
    const { home, start } = stage(t, READY);
    const { notice } = await ensureEngine(home, start);
    await ended(notice.pid);
    renameSync(home.path, `${home.path}-moved`);
    replace(home.path);
    const there = (): string[] | null => (existsSync(home.path) ? readdirSync(home.path) : null);
    const before = there();
    const refusal = { code: 'STORE_FAILED', path: home.path };
    const aborted = new AbortController().signal;
    await assert.rejects(guardEngine(home, start, aborted), refusal);
    await assert.rejects(
      answered(home, () => new Promise(() => {}), start),
      refusal,
    );
    await assert.rejects(ensureEngine(home, start), refusal);
    assert.deepEqual(there(), before);
    rmSync(home.path, { recursive: true, force: true });
    renameSync(`${home.path}-moved`, home.path);
    const again = await ensureEngine(home, start);
    t.after(() => ended(again.notice.pid));
    assert.equal(again.started, true, 'put back, it is the same again');
  });
}

test('engine: a directory that is moved away while one starts is named, and no log that is not there', async (t) => {
  const { home, start } = stage(
    t,
    `const { renameSync } = await import('node:fs');
    const dir = process.argv[process.argv.indexOf('--dir') + 1];
    renameSync(dir, dir + '-moved');
    process.exit(70);`,
  );
  await assert.rejects(ensureEngine(home, start), (error) => {
    assert.ok(error instanceof TerminalError);
    assert.match(error.problem, /was moved away/);
    assert.doesNotMatch(error.fix, /engine\.log/);
    return true;
  });
  assert.equal(existsSync(home.path), false);
});
