import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TerminalError } from '@waybill/client/errors';
import { digestOf } from '@waybill/verify';
import { createLocalLauncher, type LocalLauncherOptions } from '#adapters/local/launcher.ts';
import type { Launcher } from '#ports/launcher.ts';
import { type LauncherBed, launcherSuite } from './launcher.suite.ts';

/** Stands for the worker: writes down how it was started, then does what its lease URL says. */
const STAND_IN = `
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
if (process.argv[2] === '--probe') {
  console.log(JSON.stringify({ bubblewrap: false, detail: 'a stand-in' }));
} else {
  const [attemptId, behaviour] = String(await once(process.stdin, 'data')).trim().split(' ');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
  const told = JSON.stringify({ env: process.env, cwd: process.cwd(), child: child.pid });
  process.on('SIGTERM', () => {
    if (behaviour === 'ignores-term') return;
    child.kill('SIGKILL');
    process.exit(143);
  });
  writeFileSync(new URL('started-' + attemptId + '-' + process.pid, import.meta.url), told);
  if (behaviour.startsWith('ends')) {
    child.kill('SIGKILL');
    console.error('last words');
    process.exitCode = behaviour === 'ends-well' ? 0 : 40;
    process.stdin.destroy();
    child.unref();
  } else {
    process.stdin.on('end', () => process.exit(143)).resume();
    setInterval(() => {}, 1000);
  }
}
`;

interface LocalBed extends LauncherBed {
  workerFile: string;
  /** What the worker of the attempt saw when it started. */
  told(attemptId: string): { env: Record<string, string>; cwd: string; child: number };
  create(more?: Partial<LocalLauncherOptions>): Launcher;
}

async function open(): Promise<LocalBed> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-launcher-'));
  const workerFile = join(directory, 'worker.mjs');
  writeFileSync(workerFile, STAND_IN);
  const create: LocalBed['create'] = (more = {}) =>
    createLocalLauncher({ workerFile, keys: ['a2V5'], origin: 'waybill.test/launcher', ...more });
  const traces = (attemptId: string): string[] =>
    readdirSync(directory).filter((name) => name.startsWith(`started-${attemptId}-`));
  const launcher = create();
  const handles: string[] = [];
  return {
    workerFile,
    create,
    launcher: {
      ...launcher,
      async launch(order) {
        const handle = await launcher.launch(order);
        handles.push(handle);
        return handle;
      },
    },
    leaseUrl: (behaviour) => behaviour,
    starts: (attemptId) => traces(attemptId).length,
    told: (attemptId) => JSON.parse(readFileSync(join(directory, traces(attemptId)[0] ?? ''), 'utf8')),
    async begun(attemptId) {
      while (traces(attemptId).length === 0) await sleep(10);
      await sleep(20);
    },
    restart: () => create(),
    broken: () => create({ nodePath: join(directory, 'no-node') }),
    async close() {
      for (const handle of handles) await launcher.stop(handle, 0);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const PROC = existsSync('/proc/self/stat');

launcherSuite('child process', open, {
  lastingHandles: PROC ? { supported: true } : { supported: false, reason: 'handles last only where /proc is mounted' },
  lastWords: { supported: true },
  secondLaunch: { supported: true },
  stopWaits: true,
  stoppedExit: { asked: 143, forced: null },
  patienceMs: 10_000,
});

describe('launcher: child process alone', () => {
  const ATTEMPT = 'f'.repeat(32);
  const withBed = (use: (bed: LocalBed) => Promise<void>) => async () => {
    const bed = await open();
    try {
      await use(bed);
    } finally {
      await bed.close();
    }
  };
  const lives = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return !PROC || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    } catch {
      return false;
    }
  };

  it(
    'a worker gets its lease by its stdin, and the least of an environment: nothing of the engine',
    withBed(async (bed) => {
      process.env.WAYBILL_TEST_SECRET = 'of the engine';
      await bed.launcher.launch({
        attemptId: ATTEMPT,
        leaseUrl: 'obeys',
        isolation: 'none',
        expiresAtMs: Date.now() + 60_000,
      });
      delete process.env.WAYBILL_TEST_SECRET;
      await bed.begun(ATTEMPT);
      const { env, cwd } = bed.told(ATTEMPT);
      const allowed = ['HOME', 'PATH', 'TMPDIR', 'WAYBILL_KEYS', 'WAYBILL_ORIGIN'];
      assert.deepEqual(
        Object.keys(env).filter((name) => !allowed.includes(name) && !name.startsWith('__')),
        [],
      );
      assert.deepEqual(JSON.parse(Buffer.from(env.WAYBILL_KEYS ?? '', 'base64').toString()), ['a2V5']);
      assert.equal(cwd, '/');
    }),
  );

  it('force ends what the worker started in other process groups too', async (t) => {
    if (!PROC) return t.skip('descendants are found through /proc');
    await withBed(async (bed) => {
      const handle = await bed.launcher.launch({
        attemptId: ATTEMPT,
        leaseUrl: 'ignores-term',
        isolation: 'none',
        expiresAtMs: Date.now() + 60_000,
      });
      await bed.begun(ATTEMPT);
      const { child } = bed.told(ATTEMPT);
      assert.equal(lives(child), true);
      await bed.launcher.stop(handle, 0);
      for (let waitedMs = 0; lives(child) && waitedMs < 5_000; waitedMs += 10) await sleep(10);
      assert.equal(lives(child), false);
    })();
  });

  it('a handle whose pid was given to a stranger, or of another boot, stops nobody', async (t) => {
    if (!PROC) return t.skip('start times are told by /proc');
    await withBed(async (bed) => {
      const handle = await bed.launcher.launch({
        attemptId: ATTEMPT,
        leaseUrl: 'obeys',
        isolation: 'none',
        expiresAtMs: Date.now() + 60_000,
      });
      await bed.begun(ATTEMPT);
      const later = bed.restart();
      const [, pid, start, boot] = handle.split(':');
      const strangers = [
        `pid:${pid}:${Number(start) - 1}:${boot}`,
        `pid:${pid}:${start}:${boot?.replace(/^./, 'g')}`,
        `pid:${pid}::`,
      ];
      for (const stranger of strangers) {
        assert.deepEqual(await later.alive([stranger]), new Set(), stranger);
        await later.stop(stranger, 0);
      }
      assert.deepEqual(await later.alive([handle]), new Set([handle]));
    })();
  });

  it(
    'the probe digests the worker file, and asking for an isolation that fails is refused',
    withBed(async (bed) => {
      const expected = digestOf(STAND_IN);
      assert.deepEqual(await bed.create().probe(), { isolation: 'none', executable: expected, detail: 'a stand-in' });
      assert.equal((await bed.create({ isolationWanted: 'none' }).probe()).detail, 'turned off');
      await assert.rejects(bed.broken().probe(), /LAUNCH_FAILED/);
      await assert.rejects(
        bed.create({ isolationWanted: 'bubblewrap' }).probe(),
        (error) => error instanceof TerminalError && error.code === 'ISOLATION_REQUIRED',
      );
    }),
  );
});
