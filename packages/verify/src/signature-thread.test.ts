import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('signature thread: one that is ready for signatures which never come does not keep the program from its end', () => {
  const module = new URL('signature-thread.node.ts', import.meta.url).href;
  // It lives long enough for the thread to begin.
  const program = `import { startBeside } from ${JSON.stringify(module)}; startBeside(100); setTimeout(() => {}, 300);`;
  const { status, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 60_000 });
  assert.deepEqual([status, signal], [0, null]);
});
