/** The contract of the launcher port, over any adapter. Case ids are stable. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError } from '@waybill/client/errors';
import { digestOf } from '@waybill/verify';
import type { Launcher, LaunchOrder, StopNotice } from '#ports/launcher.ts';
import { aroundBed } from './around-bed.ts';

/** What the worker of an order does: ends well or badly, goes on until it is asked to end, or will not be asked. */
export type Behaviour = 'ends-well' | 'ends-badly' | 'obeys' | 'ignores-term';

export interface LauncherBed {
  launcher: Launcher;
  /** The lease URL with which a worker behaves so. */
  leaseUrl(behaviour: Behaviour): string;
  /** How many workers of this attempt were started, living or not. */
  starts(attemptId: string): number;
  /** Resolves once the worker of this attempt has begun. */
  begun(attemptId: string): Promise<void>;
  /** A launcher as a later engine process would make it. */
  restart(): Launcher;
  /** A launcher that cannot start anything. */
  broken(): Launcher;
  close(): Promise<void>;
}

export type Support = { supported: true } | { supported: false; reason: string };

export interface LauncherCapabilities {
  /** Handles tell whether their worker lives in a later engine process. */
  lastingHandles: Support;
  /** Stop notices carry what the worker said last. */
  lastWords: Support;
  /** An attempt whose worker has ended can be launched once more. */
  secondLaunch: Support;
  /** Workers are ended when `stop` resolves, and not only told to end. */
  stopWaits: boolean;
  /** Exit codes of workers that were stopped, as they are told. */
  stoppedExit: { asked: number; forced: number | null };
  /** For a launch or a stop to show. */
  patienceMs: number;
}

/** So that no two cases launch the same attempt, where the beds of all of them share a platform. */
let cases = 0;
const id = (n: number): string => digestOf(`attempt ${cases}.${n}`).slice(7, 39);

export function launcherSuite(
  name: string,
  open: () => Promise<LauncherBed>,
  capabilities: LauncherCapabilities,
): void {
  const withLauncher = (use: (bed: LauncherBed, notices: StopNotice[]) => Promise<void>) =>
    aroundBed(open, (bed) => {
      cases += 1;
      const notices: StopNotice[] = [];
      bed.launcher.onStopped((notice) => notices.push(notice));
      return use(bed, notices);
    });
  const order = (bed: LauncherBed, n: number, behaviour: Behaviour): LaunchOrder => ({
    attemptId: id(n),
    leaseUrl: bed.leaseUrl(behaviour),
    isolation: 'none',
    expiresAtMs: Date.now() + 600_000,
  });
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    const giveUpMs = performance.now() + capabilities.patienceMs;
    while (!(await holds())) {
      assert.ok(performance.now() < giveUpMs, 'it did not come to hold in time');
      await sleep(10);
    }
  };
  const gone = async (launcher: Launcher, handle: string): Promise<void> => {
    if (!capabilities.stopWaits) await until(async () => !(await launcher.alive([handle])).has(handle));
    assert.deepEqual(await launcher.alive([handle]), new Set());
  };

  describe(`launcher: ${name}`, () => {
    it(
      'LA-01 a worker that ends is reported once, with its exit code',
      withLauncher(async (bed, notices) => {
        await bed.launcher.launch(order(bed, 1, 'ends-well'));
        await bed.launcher.launch(order(bed, 2, 'ends-badly'));
        await until(() => notices.length === 2);
        await sleep(50);
        const ends = notices.map(({ attemptId, cause, exit }) => ({ attemptId, cause, exit }));
        assert.deepEqual(
          ends.sort((a, b) => (a.exit ?? 0) - (b.exit ?? 0)),
          [
            { attemptId: id(1), cause: 'exited', exit: 0 },
            { attemptId: id(2), cause: 'exited', exit: 40 },
          ],
        );
        if (!capabilities.lastWords.supported) return;
        assert.match(notices.find(({ exit }) => exit === 40)?.detail ?? '', /last words/);
      }),
    );

    it(
      'LA-02 however often an attempt is launched, one worker lives, under one handle',
      withLauncher(async (bed) => {
        const handles = await Promise.all([1, 2, 3].map(() => bed.launcher.launch(order(bed, 1, 'obeys'))));
        await bed.begun(id(1));
        handles.push(await bed.launcher.launch(order(bed, 1, 'obeys')));
        assert.equal(new Set(handles).size, 1);
        const foretold = bed.launcher.handleOf(id(1));
        if (foretold !== null) assert.equal(foretold, handles[0]);
        assert.equal(bed.starts(id(1)), 1);
      }),
    );

    it(
      'LA-03 two attempts are two workers with two handles',
      withLauncher(async (bed) => {
        const one = await bed.launcher.launch(order(bed, 1, 'obeys'));
        const two = await bed.launcher.launch(order(bed, 2, 'obeys'));
        assert.notEqual(one, two);
        assert.deepEqual(await bed.launcher.alive([one, two]), new Set([one, two]));
      }),
    );

    it(
      'LA-04 a launch that starts nothing says that it may be tried again',
      withLauncher(async (bed) => {
        const launcher = bed.broken();
        for (const attempt of [1, 1]) {
          await assert.rejects(
            launcher.launch(order(bed, attempt, 'obeys')),
            (error) => error instanceof RetryableError && error.code === 'LAUNCH_FAILED',
          );
        }
      }),
    );

    it(
      'LA-05 stop asks politely, and the end is reported as an interruption',
      withLauncher(async (bed, notices) => {
        const handle = await bed.launcher.launch(order(bed, 1, 'obeys'));
        await bed.begun(id(1));
        await bed.launcher.stop(handle, 5_000);
        await until(() => notices.length === 1);
        assert.deepEqual([notices[0]?.cause, notices[0]?.exit], ['interrupted', capabilities.stoppedExit.asked]);
        await gone(bed.launcher, handle);
      }),
    );

    it(
      'LA-06 a worker that will not listen is ended by force after the grace',
      withLauncher(async (bed, notices) => {
        const handle = await bed.launcher.launch(order(bed, 1, 'ignores-term'));
        await bed.begun(id(1));
        await bed.launcher.stop(handle, 100);
        await until(() => notices.length === 1);
        assert.deepEqual([notices[0]?.cause, notices[0]?.exit], ['interrupted', capabilities.stoppedExit.forced]);
      }),
    );

    it(
      'LA-07 stopping what is gone, or what is no handle, resolves without doing anything',
      withLauncher(async (bed, notices) => {
        const handle = await bed.launcher.launch(order(bed, 1, 'ends-well'));
        await until(() => notices.length === 1);
        for (const gone of [handle, handle, '', 'pid:1', 'no handle']) await bed.launcher.stop(gone, 100);
        assert.equal(notices.length, 1);
      }),
    );

    it(
      'LA-08 alive answers for the living alone',
      withLauncher(async (bed, notices) => {
        const ended = await bed.launcher.launch(order(bed, 1, 'ends-well'));
        const living = await bed.launcher.launch(order(bed, 2, 'obeys'));
        await until(() => notices.length === 1);
        assert.deepEqual(await bed.launcher.alive([ended, living, 'no handle']), new Set([living]));
      }),
    );

    it('LA-09 a later engine process knows the handles of an earlier one, and can stop them', async (t) => {
      if (!capabilities.lastingHandles.supported) return t.skip(capabilities.lastingHandles.reason);
      await withLauncher(async (bed, notices) => {
        const handle = await bed.launcher.launch(order(bed, 1, 'obeys'));
        await bed.begun(id(1));
        const later = bed.restart();
        assert.deepEqual(await later.alive([handle]), new Set([handle]));
        await later.stop(handle, 5_000);
        await gone(later, handle);
        await until(() => notices.length === 1);
      })();
    });

    it('LA-10 an attempt may be launched again once its worker has ended', async (t) => {
      if (!capabilities.secondLaunch.supported) return t.skip(capabilities.secondLaunch.reason);
      await withLauncher(async (bed, notices) => {
        const first = await bed.launcher.launch(order(bed, 1, 'ends-well'));
        await until(() => notices.length === 1);
        assert.notEqual(await bed.launcher.launch(order(bed, 1, 'ends-well')), first);
        await until(() => notices.length === 2);
        assert.equal(bed.starts(id(1)), 2);
      })();
    });

    it(
      'LA-11 the probe names an isolation and the digest of what will run',
      withLauncher(async (bed) => {
        const { isolation, executable, detail } = await bed.launcher.probe();
        assert.match(isolation, /^(bubblewrap|container|none)$/);
        assert.match(executable, /^sha256:[0-9a-f]{64}$/);
        assert.notEqual(detail, '');
      }),
    );

    it(
      'LA-12 keeping an attempt leaves its worker as it is, and what is no handle is fine',
      withLauncher(async (bed) => {
        const handle = await bed.launcher.launch(order(bed, 1, 'obeys'));
        await bed.begun(id(1));
        for (const any of [handle, handle, '', 'no handle']) await bed.launcher.keep(any);
        assert.deepEqual(await bed.launcher.alive([handle]), new Set([handle]));
      }),
    );
  });
}
