/** Whole runs: order, hand-offs, retries and failures, each ended by a bundle that an outsider can verify. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '#core/mailbox-protocol.ts';
import { asMany, type FlowBed } from '../support/embedded-flow.ts';
import { FAILED, type FinishedRun, finished, Gate, pause, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { type ItemDraft, itemsOf, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

/** Submits the items and brings them to their end. */
function finish(bed: FlowBed, items: ItemDraft[]): Promise<FinishedRun> {
  bed.submit('s', runOf(items));
  return finished(bed, 's');
}

const nameOf = (job: Job): string => `${job.item}#${job.attempt}`;

describe('flow: whole runs', { concurrency: true }, () => {
  it('a diamond runs in the order of its edges and hands on exactly the bytes that were captured', async () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, n) => (n * 31) % 256);
    const begun: string[] = [];
    const ended: string[] = [];
    const endedBeforeBottom: string[] = [];
    const handed: { item: string; sizeBytes: number; sha256: string }[] = [];
    await withBed(
      {
        async execute(job, { lease }) {
          begun.push(job.item);
          if (job.item === 'bottom') endedBeforeBottom.push(...ended);
          for (const { sizeBytes, sha256 } of lease.inputs) handed.push({ item: job.item, sizeBytes, sha256 });
          await pause(2);
          ended.push(job.item);
          return { ...SUCCEEDED, outputs: { 'deep/data.bin': bytes } };
        },
      },
      async (bed) => {
        const needs = (from: string) => ({ data: { from, select: { output: 'deep/data.bin' } } });
        const { states, events } = await finish(bed, [
          { id: 'bottom', needs: needs('left'), dependsOn: ['left~2'] },
          { id: 'left', needs: needs('top') },
          { id: 'left~2', needs: needs('top') },
          { id: 'top' },
        ]);
        assert.deepEqual(states, { bottom: 'done', left: 'done', 'left~2': 'done', top: 'done' });
        assert.equal(begun[0], 'top');
        assert.equal(begun[3], 'bottom');
        assert.deepEqual(endedBeforeBottom.sort(), ['left', 'left~2', 'top']);
        assert.deepEqual(handed.map(({ item }) => item).sort(), ['bottom', 'left', 'left~2']);
        const [settled] = eventsOf(events, 'attempt.settled');
        const captured = settled?.data.outputs.find(({ name }) => name === 'outputs/deep/data.bin');
        assert.ok(captured);
        for (const { sha256, sizeBytes } of handed)
          assert.deepEqual([sha256, sizeBytes], [captured.sha256, bytes.length]);
        const stored: Uint8Array[] = [];
        for await (const chunk of await bed.deps.artifacts.open(captured.sha256)) stored.push(chunk);
        assert.ok(Buffer.concat(stored).equals(bytes));
      },
    );
  });

  it('an item fails when its budget is spent, after exactly that many attempts', async () => {
    const seen: string[] = [];
    await withBed({ execute: (job) => also(FAILED, seen.push(nameOf(job))) }, async (bed) => {
      const { status, item } = await finish(bed, [{ id: 'x', retry: { maxAttempts: 2, backoff: '100ms' } }]);
      assert.deepEqual(seen, ['x#1', 'x#2']);
      assert.equal(status.state, 'failed');
      assert.deepEqual([item('x')?.state, item('x')?.reason], ['failed', 'exit_nonzero']);
      assert.equal(status.counts.retries, 1);
    });
  });

  it('lost attempts do not spend the budget: an item with a single attempt succeeds after two losses', async () => {
    await withBed({ execute: (job) => (job.attempt <= 2 ? null : SUCCEEDED), adapt: quickly }, async (bed) => {
      const { item, events } = await finish(bed, [{ id: 'x' }]);
      assert.equal(item('x')?.state, 'done');
      const settled = eventsOf(events, 'attempt.settled').map(({ data }) => [data.outcome, data.spent, data.next]);
      assert.deepEqual(settled, [
        ['lost', false, 'retry'],
        ['lost', false, 'retry'],
        ['succeeded', false, 'done'],
      ]);
    });
  });

  it('an item that is lost again and again fails after the cap, its budget untouched', async () => {
    let attempts = 0;
    await withBed(
      {
        execute() {
          attempts += 1;
          return null;
        },
        adapt: hurried,
      },
      async (bed) => {
        const { item, events } = await finish(bed, [{ id: 'x', retry: { maxAttempts: 10 } }]);
        assert.deepEqual([item('x')?.state, item('x')?.reason], ['failed', 'no_result']);
        assert.equal(attempts, 6);
        assert.ok(eventsOf(events, 'attempt.settled').every(({ data }) => !data.spent));
      },
    );
  });

  it('a failure skips its dependents and theirs, names it as the cause, and lets siblings finish', async () => {
    const seen: string[] = [];
    await withBed(
      { execute: (job) => also(job.item === 'bad' ? FAILED : SUCCEEDED, seen.push(job.item)) },
      async (bed) => {
        const { status, states, item } = await finish(bed, [
          { id: 'bad' },
          { id: 'child', dependsOn: ['bad'] },
          { id: 'grandchild', dependsOn: ['child'] },
          { id: 'good' },
          { id: 'good-child', dependsOn: ['good'] },
          { id: 'both', dependsOn: ['bad', 'good'] },
        ]);
        assert.deepEqual(states, {
          bad: 'failed',
          child: 'skipped',
          grandchild: 'skipped',
          good: 'done',
          'good-child': 'done',
          both: 'skipped',
        });
        assert.deepEqual([item('child')?.reason, item('child')?.cause], ['upstream_failed', 'bad']);
        assert.equal(item('grandchild')?.cause, 'child');
        assert.equal(status.state, 'failed');
        assert.deepEqual(seen.sort(), ['bad', 'good', 'good-child']);
      },
    );
  });

  it('never more attempts at once than the queue has slots, and higher priorities go first', async () => {
    let running = 0;
    let most = 0;
    const begun: string[] = [];
    const full = new Gate();
    await withBed(
      {
        concurrency: 3,
        async execute(job) {
          begun.push(job.item);
          running += 1;
          most = Math.max(most, running);
          if (running === 3) full.open();
          // The first three wait for each other, however long a store takes; a fourth would show.
          await full.opened;
          await pause(3);
          running -= 1;
          return SUCCEEDED;
        },
      },
      async (bed) => {
        await finish(bed, [
          ...itemsOf('low-', 6, { priority: 10 }),
          ...itemsOf('high-', 6, { priority: 90 }),
          ...itemsOf('middle-', 6),
        ]);
        assert.equal(most, 3);
        const kinds = begun.map((id) => id.split('-')[0]);
        assert.deepEqual(kinds, [...Array(6).fill('high'), ...Array(6).fill('middle'), ...Array(6).fill('low')]);
      },
    );
  });

  it('an item with hundreds of dependencies runs once, after all of them', async () => {
    const count = asMany(230, 110);
    const ended = new Set<string>();
    let sawAll = 0;
    await withBed(
      {
        concurrency: 64,
        execute(job) {
          if (job.item === 'join') sawAll = ended.size;
          ended.add(job.item);
          return SUCCEEDED;
        },
      },
      async (bed) => {
        const leaves = itemsOf('leaf-', count);
        const { status, events } = await finish(bed, [
          ...leaves,
          { id: 'join', dependsOn: leaves.map(({ id }) => id) },
        ]);
        assert.equal(status.state, 'done');
        assert.equal(sawAll, count);
        const readied = eventsOf(events, 'item.ready').flatMap(({ data }) => data.items);
        assert.equal(readied.filter((id) => id === 'join').length, 1);
        assert.equal(new Set(readied).size, count + 1);
      },
    );
  });
});

/** The shortest back-off that chance may choose. */
function quickly(deps: FlowBed['deps']): FlowBed['deps'] {
  return { ...deps, chance: { ...deps.chance, fraction: () => 0 } };
}

/** A clock that runs a hundred times as fast, timers included. */
function hurried(deps: FlowBed['deps']): FlowBed['deps'] {
  const { clock } = deps;
  const startMs = clock.nowMs();
  return {
    ...quickly(deps),
    clock: {
      nowMs: () => startMs + (clock.nowMs() - startMs) * 100,
      after: (delayMs, run) => clock.after(Math.ceil(delayMs / 100), run),
    },
  };
}

/** The value, after something was noted. */
function also<T>(value: T, _noted: number): T {
  return value;
}
