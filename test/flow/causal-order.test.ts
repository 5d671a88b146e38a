/** No event stands before what caused it, whichever rows its own transition happens to write. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import { aborted, finished, Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { cancelOf, itemsOf, runOf } from '../support/run-spec.ts';

const obedient: Execute = async (_job, { signal }) => {
  await aborted(signal);
  return { outcome: 'cancelled', reason: 'cancelled' };
};

function placeOf(events: { type: string }[], type: string): number {
  const place = events.findIndex((event) => event.type === type);
  assert.ok(place >= 0, `no ${type}`);
  return place;
}

describe('causal order', { concurrency: 4 }, () => {
  it('a cancel stands before the end of items that only ever waited', () =>
    withBed({ execute: obedient }, async (bed) => {
      const run = bed.submit(
        's',
        runOf([{ id: 'a' }, { id: 'p1', dependsOn: ['a'] }, { id: 'p2', dependsOn: ['p1'] }]),
      );
      await bed.until(() => bed.status('s')?.counts.running === 1);
      bed.control('c', cancelOf(run));
      const { events, states } = await finished(bed, 's');
      assert.deepEqual(states, { a: 'cancelled', p1: 'cancelled', p2: 'cancelled' });
      const order = ['control.accepted', 'run.stopping', 'item.closed'].map((type) => placeOf(events, type));
      assert.deepEqual(
        order,
        order.toSorted((a, b) => a - b),
      );
    }));

  it('a cancel stands before the ends of two hundred items, running and waiting, after cancels of single ones', () =>
    withBed({ execute: obedient, concurrency: 120 }, async (bed) => {
      const run = bed.submit('s', runOf([...itemsOf('r', 120), ...itemsOf('w', 80, { dependsOn: ['r000'] })]));
      await bed.until(() => bed.status('s')?.counts.running === 120);
      for (let n = 0; n < 12; n += 1) bed.control(`c${n}`, cancelOf(run, `r1${String(n).padStart(2, '0')}`));
      await bed.until(() => bed.receipts('c11').length > 0);
      bed.control('all', cancelOf(run));
      const { status } = await finished(bed, 's');
      // Waiting items end with the run, or as skipped when the one they wait for was quicker.
      assert.equal(status.counts.cancelled + status.counts.skipped, 200);
      assert.ok(status.counts.cancelled >= 120);
    }));

  it('a deadline stands before the ends that it brings', () =>
    withBed({ execute: obedient }, async (bed) => {
      bed.submit('s', runOf([{ id: 'a' }, { id: 'p', dependsOn: ['a'] }], { caps: { wallClock: '1s' } }));
      const { events, states } = await finished(bed, 's');
      assert.deepEqual(states, { a: 'failed', p: 'failed' });
      assert.ok(placeOf(events, 'run.stopping') < placeOf(events, 'item.closed'));
      assert.ok(placeOf(events, 'attempt.claimed') < placeOf(events, 'run.stopping'));
    }));

  it('what became ready stands before what was claimed, and a claim before its item’s cancel', () =>
    withBed({ execute: obedient, concurrency: 1 }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'a' }, { id: 'b' }]));
      await bed.until(() => bed.status('s')?.counts.running === 1);
      bed.control('c', cancelOf(run));
      const { events } = await finished(bed, 's');
      const order = [
        'run.opened',
        'item.ready',
        'attempt.claimed',
        'control.accepted',
        'attempt.settled',
        'run.completed',
      ];
      const places = order.map((type) => placeOf(events, type));
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      );
    }));
});

describe('what a deployment may change', { concurrency: 4 }, () => {
  it('a queue that is configured no more takes nothing, ends what it began, and comes back with its configuration', async () => {
    const gate = new Gate();
    const execute: Execute = async () => {
      await gate.opened;
      return SUCCEEDED;
    };
    await withBed({ execute, queues: { default: { concurrency: 2 }, slow: { concurrency: 1 } } }, async (bed) => {
      bed.submit('kept', runOf([{ id: 'a', locks: ['l'] }], { queue: 'slow' }), 'slow');
      await bed.until(() => bed.status('kept')?.counts.running === 1);
      await bed.halt();
      gate.open();
      await withBed({ execute, directory: bed.directory, queues: { default: { concurrency: 2 } } }, async (later) => {
        later.submit('refused', runOf([{ id: 'a' }], { queue: 'slow' }), 'slow');
        later.submit('other', runOf([{ id: 'x', locks: ['l'] }]));
        await later.until(() => later.receipts('refused').length > 0);
        assert.equal(later.receipts('refused')[0]?.reasons[0]?.code, 'QUEUE_UNKNOWN');
        assert.equal((await finished(later, 'other')).states.x, 'done');
        await later.halt();
        await withBed({ execute, directory: bed.directory, queues: { slow: { concurrency: 1 } } }, async (back) => {
          assert.equal((await finished(back, 'kept')).states.a, 'done');
        });
      });
    });
  });
});
