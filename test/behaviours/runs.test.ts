/** Behaviours 20 to 25: runs as a whole. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Receipt } from '@waybill/client/documents';
import type { Execute } from '#adapters/in-process/executor.ts';
import { createLocalScheduler } from '#adapters/local/scheduler.ts';
import type { InboxObject } from '#ports/inbox.ts';
import { type FlowBed, type FlowBedOptions, openFlowBed } from '../support/embedded-flow.ts';
import { aborted, answerTo, FAILED, finished, Gate, inState, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { HOURLY } from '../support/hourly-schedule.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { entriesOf } from '../support/ledger-entries.ts';
import { clockFrom } from '../support/moved-clock.ts';
import { cancelOf, controlOf, runOf } from '../support/run-spec.ts';

const openAt = (at: string, directory?: string): Promise<FlowBed> => {
  const clock = clockFrom(at);
  const before = directory === undefined ? {} : { directory };
  const adapt = (deps: FlowBed['deps']) => ({ ...deps, clock, scheduler: createLocalScheduler(clock) });
  return openFlowBed({ execute: () => SUCCEEDED, adapt, ...before });
};

/** What the inbox was told to answer: an acceptance that lies there hides every later one. */
function hearing(answers: string[]): NonNullable<FlowBedOptions['adapt']> {
  return (deps) =>
    interceptPorts(deps, ({ port, method, args }, proceed) => {
      const [object, receipt] = args as [InboxObject, Receipt];
      if (port === 'inbox' && method === 'answer')
        answers.push(`${object.submissionId} ${receipt.status} ${receipt.run}`);
      return proceed();
    });
}

/** Whatever was put into the inbox is answered and gone. */
function takenIn(bed: FlowBed): Promise<unknown> {
  return bed.until(async () => (await bed.deps.inbox.list({ limit: 1 })).length === 0);
}

describe('behaviours: runs', { concurrency: true }, () => {
  it('20. a cancelled run ends its items in whatever state they are', async () => {
    const execute: Execute = async ({ item }, { signal }) => {
      if (item === 'ended') return SUCCEEDED;
      if (item === 'backing-off') return FAILED;
      await aborted(signal);
      return null;
    };
    await withBed({ execute, concurrency: 2 }, async (bed) => {
      const items = [
        { id: 'ended', priority: 100 },
        { id: 'backing-off', priority: 99, retry: { maxAttempts: 2, backoff: '1h', maxBackoff: '1h' } },
        { id: 'running', priority: 90, locks: ['l'] },
        { id: 'parked', priority: 85, locks: ['l'] },
        { id: 'gate', gate: {} },
        { id: 'running-too', priority: 80 },
        { id: 'queued', priority: 10 },
        { id: 'pending', dependsOn: ['queued'] },
      ];
      const run = bed.submit('s', runOf(items));
      await inState(bed, run, 'running-too', 'running');
      await bed.until(async () => (await bed.itemRow(run, 'parked'))?.parked);
      await bed.until(async () => (await bed.itemRow(run, 'backing-off'))?.notBeforeMs);
      await answerTo(bed, 'stop', cancelOf(run));
      const { status, states } = await finished(bed, 's');
      const { ended, ...rest } = states;
      assert.deepEqual(
        [ended, new Set(Object.values(rest)), status.state],
        ['done', new Set(['cancelled']), 'cancelled'],
      );
    });
  });

  it('21. a schedule fires once after 3 h 37 of downtime', async () => {
    const before = await openAt('2026-05-04T10:20:00Z');
    assert.deepEqual(await answerTo(before, 'add', HOURLY), ['accepted', undefined]);
    await before.halt();
    const back = await openAt('2026-05-04T13:57:00Z', before.directory);
    try {
      await back.until(() => entriesOf(back.directory, 'run.sealed').length > 0);
      await back.halt();
      assert.equal(entriesOf(back.directory, 'run.opened').length, 1);
    } finally {
      await back.close();
    }
  });

  it('22. the same submission twice is one run', async () => {
    const answers: string[] = [];
    await withBed({ execute: () => SUCCEEDED, adapt: hearing(answers) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await finished(bed, 's');
      await takenIn(bed);
      bed.submit('s', runOf([{ id: 'x' }]));
      await takenIn(bed);
      const later = bed.submit('later', runOf([{ id: 'x' }]));
      await finished(bed, 'later');
      await takenIn(bed);
      assert.deepEqual(answers, [`s accepted ${run}`, `s deduped ${run}`, `later accepted ${later}`]);
      assert.deepEqual([bed.receipts('s').map((each) => each.run), later === run], [[run], false]);
      assert.equal(entriesOf(bed.directory, 'run.opened').length, 2);
    });
  });

  it('23. another submission under the same name is a conflict, and changes nothing of the first', async () => {
    const answers: string[] = [];
    await withBed({ execute: () => SUCCEEDED, adapt: hearing(answers) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await finished(bed, 's');
      await takenIn(bed);
      bed.submit('s', runOf([{ id: 'other' }]));
      await takenIn(bed);
      assert.deepEqual(answers, [`s accepted ${run}`, `s conflict ${run}`]);
      assert.deepEqual(
        bed
          .receipts('s')
          .map(({ status }) => status)
          .sort(),
        ['accepted', 'conflict'],
      );
      assert.deepEqual(Object.keys((await finished(bed, 's')).states), ['x']);
      assert.equal(entriesOf(bed.directory, 'run.opened').length, 1);
    });
  });

  it('24. a paused run starts nothing more and holds no lock for what waits, and goes on when it is resumed', async () => {
    const released = new Gate();
    const execute = ({ item }: { item: string }) =>
      item === 'running' ? released.opened.then(() => SUCCEEDED) : SUCCEEDED;
    await withBed({ execute, concurrency: 1 }, async (bed) => {
      const run = bed.submit(
        's',
        runOf([
          { id: 'running', priority: 99 },
          { id: 'waits', locks: ['l'] },
        ]),
      );
      await inState(bed, run, 'running', 'running');
      await answerTo(bed, 'p', controlOf('pause', run));
      released.open();
      const other = bed.submit('other', runOf([{ id: 'x', locks: ['l'] }]));
      assert.equal((await finished(bed, 'other')).status.run, other);
      assert.equal((await bed.itemRow(run, 'waits'))?.attempt, 0);
      await answerTo(bed, 'r', controlOf('resume', run));
      assert.deepEqual((await finished(bed, 's')).states, { running: 'done', waits: 'done' });
    });
  });

  it('25. a failed item that somebody tries again opens what was skipped because of it', async () => {
    const open = new Gate();
    const execute: Execute = ({ item, attempt }) => {
      if (item === 'open') return open.opened.then(() => SUCCEEDED);
      return item === 'bad' && attempt === 1 ? FAILED : SUCCEEDED;
    };
    await withBed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'bad' }, { id: 'after', dependsOn: ['bad'] }, { id: 'open' }]));
      await inState(bed, run, 'after', 'skipped');
      await answerTo(bed, 'r', controlOf('retry', run, 'bad'));
      await inState(bed, run, 'after', 'done');
      open.open();
      assert.equal((await finished(bed, 's')).status.state, 'done');
    });
  });
});
