/** Control objects and deadlines: whatever state an item is in, the run comes to a verified end. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Receipt } from '@waybill/client/documents';
import { type FlowBed, PRINCIPAL } from '../support/embedded-flow.ts';
import { aborted, FAILED, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { cancelOf, type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const ROOT_ONLY = process.getuid?.() !== 0 && 'the control needs root, which alone can give a file to another user';
const STRANGER = 54_321;

/** With two slots these come to rest in one state each, all at the same time. */
const ONE_OF_EACH: ItemDraft[] = [
  { id: 'ended', priority: 100 },
  { id: 'backing-off', priority: 99, retry: { maxAttempts: 2, backoff: '1h', maxBackoff: '1h' } },
  { id: 'holding', priority: 90, locks: ['l'] },
  { id: 'parked', priority: 85, locks: ['l'] },
  { id: 'running', priority: 80 },
  { id: 'queued', priority: 10 },
  { id: 'pending', dependsOn: ['queued', 'ended'] },
];

async function atRest(bed: FlowBed, run: string): Promise<void> {
  const look = async (id: string) => bed.itemRow(run, id);
  await bed.until(
    async () => (await look('running'))?.state === 'running' && (await look('holding'))?.state === 'running',
  );
  await bed.until(async () => (await look('parked'))?.parked);
  await bed.until(async () => (await look('backing-off'))?.notBeforeMs);
  assert.equal((await look('queued'))?.state, 'ready');
  assert.equal((await look('pending'))?.state, 'pending');
}

async function receiptOf(bed: FlowBed, submissionId: string): Promise<Receipt> {
  return bed.until(() => bed.receipts(submissionId)[0]);
}

async function refusalOf(bed: FlowBed, submissionId: string): Promise<[string, string | undefined]> {
  const { status, reasons } = await receiptOf(bed, submissionId);
  return [status, reasons[0]?.code];
}

describe('flow: cancel', { concurrency: true }, () => {
  it('a cancelled run ends its items in whatever state they are, and its executors see their signal', async () => {
    const [begun, stopped]: [string[], string[]] = [[], []];
    await withBed(
      {
        concurrency: 2,
        async execute(job, { signal }) {
          if (job.item === 'ended') return SUCCEEDED;
          if (job.item === 'backing-off') return FAILED;
          begun.push(job.item);
          await aborted(signal);
          stopped.push(job.item);
          return null;
        },
      },
      async (bed) => {
        const run = bed.submit('s', runOf(ONE_OF_EACH));
        await atRest(bed, run);
        // What is claimed runs already, and has no executor yet that could see anything.
        await bed.until(() => begun.length === 2);
        bed.control('stop', cancelOf(run));
        const { status, states, item, events } = await finished(bed, 's');
        assert.equal(status.state, 'cancelled');
        const { ended, ...rest } = states;
        assert.equal(ended, 'done');
        assert.deepEqual(new Set(Object.values(rest)), new Set(['cancelled']));
        assert.equal(Object.keys(rest).length, 6);
        assert.deepEqual(stopped.sort(), ['holding', 'running']);
        assert.equal(item('running')?.attempts[0]?.outcome, 'cancelled');
        assert.equal(item('pending')?.reason, 'cancelled');
        assert.equal(eventsOf(events, 'control.accepted').length, 1);
        assert.deepEqual(eventsOf(events, 'run.stopping')[0]?.data, { reason: 'cancelled' });
        assert.equal((await receiptOf(bed, 'stop')).status, 'accepted');
        const lock = await bed.row<{ holders: unknown[]; head?: unknown }>({ pk: 'lock/l', sk: 'lock' });
        assert.deepEqual([lock?.holders, lock?.head], [[], undefined], 'nothing stays held');
      },
    );
  });

  for (const target of ONE_OF_EACH.map(({ id }) => id).filter((id) => id !== 'ended')) {
    it(`one item is cancelled while ${target}: its dependents are skipped and everything else goes on`, async () => {
      const released = new Gate();
      await withBed(
        {
          concurrency: 2,
          async execute(job, { signal }) {
            if (job.item === 'backing-off' && job.attempt === 1) return FAILED;
            if (job.item === target) {
              await aborted(signal);
              return null;
            }
            if (job.item === 'holding' || job.item === 'running') await released.opened;
            return SUCCEEDED;
          },
        },
        async (bed) => {
          // Nothing waits an hour here but what is cancelled.
          const items = ONE_OF_EACH.map((item) =>
            item.id === 'backing-off' && target !== item.id ? shortly(item) : item,
          );
          const run = bed.submit('s', runOf([...items, { id: 'behind', dependsOn: [target] }]));
          await bed.until(async () => (await bed.itemRow(run, 'running'))?.state === 'running');
          await bed.until(async () => (await bed.itemRow(run, 'parked'))?.parked);
          bed.control('stop', cancelOf(run, target));
          await bed.until(() => bed.receipts('stop')[0]);
          released.open();
          const { status, states, item } = await finished(bed, 's');
          assert.equal(status.state, 'cancelled');
          assert.equal(states[target], 'cancelled');
          assert.deepEqual([states.behind, item('behind')?.cause], ['skipped', target]);
          const others = Object.entries(states).filter(([id]) => id !== target && id !== 'behind');
          const pendingFalls = target === 'queued' || target === 'pending';
          for (const [id, state] of others)
            assert.equal(state, id === 'pending' && pendingFalls ? 'skipped' : 'done', id);
        },
      );
    });
  }

  it('asking twice is deduped, and a finished run has nothing left to cancel', async () => {
    const released = new Gate();
    await withBed(
      {
        async execute(_job, { signal }) {
          await aborted(signal);
          await released.opened;
          return null;
        },
      },
      async (bed) => {
        const run = bed.submit('s', runOf([{ id: 'x' }, { id: 'y' }]));
        await bed.until(async () => (await bed.itemRow(run, 'x'))?.state === 'running');
        bed.control('item-1', cancelOf(run, 'x'));
        bed.control('item-2', cancelOf(run, 'x'));
        const answers = [(await receiptOf(bed, 'item-1')).status, (await receiptOf(bed, 'item-2')).status];
        assert.deepEqual(answers.sort(), ['accepted', 'deduped']);
        bed.control('run-1', cancelOf(run));
        bed.control('run-2', cancelOf(run));
        const runAnswers = [(await receiptOf(bed, 'run-1')).status, (await receiptOf(bed, 'run-2')).status];
        assert.deepEqual(runAnswers.sort(), ['accepted', 'deduped']);
        released.open();
        const { events } = await finished(bed, 's');
        assert.equal(eventsOf(events, 'control.accepted').length, 2);
        bed.control('late', cancelOf(run));
        assert.deepEqual(await refusalOf(bed, 'late'), ['invalid', 'RUN_SEALED']);
      },
    );
  });

  it('a run or an item that does not exist is named in the answer', async () => {
    const released = new Gate();
    await withBed({ execute: () => released.opened.then(() => SUCCEEDED) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await bed.until(() => bed.receipts('s')[0]);
      bed.control('no-run', cancelOf('f'.repeat(32)));
      bed.control('no-item', cancelOf(run, 'nobody'));
      bed.control('no-control', { apiVersion: 'waybill/v1', kind: 'Control', spec: { verb: 'explode', run } });
      assert.deepEqual(await refusalOf(bed, 'no-run'), ['invalid', 'RUN_UNKNOWN']);
      assert.deepEqual(await refusalOf(bed, 'no-item'), ['invalid', 'ITEM_UNKNOWN']);
      assert.equal((await receiptOf(bed, 'no-control')).status, 'invalid');
      released.open();
      assert.equal((await finished(bed, 's')).status.state, 'done');
    });
  });

  it('nobody can cancel under the name of another principal', async () => {
    const released = new Gate();
    await withBed({ execute: () => released.opened.then(() => SUCCEEDED) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await bed.until(() => bed.receipts('s')[0]);
      const folder = join(bed.directory, 'inbox', '@control', `uid-${STRANGER}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, '.ours'), JSON.stringify(cancelOf(run)));
      renameSync(join(folder, '.ours'), join(folder, 'ours.json'));
      const answer = await bed.until(() => readReceipt(join(bed.directory, 'outbox', `uid-${STRANGER}`, 'ours')));
      assert.deepEqual([answer.status, answer.reasons[0]?.code], ['denied', 'PRINCIPAL_MISMATCH']);
      released.open();
      const { status, events } = await finished(bed, 's');
      assert.equal(status.state, 'done');
      assert.equal(eventsOf(events, 'control.accepted').length, 0);
    });
  });

  it('another principal can cancel nothing, under their own name or under ours', { skip: ROOT_ONLY }, async () => {
    const released = new Gate();
    await withBed({ execute: () => released.opened.then(() => SUCCEEDED) }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await bed.until(() => bed.receipts('s')[0]);
      for (const principal of [PRINCIPAL, `uid-${STRANGER}`]) {
        const folder = join(bed.directory, 'inbox', '@control', principal);
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, '.theirs'), JSON.stringify(cancelOf(run)));
        chownSync(join(folder, '.theirs'), STRANGER, STRANGER);
        renameSync(join(folder, '.theirs'), join(folder, 'theirs.json'));
      }
      assert.deepEqual(await refusalOf(bed, 'theirs'), ['denied', 'PRINCIPAL_MISMATCH']);
      const outbox = join(bed.directory, 'outbox', `uid-${STRANGER}`, 'theirs');
      const answer = await bed.until(() => readReceipt(outbox));
      assert.deepEqual([answer.status, answer.reasons[0]?.code], ['denied', 'PRINCIPAL_MISMATCH']);
      released.open();
      const { status, events } = await finished(bed, 's');
      assert.equal(status.state, 'done');
      assert.equal(eventsOf(events, 'control.accepted').length, 0);
    });
  });
});

describe('flow: deadlines', { concurrency: true }, () => {
  it('a run over its wall clock fails: what runs is stopped, what waits is ended', async () => {
    const stopped: string[] = [];
    await withBed(
      {
        async execute(job, { signal }) {
          await aborted(signal);
          stopped.push(job.item);
          return null;
        },
      },
      async (bed) => {
        const items = [{ id: 'running' }, { id: 'pending', dependsOn: ['running'] }];
        bed.submit('s', runOf(items, { caps: { wallClock: '1s' } }));
        const { status, states, item, events } = await finished(bed, 's');
        assert.equal(status.state, 'failed');
        assert.deepEqual(states, { running: 'failed', pending: 'failed' });
        assert.equal(item('running')?.reason, 'deadline_exceeded');
        assert.equal(item('running')?.attempts[0]?.outcome, 'timed_out');
        assert.deepEqual(stopped, ['running']);
        assert.deepEqual(eventsOf(events, 'run.stopping')[0]?.data, { reason: 'deadline_exceeded' });
        const opened = Date.parse(status.openedAt);
        assert.ok(Date.parse(status.completedAt ?? '') - opened >= 1_000, 'not before its time');
      },
    );
  });

  it('an item over its deadline fails alone, running or waiting; a sibling goes on', async () => {
    const released = new Gate();
    await withBed(
      {
        async execute(job, { signal }) {
          if (job.item === 'slow') {
            await aborted(signal);
            return null;
          }
          if (job.item === 'sibling') await released.opened;
          return SUCCEEDED;
        },
      },
      async (bed) => {
        const run = bed.submit(
          's',
          runOf([
            { id: 'slow', deadline: '1s', retry: { maxAttempts: 5 } },
            { id: 'sibling' },
            { id: 'waiting', dependsOn: ['sibling'], deadline: '1s' },
            { id: 'in-time', deadline: '1s' },
          ]),
        );
        await bed.until(async () => (await bed.itemRow(run, 'waiting'))?.state === 'failed');
        await bed.until(async () => (await bed.itemRow(run, 'slow'))?.state === 'failed');
        released.open();
        const { states, item } = await finished(bed, 's');
        assert.deepEqual(states, { slow: 'failed', sibling: 'done', waiting: 'failed', 'in-time': 'done' });
        assert.deepEqual([item('slow')?.reason, item('waiting')?.reason], ['deadline_exceeded', 'deadline_exceeded']);
        assert.equal(item('slow')?.attempts.length, 1, 'no attempt after the deadline');
      },
    );
  });
});

function shortly(item: ItemDraft): ItemDraft {
  return { ...item, retry: { maxAttempts: 2, backoff: '100ms' } };
}

function readReceipt(outbox: string): Receipt | null {
  try {
    const [name = ''] = readdirSync(outbox).filter((each) => each.startsWith('receipt-'));
    return JSON.parse(readFileSync(join(outbox, name), 'utf8')) as Receipt;
  } catch {
    return null;
  }
}
