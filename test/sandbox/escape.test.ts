import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createAttemptTree, removeAttemptTree } from '#worker/attempt-tree.ts';
import { NO_NODES } from '#worker/device-nodes.ts';
import { probeBubblewrap } from '#worker/sandbox.ts';
import { runningSleeps, until } from '../support/processes.ts';
import { openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';

/** What holds for every block; the attempts to get out are in escape-suite.test.ts. */
describe('sandbox:', () => {
  let bed: WorkerBed;
  let bubblewrap: string | null = null;
  let secretDirectory: string;

  before(async () => {
    bed = await openWorkerBed();
    const { isolation, detail } = await bed.launcher.probe();
    if (isolation !== 'bubblewrap') bubblewrap = detail;
    secretDirectory = mkdtempSync(join(homedir(), '.waybill-escape-'));
    writeFileSync(join(secretDirectory, 'secret'), 'host secret');
  });
  after(async () => {
    await bed.close();
    rmSync(secretDirectory, { recursive: true, force: true });
  });

  it('no block reads its lease URL where it could read its wrapper: not without a sandbox either', async () => {
    const run = 'for name in environ cmdline; do tr "\\0" "\\n" < /proc/$PPID/$name; echo; done';
    const attempt = await bed.post({ isolation: 'none', pipeline: [{ block: 'script', run }] });
    await bed.launch(attempt);
    await attempt.ended;
    const { log } = await bed.collect(attempt.attemptId);
    assert.match(log, /WAYBILL_ORIGIN=waybill\.test\/worker.*worker\.mjs/s);
    assert.equal(log.includes(attempt.leaseUrl), false);
    assert.doesNotMatch(log, /http:/);
  });

  for (const [title, leave] of [
    ['leaves its group', (sleeper: string) => `setsid ${sleeper}`],
    [
      'leaves its group below a parent that cleared its environment',
      (sleeper: string) => `setsid sh -c 'env -i ${sleeper} & wait'`,
    ],
  ] as const) {
    it(`no process that a block without a sandbox leaves behind outlives the block: one that ${title}`, async () => {
      const marker = `63.${process.pid}${title.length}`;
      const run = `${leave(`sleep ${marker}`)} >/dev/null 2>&1 & until pgrep -f "^sleep ${marker}"; do sleep 0.02; done`;
      const next = `! pgrep -f "^sleep ${marker}"`;
      const { result, log } = await bed.run({
        isolation: 'none',
        pipeline: [
          { block: 'script', run },
          { block: 'script', run: next },
        ],
      });
      assert.equal(result?.outcome, 'succeeded', log);
      assert.equal(runningSleeps(marker), 0);
    });
  }

  it('a block without a sandbox that is ended by force takes what cleared its environment along', async () => {
    const marker = `64.${process.pid}`;
    const run = `setsid env -i sleep ${marker} & trap "" TERM; wait; sleep 60`;
    const attempt = await bed.post({ isolation: 'none', pipeline: [{ block: 'script', run }] });
    const child = bed.spawn(attempt);
    await until(() => runningSleeps(marker) === 1);
    child.stdin?.end();
    await new Promise((resolve) => child.once('exit', resolve));
    assert.equal(runningSleeps(marker), 0);
  });

  it('a trial of the sandbox says where blocks own the device nodes of the host, and what to do', async (t) => {
    if (bubblewrap !== null) return t.skip(`bubblewrap: ${bubblewrap}`);
    const tree = createAttemptTree('test');
    try {
      const { works, detail } = await probeBubblewrap(tree, { place: null, lack: 'none can be made in /there' });
      assert.equal(works, true, detail);
      assert.match(
        detail,
        /blocks can change the device nodes of the host.*none can be made in \/there; run the engine as/,
      );
      assert.doesNotMatch((await probeBubblewrap(tree, NO_NODES)).detail, /device/);
    } finally {
      await removeAttemptTree(tree);
    }
  });

  it('the system is read-only and nothing but the contract is writable', async (t) => {
    if (bubblewrap !== null) return t.skip(`bubblewrap: ${bubblewrap}`);
    const places = ['/', '/usr', '/etc', '/waybill', '/waybill/inputs', '/waybill/.waybill', '/proc/sys/kernel'];
    const run = `for d in ${places.join(' ')}; do touch $d/x 2>/dev/null && echo "wrote $d" && exit 1; done; touch /tmp/x ~/x ./x $WAYBILL_OUTPUTS/x`;
    const { result, log } = await bed.run({ isolation: 'bubblewrap', pipeline: [{ block: 'script', run }] });
    assert.equal(result?.outcome, 'succeeded', log);
  });

  it('a block leads a session of its own, so that nothing of its wrapper is its terminal', async (t) => {
    if (bubblewrap !== null) return t.skip(`bubblewrap: ${bubblewrap}`);
    // Of a session that was begun outside, the number is 0 in here.
    const run = 'read -r _ _ _ _ _ session _ < /proc/self/stat; echo "session $session"; test "$session" -gt 0';
    const { result, log } = await bed.run({ isolation: 'bubblewrap', pipeline: [{ block: 'script', run }] });
    assert.equal(result?.outcome, 'succeeded', log);
  });

  it('what the spec sets in the environment shows in no command line of the host', async (t) => {
    if (bubblewrap !== null) return t.skip(`bubblewrap: ${bubblewrap}`);
    const marker = `marker-${process.pid}`;
    const env = { SETTING: marker };
    const attempt = await bed.post({ isolation: 'bubblewrap', env, pipeline: [{ block: 'script', run: 'sleep 0.3' }] });
    await bed.launch(attempt);
    let seen = 0;
    const looking = setInterval(() => {
      const lines = execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' });
      if (lines.includes('json-status-fd')) seen += 1;
      assert.equal(lines.includes(marker), false);
    }, 50);
    await attempt.ended;
    clearInterval(looking);
    assert.ok(seen > 0, 'the sandbox was never seen');
  });

  it('no block outlives its wrapper, even when that is killed and can do nothing about it', async (t) => {
    if (bubblewrap !== null) return t.skip(`bubblewrap: ${bubblewrap}`);
    const marker = `62.${process.pid}`;
    const pipeline = [{ block: 'script' as const, run: `setsid sleep ${marker} & trap "" TERM; sleep ${marker}` }];
    const child = bed.spawn(await bed.post({ isolation: 'bubblewrap', pipeline }));
    await until(() => runningSleeps(marker) === 2);
    child.kill('SIGKILL');
    await until(() => runningSleeps(marker) === 0);
    for (const place of bed.leftovers()) rmSync(place, { recursive: true });
  });

  it('a descriptor that the engine inherited reaches no block', async (t) => {
    const attempt = await bed.post({
      isolation: bubblewrap === null ? 'bubblewrap' : 'none',
      pipeline: [
        {
          block: 'script',
          run: 'for fd in /proc/$$/fd/*; do echo "descriptor $fd $(readlink $fd)"; done; cat <&9',
        },
      ],
    });
    const leaked = openSync(join(secretDirectory, 'secret'), 'r');
    const direct = spawn('/bin/sh', ['-c', 'cat <&9'], {
      stdio: ['ignore', 'pipe', 'ignore', ...Array(6).fill('ignore'), leaked],
    });
    assert.equal(readFileSync(join(secretDirectory, 'secret'), 'utf8'), await text(direct.stdout));
    const child = bed.spawn(attempt, { inherited: leaked });
    await new Promise((resolve) => child.once('exit', resolve));
    const { log } = await bed.collect(attempt.attemptId);
    assert.match(log, /descriptor .*\/2 /);
    assert.doesNotMatch(log, /host secret|escape/);
    if (bubblewrap !== null) t.diagnostic(`without bubblewrap: ${bubblewrap}`);
  });
});

async function text(stream: AsyncIterable<Uint8Array> | null): Promise<string> {
  return Buffer.concat(await Array.fromAsync(stream ?? [])).toString();
}
