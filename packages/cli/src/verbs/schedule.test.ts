import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DirectoryTransport, type ScheduleStatus } from '@waybill/client';
import { call, scratch } from '../../test/scratch.ts';

const REASON = {
  code: 'QUEUE_UNKNOWN',
  path: 'spec.queue',
  problem: 'there is no queue "old"',
  fix: 'Use another.',
} as const;
const NIGHTLY: ScheduleStatus = {
  name: 'nightly',
  queue: 'old',
  cron: '30 2 * * *',
  timeZone: 'Europe/Berlin',
  missed: { all: 3 },
  definition: `sha256:${'a'.repeat(64)}`,
  paused: false,
  addedAt: '2026-05-01T00:00:00.000Z',
  next: ['2026-05-04T00:30:00.000Z'],
  slots: [
    {
      at: '2026-05-02T00:30:00.000Z',
      how: 'slot',
      submissionId: 's1',
      run: 'b'.repeat(32),
      status: 'accepted',
      reasons: [],
    },
    {
      at: '2026-05-03T00:30:00.000Z',
      how: 'slot',
      submissionId: 's2',
      run: 'c'.repeat(32),
      status: 'invalid',
      reasons: [REASON],
    },
  ],
  passedOver: { from: '2026-05-01T00:30:00.000Z', to: '2026-05-01T00:30:00.000Z' },
};

/** A state directory as an engine leaves it. */
function stateWith(t: TestContext, schedules: ScheduleStatus[]): string {
  const directory = scratch(t);
  const { principal } = new DirectoryTransport(directory);
  const outbox = join(directory, 'outbox', principal);
  mkdirSync(outbox, { recursive: true });
  const list = { v: 1, principal, at: '2026-05-03T00:30:00.000Z', schedules };
  writeFileSync(join(outbox, 'schedules.json'), JSON.stringify(list));
  return directory;
}

test('schedule list: one line each, with what became of the last slot', async (t) => {
  const dir = stateWith(t, [NIGHTLY, { ...NIGHTLY, name: 'weekly', paused: true, next: [], slots: [] }]);
  const { exit, out } = await call(['schedule', 'list', '--plain', '--dir', dir]);
  assert.equal(exit, 0);
  const [head = '', nightly = '', weekly = ''] = out.split('\n');
  assert.match(head, /^NAME +CRON +ZONE +NEXT +LAST/);
  assert.match(nightly, /^nightly +30 2 .* 2026-05-04T00:30:00.000Z +2026-05-03T00:30:00.000Z invalid/);
  assert.match(weekly, /^weekly .* paused/);
  const lines = (await call(['schedule', 'list', '--json', '--dir', dir])).out.trim().split('\n');
  assert.deepEqual(JSON.parse(lines[0] ?? ''), NIGHTLY);
});

test('schedule show: the refusal of a slot is there with its fix, and what was passed over', async (t) => {
  const { exit, out } = await call(['schedule', 'show', 'nightly', '--plain', '--dir', stateWith(t, [NIGHTLY])]);
  assert.equal(exit, 0);
  assert.match(out, /slot +2026-05-02T00:30:00.000Z +b{12} +accepted/);
  assert.match(out, /slot +2026-05-03T00:30:00.000Z +c{12} +invalid\n.*QUEUE_UNKNOWN.*spec\.queue/);
  assert.match(out, /fix: Use another\./);
  assert.match(out, /missed +slots from 2026-05-01T00:30:00.000Z/);
});

test('schedule: a name that is none of yours is a usage error, before an engine is started', async (t) => {
  for (const verb of ['show', 'pause', 'resume', 'trigger', 'rm']) {
    for (const dir of [stateWith(t, [NIGHTLY]), stateWith(t, [])]) {
      const { exit, err } = await call(['schedule', verb, 'other', '--dir', dir]);
      assert.deepEqual([exit, JSON.parse(err).error.code], [4, 'SCHEDULE_UNKNOWN'], verb);
    }
  }
});

/** Says that it is ready, accepts the first control that it finds, and ends. */
const ACCEPTS = `
  const { createHash } = await import('node:crypto');
  const { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } = await import('node:fs');
  const dir = process.argv[process.argv.indexOf('--dir') + 1];
  const startedAt = new Date().toISOString();
  writeFileSync(dir + '/engine.json', JSON.stringify({ pid: process.pid, startedAt, ready: true, isolation: 'none', detail: '' }));
  setTimeout(() => process.exit(1), 30_000);
  setInterval(() => {
    const box = dir + '/inbox/@control';
    for (const principal of existsSync(box) ? readdirSync(box) : []) {
      for (const name of readdirSync(box + '/' + principal).filter((each) => /^[^.].*[.]json$/.test(each))) {
        const hex = createHash('sha256').update(readFileSync(box + '/' + principal + '/' + name)).digest('hex');
        const submissionId = name.slice(0, -5);
        const out = dir + '/outbox/' + principal + '/' + submissionId;
        mkdirSync(out, { recursive: true });
        const about = { v: 1, status: 'accepted', principal, submissionId, submission: 'sha256:' + hex, reasons: [], at: startedAt };
        writeFileSync(out + '/new', JSON.stringify(about));
        renameSync(out + '/new', out + '/receipt-' + hex.slice(0, 16) + '.json');
        process.exit(0);
      }
    }
  }, 20);
`;

const WRITTEN = {
  apiVersion: 'waybill/v1',
  kind: 'Schedule',
  metadata: { name: 'nightly' },
  spec: {
    cron: '30 2 * * *',
    timeZone: 'Europe/Berlin',
    run: { items: [{ id: 'a', pipeline: [{ block: 'script', run: 'true' }] }] },
  },
};

test('schedule add: a state directory that is not there yet is made, as by submit; one that is somebody else’s is refused', async (t) => {
  const place = scratch(t);
  const [spec, engine, dir] = [join(place, 'schedule.json'), join(place, 'engine.mjs'), join(place, 'new', 'state')];
  writeFileSync(spec, JSON.stringify(WRITTEN));
  writeFileSync(engine, ACCEPTS);
  const env = { ...process.env, WAYBILL_ENGINE: engine };
  const added = await call(['schedule', 'add', spec, '--plain', '--dir', dir], env);
  assert.deepEqual([added.exit, added.err], [0, '']);
  assert.match(added.out, /^accepted {2}schedule nightly\n/);
  assert.equal(existsSync(join(dir, '.gitignore')), true);
  const refused = await call(['schedule', 'add', spec, '--dir', place], env);
  assert.deepEqual([refused.exit, JSON.parse(refused.err).error.code], [4, 'USAGE']);
});
