import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { holdMoreThan, usageBelow } from './sandbox-processes.ts';

const MB = 1_000_000;

describe('sandbox processes:', { skip: existsSync('/proc/self/task') ? false : 'no /proc' }, () => {
  let parent: ChildProcess;
  before(async () => {
    // Both hold the same pages: what was written before the fork.
    const code = '$x = q(x) x 30e6; $x .= q(y); fork; $| = 1; print "ready\\n"; sleep 60';
    parent = spawn('perl', ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    let lines = '';
    for await (const text of parent.stdout ?? []) {
      lines += text;
      if (lines === 'ready\nready\n') break;
    }
  });
  after(() => process.kill(-(parent.pid ?? 0), 'SIGKILL'));
  const usage = (most = 100) => usageBelow(parent.pid ?? 0, most);

  it('finds the process and its children, with their threads, memory and time', () => {
    const found = usage();
    assert.deepEqual([found.length, found[0]?.pid], [2, parent.pid]);
    for (const { threads, memoryBytes, ownCpuMs, bornAt } of found) {
      assert.equal(threads, 1);
      assert.ok(memoryBytes > 30 * MB && ownCpuMs >= 0);
      assert.match(bornAt, /^\d+$/);
    }
  });

  it('counts shared pages once when it matters', () => {
    const found = usage();
    const [one = 0, two = 0] = found.map(({ memoryBytes }) => memoryBytes);
    assert.equal(holdMoreThan(Math.max(one, two) + 10 * MB, found), false, 'although the sum is larger');
    assert.equal(holdMoreThan(Math.max(one, two) / 2, found), true);
    assert.equal(holdMoreThan(one + two, found), false);
  });

  it('stops when there are too many, and finds nothing below what is gone', () => {
    assert.equal(usage(0).length, 1);
    assert.deepEqual(usageBelow(2 ** 22 + 1, 100), []);
  });
});
