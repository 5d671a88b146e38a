/** Schedules that are wrong in one way each: the exact path and code of what is said about them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { AnsweringEngine } from '../test/answering-engine.ts';
import { repository, tempDir } from '../test/git-sample.ts';
import { bytesOf, item, runOf } from '../test/run-sample.ts';
import { parseControl } from './compile.ts';
import { readCron } from './cron.ts';
import { DirectoryTransport } from './directory-transport.ts';
import { addSchedule, steerSchedule } from './operator.ts';
import { readSchedule, readSpec } from './read-spec.ts';
import { SpecRefused } from './spec-refused.ts';
import { CONTROL_QUEUE, type PutResult } from './transport.ts';

function scheduleOf(spec: object = {}, run: object = { items: [item('a')] }): object {
  const timing = { timeZone: 'Europe/Berlin', cron: '30 2 * * *' };
  return {
    apiVersion: 'waybill/v1',
    kind: 'Schedule',
    metadata: { name: 'nightly' },
    spec: { ...timing, run, ...spec },
  };
}

async function refusalsOf(document: unknown): Promise<string[]> {
  try {
    await readSchedule(bytesOf(document), '.');
    return [];
  } catch (error) {
    assert.ok(error instanceof SpecRefused);
    for (const { problem, fix } of error.refusals) assert.ok(problem !== '' && fix !== '');
    return error.refusals.map(({ code, path }) => `${code} ${path}`);
  }
}

describe('schedules as their authors write them', () => {
  test('what is sound is taken, with every rule for missed slots', async () => {
    for (const missed of ['skip', 'latest', { all: 1 }, { all: 10 }])
      assert.deepEqual(await refusalsOf(scheduleOf({ missed })), []);
    const run = { openEnded: true, caps: { wallClock: '1h' }, items: [item('a')] };
    assert.deepEqual(await refusalsOf(scheduleOf({}, run)), []);
    for (const timeZone of ['UTC', 'America/Argentina/Buenos_Aires', 'Asia/Kathmandu'])
      assert.deepEqual(await refusalsOf(scheduleOf({ timeZone, paused: true })), []);
  });

  const rows: [title: string, document: unknown, ...refused: string[]][] = [
    ['a run', runOf([item('a')]), 'SPEC_INVALID kind', 'SPEC_INVALID spec.timeZone', 'SPEC_INVALID spec.cron'],
    ['no time zone', scheduleOf({ timeZone: undefined }), 'SPEC_INVALID spec.timeZone'],
    ['a time zone that is none', scheduleOf({ timeZone: 'Berlin' }), 'SPEC_INVALID spec.timeZone'],
    ['an offset', scheduleOf({ timeZone: '+02:00' }), 'SPEC_INVALID spec.timeZone'],
    ['a time zone without end', scheduleOf({ timeZone: 'A'.repeat(65) }), 'SPEC_LIMIT spec.timeZone'],
    ['a cron without end', scheduleOf({ cron: '* '.repeat(101) }), 'SPEC_LIMIT spec.cron'],
    ['another rule', scheduleOf({ missed: 'never' }), 'SPEC_INVALID spec.missed'],
    ['none of all', scheduleOf({ missed: { all: 0 } }), 'SPEC_LIMIT spec.missed.all'],
    ['too many of all', scheduleOf({ missed: { all: 11 } }), 'SPEC_LIMIT spec.missed.all'],
    ['an unknown key', scheduleOf({ timezone: 'UTC' }), 'SPEC_UNKNOWN_KEY spec.timezone'],
    ['no run', scheduleOf({ run: undefined }), 'SPEC_INVALID spec.run'],
    ['a run without items', scheduleOf({}, { items: [] }), 'SPEC_INVALID spec.run.items'],
    [
      'runs that never end',
      scheduleOf({}, { openEnded: true, caps: { items: 5 }, items: [item('a')] }),
      'SPEC_INVALID spec.run.openEnded',
    ],
    [
      'an item of the run, and one that refers to none',
      scheduleOf({}, { items: [item('A'), item('b', { dependsOn: ['c'] })] }),
      'SPEC_INVALID spec.run.items[0].id',
      'SPEC_UNKNOWN_REFERENCE spec.run.items[1].dependsOn[0]',
    ],
  ];
  for (const [title, document, ...refused] of rows) {
    test(`refused: ${title}`, async () => {
      assert.deepEqual((await refusalsOf(document)).slice(0, refused.length), refused);
    });
  }
});

test('a schedule in the place of a run is told apart, with the verb that takes it', async () => {
  await assert.rejects(readSpec(bytesOf(scheduleOf()), '.'), (error: unknown) => {
    assert.ok(error instanceof SpecRefused);
    assert.deepEqual([error.path, /waybill schedule add/.test(error.fix)], ['kind', true]);
    return true;
  });
});

test('cron: what homes understand differently, or nobody does, is refused with what to write instead', async () => {
  const wrong: [string, RegExp][] = [
    ['', /five fields/],
    ['0 12 * *', /five fields/],
    ['0 0 12 * * ?', /five fields/],
    ['@daily', /five fields/],
    ['0  12 * * *', /five fields/],
    ['60 0 * * *', /minute is not understood: 60/],
    ['0 24 * * *', /hour is not understood: 24/],
    ['0 0 0 * *', /day of the month is not understood: 0/],
    ['0 0 * 13 *', /month is not understood: 13/],
    ['0 0 * * 8', /day of the week is not understood: 8/],
    ['0 0 * * MONDAY', /not understood: MONDAY/],
    ['0 0 L * *', /not understood: L/],
    ['0 0 ? * *', /not understood: \?/],
    ['0 0 * * 2#1', /not understood: 2#1/],
    ['5-1 * * * *', /runs backwards: 5-1/],
    ['1-2-3 * * * *', /not understood: 1-2-3/],
    ['5/10 * * * *', /step without a range: 5\/10/],
    ['*/0 * * * *', /not understood/],
    ['1, * * * *', /not understood: nothing/],
    ['-1 * * * *', /not understood: -1/],
    ['0 0 13 * FRI', /programs disagree/],
    ['0 0 31 2,4 *', /none of its months/],
  ];
  for (const [text, problem] of wrong) {
    const read = readCron(text);
    assert.ok(!read.ok, text);
    const [[said, fix] = []] = read.mistakes;
    assert.match(said ?? '', problem, text);
    assert.ok(fix, text);
    assert.equal(read.mistakes.length, 1);
  }
  const all = readCron('60 24 0 13 8');
  const fields = all.ok ? [] : all.mistakes.map(([said]) => said.replace(/^the | is not.*/g, ''));
  assert.deepEqual(fields, ['minute', 'hour', 'day of the month', 'month', 'day of the week']);
  const read = readCron('0-10/5,59 */8 * JAN,6-7 SAT-7');
  assert.deepEqual(read.ok && read.fields, {
    minutes: [0, 5, 10, 59],
    hours: [0, 8, 16],
    monthDays: null,
    months: [1, 6, 7],
    weekdays: [0, 6],
  });
});

class RecordingTransport extends DirectoryTransport {
  readonly written: unknown[] = [];

  override putSubmission(queue: string, submissionId: string, bytes: Uint8Array): Promise<PutResult> {
    assert.equal(queue, CONTROL_QUEUE);
    this.written.push(parseControl(bytes));
    return super.putSubmission(queue, submissionId, bytes);
  }
}

test('schedule add: the source travels with it, pinned to a commit, and what is wrong costs no upload', async (context) => {
  const root = tempDir(context);
  const commit = repository(join(root, 'repo'), { a: '1' });
  const transport = new RecordingTransport(join(root, 'state'), { pollMs: 10 });
  new AnsweringEngine(join(root, 'state')).start(context);
  const source = { git: { url: '.', ref: 'HEAD' } };
  const patch = {
    pipeline: [
      { block: 'script', run: 'true' },
      { block: 'capture', what: 'patch' },
    ],
  };
  const options = { baseDir: join(root, 'repo'), workDir: root, timeoutMs: 5_000 };
  const wrong = bytesOf(scheduleOf({}, { source, items: [item('a', { ...patch, dependsOn: ['nobody'] })] }));
  await assert.rejects(addSchedule(transport, wrong, options), (error: unknown) => {
    assert.ok(error instanceof SpecRefused);
    assert.deepEqual(
      error.refusals.map(({ path }) => path),
      ['spec.run.items[0].dependsOn[0]'],
    );
    return true;
  });
  const receipt = await addSchedule(transport, bytesOf(scheduleOf({}, { source, items: [item('a', patch)] })), options);
  assert.deepEqual([receipt.status, receipt.name], ['accepted', 'nightly']);
  await steerSchedule(transport, { schedule: 'nightly', do: 'pause' }, options);
  const [added, paused] = transport.written as {
    ok: true;
    control: { spec: { run?: { source: { commit: string; bundle: string } } } };
  }[];
  assert.equal(added?.control.spec.run?.source.commit, commit);
  const bundle = added.control.spec.run.source.bundle.slice('sha256:'.length);
  assert.ok(readFileSync(join(root, 'state', 'uploads', transport.principal, bundle)).length > 0);
  assert.deepEqual(paused?.control.spec, { verb: 'schedule', do: 'pause', schedule: 'nightly' });
});
