/** Which attempts share a process of a worker, with a worker that does what its lease URL says. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Isolation } from '#core/mailbox-protocol.ts';
import type { Launcher, LaunchOrder, StopNotice } from '#ports/launcher.ts';
import { until } from '../../../test/support/processes.ts';
import { createLocalLauncher } from './launcher.ts';

/**
 * `well` stays where it may and else ends, `waits` until it is told to stop, `late` has ended well when it is, `leaves` when it has
 * answered; `ends:` and a path says that it ends, and has ended well when there is a file. Of what holds a stray line, each piece is written
 * at once. Any other answer is for the attempt that the URL names.
 */
const STAND_IN = `
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
const lines = createInterface(process.stdin);
let late = null;
let [clings, busy, ending] = [false, false, false];
process.on('SIGTERM', () => {
  if (late === null) process.exit(143);
  console.log(late + ' 0');
  setTimeout(() => process.exit(143), 500);
});
lines.on('close', () => clings || process.exit(busy ? 143 : 0));
const say = (pieces) => pieces.forEach((piece, n) => setTimeout(() => {
  busy = n < pieces.length - 1;
  process.stdout.write(piece);
  if (ending && !busy) process.exit(0);
}, n * 300));
lines.on('line', (line) => {
  const [attemptId, url, stay] = line.split(' ');
  if (attemptId === 'end') ending = true;
  if (ending && !busy) process.exit(0);
  if (ending) return;
  const answer = attemptId + ' 0\\n';
  if (url === 'stray-first') return say(['stray\\n', answer]);
  if (url === 'stray-with') return say(['stray\\n' + answer]);
  if (url === 'stray-after') return say([answer + 'stray\\n']);
  if (url === 'stray-within') return say(['stray', answer]);
  const ends = attemptId + ' ends\\n';
  if (url === 'ends-twice') return say([ends + ends, answer]);
  if (url.startsWith('ends:')) {
    process.stdout.write(ends);
    const look = setInterval(() => {
      if (!existsSync(url.slice(5))) return;
      clearInterval(look);
      process.stdout.write(answer);
    }, 2);
    return;
  }
  if (url === 'aborts') return process.kill(process.pid, 'SIGABRT');
  if (url === 'complains') console.error('of ' + attemptId);
  if (url === 'complains') return say(['', answer]);
  if (url === 'clings') clings = setTimeout(() => process.exit(0), 20_000);
  if (url === 'leaves') setTimeout(() => process.exit(0), 100);
  if (url === 'clings' || url === 'leaves') return say([answer]);
  if (url === 'late') late = attemptId;
  if (url === 'waits' || url === 'late') return;
  if (url === 'badly') process.exit(1);
  if (url === 'well' && stay !== 'stay') process.exit(0);
  console.log((url === 'well' ? attemptId : url) + ' 0');
});
`;

interface Bed {
  workerFile: string;
  launcher: Launcher;
  keys: string[];
  notices: StopNotice[];
  /** Launches an attempt, which may share its process unless `more` says otherwise; resolves with its handle. */
  launch(attemptId: string, url: string, more?: More): Promise<string>;
  ended(attemptId: string): Promise<StopNotice>;
  /** Launches one that ends well, and waits for that. */
  serve(attemptId: string, more?: More): Promise<string>;
}

type More = { isolation?: Isolation; sharedBy?: string | null };

const withBed = (use: (bed: Bed) => Promise<void>) => async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-shared-'));
  const workerFile = join(directory, 'worker.mjs');
  writeFileSync(workerFile, STAND_IN);
  const keys = ['a2V5'];
  const launcher = createLocalLauncher({ workerFile, keys, origin: 'waybill.test/launcher' });
  const notices: StopNotice[] = [];
  launcher.onStopped((notice) => notices.push(notice));
  const handles: string[] = [];
  const launch: Bed['launch'] = async (attemptId, leaseUrl, { isolation = 'bubblewrap', sharedBy = 'uid-1' } = {}) => {
    const order: LaunchOrder = { attemptId, leaseUrl, isolation, expiresAtMs: 0 };
    const handle = await launcher.launch({ ...order, ...(sharedBy === null ? {} : { sharedBy }) });
    handles.push(handle);
    return handle;
  };
  const ended: Bed['ended'] = async (attemptId) => {
    for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 5) {
      const notice = notices.find((one) => one.attemptId === attemptId);
      if (notice !== undefined) return notice;
      await sleep(5);
    }
    throw new RangeError(`${attemptId} did not end`);
  };
  const serve: Bed['serve'] = async (attemptId, more) => {
    const handle = await launch(attemptId, 'well', more);
    await ended(attemptId);
    return handle;
  };
  try {
    await use({ workerFile, launcher, keys, notices, launch, ended, serve });
  } finally {
    for (const handle of handles) await launcher.stop(handle, 0);
    rmSync(directory, { recursive: true });
  }
};

/** An engine that has work twice, and then none. */
const ENGINE = `
import { createLocalLauncher } from ${JSON.stringify(import.meta.resolve('./launcher.ts'))};
const launcher = createLocalLauncher({ workerFile: process.argv[1], keys: ['a2V5'], origin: 'waybill.test/launcher' });
for (const attemptId of ['a', 'b']) {
  const ended = new Promise((resolve) => launcher.onStopped(resolve));
  const order = { attemptId, leaseUrl: 'clings', isolation: 'bubblewrap', sharedBy: 'uid-1', expiresAtMs: 0 };
  const [handle] = await Promise.all([launcher.launch(order), ended]);
  console.log(handle.split(':')[1]);
}
`;

const processOf = (handle: string): string => handle.split(':').slice(0, 4).join(':');
const lives = (handle: string): boolean => existsSync(`/proc/${handle.split(':')[1]}`);
const skip = existsSync('/proc/self/stat') ? false : 'whether a process lives is told by /proc';

describe('launcher: attempts that share a process', { skip }, () => {
  it(
    'attempts of a principal are served by one process, one after another, and each is reported once under a handle of its own',
    withBed(async ({ launcher, notices, serve }) => {
      const handles = [await serve('a'), await serve('b'), await serve('c')];
      assert.equal(new Set(handles.map(processOf)).size, 1);
      assert.equal(new Set(handles).size, 3);
      const ends = notices.map(({ attemptId, cause, exit, detail }) => [attemptId, cause, exit, detail]);
      assert.deepEqual(
        ends,
        ['a', 'b', 'c'].map((id) => [id, 'exited', 0, '']),
      );
      assert.deepEqual(await launcher.alive(handles), new Set());
    }),
  );

  it(
    'a process serves one attempt at a time',
    withBed(async ({ launcher, launch }) => {
      const handles = [await launch('a', 'waits'), await launch('b', 'waits')];
      assert.equal(new Set(handles.map(processOf)).size, 2);
      assert.deepEqual(await launcher.alive(handles), new Set(handles));
    }),
  );

  it(
    'stopping an attempt that has ended leaves the next one of its process alone',
    withBed(async ({ launcher, launch, serve, notices }) => {
      const first = await serve('a');
      const second = await launch('b', 'waits');
      assert.equal(processOf(second), processOf(first));
      await launcher.stop(first, 0);
      assert.deepEqual(await launcher.alive([first, second]), new Set([second]));
      assert.equal(notices.length, 1);
    }),
  );

  it(
    'stopping an attempt ends its process and no other, and nothing follows there',
    withBed(async ({ launcher, launch, serve, ended, notices }) => {
      const first = await serve('a');
      const [second, other] = [await launch('b', 'waits'), await launch('c', 'waits')];
      assert.equal(processOf(second), processOf(first));
      await launcher.stop(second, 5_000);
      assert.deepEqual(await ended('b'), { attemptId: 'b', cause: 'interrupted', exit: 143, detail: '' });
      assert.deepEqual(await launcher.alive([second, other]), new Set([other]));
      assert.notEqual(processOf(await serve('d')), processOf(first));
      assert.deepEqual(
        notices.map(({ attemptId }) => attemptId),
        ['a', 'b', 'd'],
      );
    }),
  );

  it(
    'an attempt that ends well while it is being stopped is the last of its process',
    withBed(async ({ launcher, launch, ended, serve }) => {
      await serve('first');
      const first = await launch('a', 'late');
      // A process that runs already needs no longer to read its order.
      await sleep(500);
      const stopped = launcher.stop(first, 5_000);
      assert.deepEqual(await ended('a'), { attemptId: 'a', cause: 'interrupted', exit: 0, detail: '' });
      assert.notEqual(processOf(await serve('b')), processOf(first));
      await stopped;
    }),
  );

  const OTHERS: [string, More][] = [
    ['of another principal', { sharedBy: 'uid-2' }],
    ['without a sandbox', { isolation: 'none' }],
  ];
  for (const [title, more] of OTHERS) {
    it(
      `an attempt ${title} is not served where others were`,
      withBed(async ({ serve }) => {
        const handles = [await serve('a'), await serve('b', more)];
        assert.equal(new Set(handles.map(processOf)).size, 2);
      }),
    );
  }

  it(
    'an attempt that shares with nobody is served where nobody was, and nobody follows it',
    withBed(async ({ launcher, serve }) => {
      const alone: More = { sharedBy: null };
      const handles = [await serve('a'), await serve('b', alone), await serve('c', alone)];
      assert.equal(new Set(handles.map(processOf)).size, 3);
      assert.equal((await launcher.alive(handles)).size, 0);
    }),
  );

  it(
    'nobody follows in a process with other keys, one whose attempt ended badly, or one that has served its number',
    withBed(async ({ keys, launch, ended, serve }) => {
      const handles = [await serve('a')];
      keys[0] = 'b3RoZXI=';
      handles.push(await serve('b'), await launch('c', 'badly'));
      assert.equal((await ended('c')).exit, 1);
      assert.equal(processOf(handles[2] ?? ''), processOf(handles[1] ?? ''));
      for (let n = 0; n < 65; n += 1) handles.push(await serve(`d${n}`));
      const served = Map.groupBy(handles, processOf);
      assert.deepEqual(
        [...served.values()].map((of) => of.length),
        [1, 2, 64, 1],
      );
    }),
  );

  it(
    'a process that speaks of another attempt than its own serves no more',
    withBed(async ({ launch, ended, serve }) => {
      const first = await launch('a', 'b');
      assert.deepEqual(await ended('a'), { attemptId: 'a', cause: 'exited', exit: 0, detail: '' });
      assert.notEqual(processOf(await serve('b')), processOf(first));
    }),
  );

  it(
    'an attempt waits for a process that has said that it ends its own, and starts none beside it',
    withBed(async ({ workerFile, launch, ended }) => {
      const waited = async (round: number): Promise<boolean> => {
        const mayEnd = join(dirname(workerFile), `may-end-${round}`);
        const handle = await launch(`a${round}`, `ends:${mayEnd}`);
        await sleep(500);
        const next = launch(`b${round}`, 'well');
        writeFileSync(mayEnd, '');
        await Promise.all([ended(`a${round}`), ended(`b${round}`)]);
        return processOf(await next) === processOf(handle);
      };
      // On a machine that is busy it may come too late: then another is started in time, as it always is without this.
      for (let round = 0; round < 5; round += 1) if (await waited(round)) return;
      assert.fail('each was given a process of its own');
    }),
  );

  for (const [url, title] of [
    ['ends-twice', 'that it has said before'],
    ['stray-first', 'while it serves'],
    ['stray-with', 'in one piece with its answer'],
    ['stray-after', 'in one piece behind its answer'],
    ['stray-within', 'that its answer is the end of'],
  ] as const) {
    it(
      `a process that says what is no answer ${title} ends with that attempt, which has ended well`,
      withBed(async ({ launch, ended, serve }) => {
        const handle = await launch('a', url);
        assert.deepEqual(await ended('a'), { attemptId: 'a', cause: 'exited', exit: 0, detail: '' });
        assert.notEqual(processOf(await serve('b')), processOf(handle));
        await until(() => !lives(handle));
      }),
    );
  }

  it(
    'what aborts a process that has served others is no want of memory of its attempt',
    withBed(async ({ launch, ended, serve }) => {
      await launch('a', 'aborts');
      assert.equal((await ended('a')).cause, 'out_of_memory');
      const handles = [await serve('b'), await launch('c', 'aborts')];
      assert.equal(new Set(handles.map(processOf)).size, 1);
      assert.equal((await ended('c')).cause, 'signalled');
    }),
  );

  it(
    'the last words of an attempt are not those of the next',
    withBed(async ({ launch, ended, serve }) => {
      const first = await launch('a', 'complains');
      assert.equal((await ended('a')).detail, 'of a');
      assert.equal(processOf(await serve('b')), processOf(first));
      assert.equal((await ended('b')).detail, '');
    }),
  );

  it(
    'the probe looks where workers make what is theirs',
    withBed(async ({ workerFile, keys }) => {
      writeFileSync(workerFile, 'console.log(JSON.stringify({ bubblewrap: true, detail: process.env.TMPDIR ?? "" }))');
      const workDir = dirname(workerFile);
      const launcher = createLocalLauncher({ workerFile, keys, origin: 'waybill.test/launcher', workDir });
      assert.equal((await launcher.probe()).detail, workDir);
    }),
  );

  it(
    'a worker is told that the trial had device nodes of its own, where its blocks have a sandbox',
    withBed(async ({ workerFile, launcher, launch, ended }) => {
      const told = async (attemptId: string, ownDevices: boolean, isolation?: Isolation): Promise<string> => {
        const trial = JSON.stringify({ bubblewrap: true, detail: '', ownDevices });
        writeFileSync(
          workerFile,
          `if (process.argv[2] === '--probe') console.log(${JSON.stringify(trial)});
          else console.error(process.env.WAYBILL_OWN_DEVICES ?? 'nothing');`,
        );
        await launcher.probe();
        await launch(attemptId, '', isolation === undefined ? {} : { isolation });
        return (await ended(attemptId)).detail;
      };
      assert.equal(await told('a', true), '1');
      assert.equal(await told('b', true, 'none'), 'nothing');
      assert.equal(await told('c', false), 'nothing');
    }),
  );

  it(
    'nobody follows in a process that has ended since',
    withBed(async ({ launch, ended, serve }) => {
      const first = await launch('a', 'leaves');
      await ended('a');
      await until(() => !lives(first));
      assert.notEqual(processOf(await serve('b')), processOf(first));
    }),
  );

  it(
    'an engine waits for the attempt of a process that served another, and not for a process that serves none',
    withBed(async ({ workerFile }) => {
      const args = ['--input-type=module', '-e', ENGINE, workerFile];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
      const pids = stdout.trim().split('\n');
      assert.deepEqual([pids.length, new Set(pids).size], [2, 1]);
      // It would have ended by itself, had it been waited for.
      process.kill(Number(pids[0]), 'SIGKILL');
    }),
  );

  it(
    'a process without an attempt ends after a while',
    withBed(async ({ serve }) => {
      const handle = await serve('a');
      assert.equal(lives(handle), true);
      await until(() => !lives(handle));
    }),
  );
});
