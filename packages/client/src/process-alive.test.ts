import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAliveSince } from './process-alive.ts';

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000 && !holds(); tries += 1) await sleep(10);
}

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
  // The shell asks for what has ended, and the sleep that takes its place does not: only then may the child end.
  const parent = spawn('sh', ['-c', 'exec 3<&0; cat <&3 & echo $!; exec sleep 30'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.after(() => parent.kill('SIGKILL'));
  const [first] = await parent.stdout.take(1).toArray();
  const pid = Number(String(first));
  const saysOf = (who: number | undefined, file: string): string => readFileSync(`/proc/${who}/${file}`, 'utf8');
  await until(() => saysOf(parent.pid, 'comm') === 'sleep\n');
  parent.stdin.end();
  await until(() => / Z /.test(saysOf(pid, 'stat')));
  assert.doesNotThrow(() => process.kill(pid, 0));
  assert.equal(isAliveSince(pid, Date.now()), false);
});
