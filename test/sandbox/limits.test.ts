import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JobResources } from '#core/mailbox-protocol.ts';
import { openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';

const MB = 1_000_000;
const SMALL: JobResources = { memoryBytes: 60 * MB, diskBytes: 10 * MB, inodes: 300, processes: 30, openFiles: 64 };
const write = (megabytes: number, file: string): string => `head -c ${megabytes * MB} /dev/zero > ${file}`;

/** Stands for what goes on until somebody ends it; without limits nobody does, and it is over at once. */
const HOLD = 'sleep 15';
const GO_ON = 'true';

/** What a block takes too much of; without limits each of them ends well, in the same sandbox. */
const FLOODS: readonly [title: string, run: string, reason: string, limit: RegExp, more?: Partial<JobResources>][] = [
  [
    'memory of one process',
    `perl -e '$x = q(x) x 99e6; system(q(${HOLD}))'`,
    'out_of_memory',
    /resources\.memory .* 60000000 bytes/,
  ],
  [
    'memory of many processes, each within the limit',
    `for i in 1 2 3 4; do perl -e '$x = q(x) x 11e6; $x .= q(y); system(q(${HOLD}))' & done; wait`,
    'out_of_memory',
    /resources\.memory/,
  ],
  [
    'processes',
    `for i in $(seq 60); do (true; ${HOLD}; true) & done; wait`,
    'too_many_processes',
    /resources\.processes/,
  ],
  [
    'threads',
    `HOLD="${HOLD}" node -e 'const code = "require(\\x27child_process\\x27).execSync(process.env.HOLD)";
      for (let n = 0; n < 12; n += 1) new (require("worker_threads").Worker)(code, { eval: true });'`,
    'too_many_processes',
    /resources\.processes/,
    // Node alone has about ten.
    { processes: 20, memoryBytes: 2_000 * MB, openFiles: 1_000 },
  ],
  ['disk with one file', write(30, 'f'), 'disk_full', /resources\.disk/],
  ['disk with many files', `for i in 1 2 3 4 5 6; do ${write(5, 'f$i')}; done`, 'disk_full', /10000000 bytes/],
  ['disk in its temporary directory and home', `${write(6, '/tmp/a')}; ${write(6, '~/b')}`, 'disk_full', /10000000/],
  [
    'disk with files that have no name',
    `exec 7>g 8>h; rm g h; head -c ${8 * MB} /dev/zero >&7; head -c ${8 * MB} /dev/zero >&8; ${HOLD}`,
    'disk_full',
    /10000000 bytes/,
  ],
  ['files of no length', 'mkdir d; for i in $(seq 600); do : > d/$i; done', 'disk_full', /300 files/],
  [
    'processor time',
    `perl -e 'do { for (1 .. 1e5) {} } until (times)[0] > 0.8; system(q(${HOLD}))'`,
    'cpu_used_up',
    /500 ms of processor time/,
    { cpuMs: 500 },
  ],
  [
    'processor time of children that nobody waits for, each seen by several looks',
    `perl -e '$SIG{CHLD} = q(IGNORE); for (1 .. 3) { if (!fork) { do { for (1 .. 1e5) {} } until (times)[0] > 0.35; exit } wait } system(q(${HOLD}))'`,
    'cpu_used_up',
    /500 ms of processor time/,
    { cpuMs: 500 },
  ],
];

describe('limits:', () => {
  let bed: WorkerBed;
  let absent: string | null = null;
  before(async () => {
    bed = await openWorkerBed();
    const { isolation, detail } = await bed.launcher.probe();
    if (isolation !== 'bubblewrap') absent = detail;
  });
  after(() => bed.close());
  const sandboxed = (run: string, resources?: JobResources) =>
    bed.run({
      isolation: 'bubblewrap',
      ...(resources === undefined ? {} : { resources }),
      pipeline: [
        { block: 'script', run },
        { block: 'script', run: 'echo later' },
      ],
    });
  const test = (title: string, body: () => Promise<void>): void => {
    it(title, async (t) => {
      if (absent !== null) return t.skip(`bubblewrap: ${absent}`);
      await body();
    });
  };

  for (const [title, run, reason, limit, more] of FLOODS) {
    test(`a block that takes too much is ended, with the reason: ${title}`, async () => {
      const { result, log } = await sandboxed(run, { ...SMALL, ...more });
      assert.deepEqual([result?.outcome, result?.reason, result?.blocks.length], ['failed', reason, 1], log);
      assert.match(log, limit);
      const control = await sandboxed(run.replaceAll(HOLD, GO_ON));
      assert.equal(control.result?.outcome, 'succeeded', control.log);
    });
  }

  test('a process opens no more files than it may, and leaves no core', async () => {
    const run = "perl -e 'for (1 .. 100) { open($f[$_], q(<), q(/dev/null)) or exit 9 }'";
    assert.deepEqual((await sandboxed(run, SMALL)).result?.exit, 9);
    assert.deepEqual((await sandboxed(run)).result?.exit, 0);
    const core = await sandboxed('ulimit -Hc; ulimit -c unlimited || echo refused', SMALL);
    assert.match(core.log, /^0$[\s\S]*refused$/m);
  });

  test('what stays within its limits is left alone, whatever it shares', async () => {
    const shared = `perl -e '$x = q(x) x 11e6; $x .= q(y); for (1 .. 5) { fork or last } sleep 1; 1 while wait > 0'`;
    const { result, log } = await sandboxed(`${shared}; ${write(4, 'f')}`, SMALL);
    assert.equal(result?.outcome, 'succeeded', log);
  });

  test('a block that nobody could hold to its limits does not run', async () => {
    const pipeline = [{ block: 'script' as const, run: 'echo ran' }];
    const { result, log } = await bed.run({ isolation: 'none', resources: SMALL, pipeline });
    assert.deepEqual([result?.outcome, result?.reason], ['policy_blocked', 'sandbox_required']);
    assert.doesNotMatch(log, /^ran$/m);
    assert.match((await bed.run({ isolation: 'none', pipeline })).log, /^ran$/m);
  });
});
