import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type BedEntry, installBed, installBeds } from './install.ts';

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

test('install: a name that is no bed is answered with those that there are', () => {
  assert.match(installBeds(['no-such-bed'], () => undefined)[0] ?? '', /there are dynamodb-local, ministack/);
});
