/** Locks across the items of a run: who may hold what at the same time, and who comes next. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { finished, Gate, pause, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { cancelOf, itemsOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

describe('flow: locks', { concurrency: true }, () => {
  it('two holders of an exclusive lock never overlap, whatever else they hold, and its fences rise', async () => {
    const inside = new Set<string>();
    const overlaps: string[][] = [];
    await withBed(
      {
        concurrency: 16,
        async execute(job) {
          inside.add(job.item);
          if (inside.size > 1) overlaps.push([...inside]);
          await pause(2);
          inside.delete(job.item);
          return SUCCEEDED;
        },
      },
      async (bed) => {
        bed.submit(
          's',
          runOf([...itemsOf('one-', 6, { locks: ['repo'] }), ...itemsOf('two-', 6, { locks: ['other', 'repo'] })]),
        );
        const { status, events } = await finished(bed, 's');
        assert.equal(status.state, 'done');
        assert.deepEqual(overlaps, []);
        const fences = eventsOf(events, 'attempt.claimed')
          .flatMap(({ data }) => data.claims)
          .flatMap(({ locks }) => locks.filter(({ name }) => name === 'repo').map(({ fence }) => fence));
        assert.deepEqual(
          fences,
          Array.from({ length: 12 }, (_, n) => n + 1),
        );
      },
    );
  });

  it('without the lock the same items do overlap: the check can fail', async () => {
    const both = new Gate();
    let inside = 0;
    await withBed(
      {
        async execute() {
          inside += 1;
          if (inside === 2) both.open();
          await both.opened;
          return SUCCEEDED;
        },
      },
      async (bed) => {
        bed.submit('s', runOf(itemsOf('free-', 2)));
        await finished(bed, 's');
        assert.equal(inside, 2);
      },
    );
  });

  it('shared holders of a lock run together, and an exclusive one runs alone', async () => {
    const inside = new Set<string>();
    const all = new Gate();
    const besideWriter: string[] = [];
    await withBed(
      {
        async execute(job) {
          inside.add(job.item);
          if (job.item.startsWith('reader')) {
            // Each waits for the others: if they did not overlap, the run would never end.
            if (inside.size === 3) all.open();
            await all.opened;
          } else besideWriter.push(...inside);
          inside.delete(job.item);
          return SUCCEEDED;
        },
      },
      async (bed) => {
        const reader = { locks: [{ name: 'data', mode: 'shared' as const }], priority: 90 };
        bed.submit('s', runOf([...itemsOf('reader-', 3, reader), { id: 'writer', locks: ['data'] }]));
        await finished(bed, 's');
        assert.deepEqual(besideWriter, ['writer']);
      },
    );
  });

  it('an item is overtaken at most eight times on a lock that it leaves free; then the lock is kept for it', async () => {
    const released = new Gate();
    const ended: string[] = [];
    await withBed(overtaking(ended, released), async (bed) => {
      const run = bed.submit('s', OVERTAKERS);
      await bed.until(() => ended.length === 8);
      await pause(40);
      assert.deepEqual(
        ended,
        Array.from({ length: 8 }, (_, n) => `late-00${n}`),
        'the ninth waits',
      );
      assert.equal((await bed.itemRow(run, 'patient'))?.parked, true);
      const lock = await bed.until(() => {
        const [lock] = bed.status('s')?.items.find(({ id }) => id === 'late-008')?.waiting?.locks ?? [];
        return lock?.keptFor && lock.holders.length === 0 ? lock : null;
      });
      assert.deepEqual(lock, { name: 'b', holders: [], keptFor: { run, item: 'patient' } }, 'it says for whom');
      released.open();
      await finished(bed, 's');
      assert.deepEqual(ended.slice(8, 10), ['holder', 'patient']);
      assert.equal(ended.length, 14);
    });
  });

  it('a cancelled waiter gives up what was kept for it', async () => {
    const released = new Gate();
    const ended: string[] = [];
    await withBed(overtaking(ended, released), async (bed) => {
      const run = bed.submit('s', OVERTAKERS);
      await bed.until(() => ended.length === 8);
      bed.control('c', cancelOf(run, 'patient'));
      await bed.until(() => ended.length === 12);
      released.open();
      const { states } = await finished(bed, 's');
      assert.equal(states.patient, 'cancelled');
      assert.equal(ended.at(-1), 'holder');
    });
  });

  it('waiters of one lock go in the order in which they became ready', async () => {
    const released = new Gate();
    const ended: string[] = [];
    await withBed(
      {
        concurrency: 16,
        async execute(job) {
          if (job.item === 'holder') await released.opened;
          ended.push(job.item);
          return SUCCEEDED;
        },
      },
      async (bed) => {
        const run = bed.submit(
          's',
          runOf([
            { id: 'holder', locks: ['l'], priority: 90 },
            { id: 'opener', locks: [] },
            ...itemsOf('waiter-', 6, { locks: ['l'] }),
            { id: 'a-latecomer', locks: ['l'], dependsOn: ['opener'] },
          ]),
        );
        await bed.until(async () => (await bed.itemRow(run, 'a-latecomer'))?.parked);
        released.open();
        await finished(bed, 's');
        const waiters = itemsOf('waiter-', 6).map(({ id }) => id);
        assert.deepEqual(ended, ['opener', 'holder', ...waiters, 'a-latecomer']);
      },
    );
  });

  it('a lock is held across runs, and a run that waits for another one says whom it waits for', async () => {
    const released = new Gate();
    await withBed(
      {
        async execute(job) {
          if (job.item === 'holder') await released.opened;
          return SUCCEEDED;
        },
      },
      async (bed) => {
        const first = bed.submit('first', runOf([{ id: 'holder', locks: ['env/prod'] }]));
        await bed.until(async () => (await bed.itemRow(first, 'holder'))?.state === 'running');
        bed.submit('second', runOf([{ id: 'waiter', locks: ['env/prod'] }]));
        const waiting = await bed.until(() => bed.status('second')?.items[0]?.waiting?.locks);
        assert.deepEqual(waiting, [{ name: 'env/prod', holders: [{ run: first, item: 'holder' }] }]);
        released.open();
        await finished(bed, 'first');
        await finished(bed, 'second');
      },
    );
  });
});

/** `patient` waits for lock a, which `holder` has, and for b, which it leaves to twelve others that come after it. */
const OVERTAKERS = runOf([
  { id: 'holder', locks: ['a'], priority: 90 },
  { id: 'patient', locks: ['a', 'b'], priority: 80 },
  ...itemsOf('late-', 12, { locks: ['b'], priority: 70 }),
]);

function overtaking(ended: string[], released: Gate): Parameters<typeof withBed>[0] {
  return {
    concurrency: 20,
    async execute(job) {
      if (job.item === 'holder') await released.opened;
      ended.push(job.item);
      return SUCCEEDED;
    },
  };
}
