import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAliveSince } from './process-alive.ts';

const noProc = !existsSync('/proc/self/stat') && 'needs /proc';

test('process: one that runs is alive, and one that started after the notice is another one with its id', {
  skip: noProc,
}, () => {
  assert.equal(isAliveSince(process.pid, Date.now()), true);
  assert.equal(isAliveSince(process.pid, Date.parse('2020-01-01T00:00:00Z')), false);
});

test('process: one that has ended and that no parent asks for is dead, though a signal still reaches it', {
  skip: noProc,
}, async (t) => {
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => parent.kill('SIGKILL'));
  const [first] = await parent.stdout.take(1).toArray();
  const pid = Number(String(first));
  const isEnded = (): boolean => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  for (let tries = 0; tries < 500 && !isEnded(); tries += 1) await sleep(10);
  assert.doesNotThrow(() => process.kill(pid, 0));
  assert.equal(isAliveSince(pid, Date.now()), false);
});
