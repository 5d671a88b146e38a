import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const NOBODY = 12_345;
/** Root may write anywhere, so the program is run as another user. */
const USER = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

test('offline programs: where nothing can be written each says so before it tries', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-offline-'));
  t.after(() => {
    chmodSync(directory, 0o755);
    rmSync(directory, { recursive: true });
  });
  mkdirSync(join(directory, 'keys'));
  writeFileSync(join(directory, 'keys', 'public.json'), '{}');
  writeFileSync(join(directory, 'store.sqlite'), 'no store');
  if ('uid' in USER) for (const name of ['', 'keys', 'store.sqlite']) chownSync(join(directory, name), NOBODY, NOBODY);
  chmodSync(directory, 0o555);
  for (const words of [['recover.ts'], ['keys.ts', 'rotate', 'log']]) {
    const [program, ...more] = words as [string, ...string[]];
    const args = [join(import.meta.dirname, program), ...more, '--dir', directory];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      timeout: 20_000,
      ...USER,
    });
    assert.equal(status, 1, stderr);
    const { code, path, problem } = JSON.parse(stdout).error;
    assert.deepEqual([code, path, problem], ['STORE_FAILED', directory, 'nothing can be written there (EACCES)']);
  }
  assert.deepEqual(readdirSync(directory).sort(), ['keys', 'store.sqlite']);
});
