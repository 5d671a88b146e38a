import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PlanItem } from '@waybill/client/plan';
import fc from 'fast-check';
import { type ClaimInput, claim, rankOf, slotsOf } from './claim.ts';
import { acquireLock, FREE_LOCK } from './locks.ts';
import { PRIORITY_HEAD_START_MS } from './names.ts';
import type { ItemRow } from './rows.ts';

const RUN = 'a'.repeat(32);
const RANK = rankOf(50, 1_000, RUN, 'x');
const PLAN: PlanItem = {
  id: 'x',
  deps: [],
  needs: [],
  locks: [
    { name: 'l', mode: 'exclusive' },
    { name: 'm', mode: 'shared' },
  ],
  pipeline: [],
  env: {},
  priority: 50,
  timeoutMs: 1_000,
  retry: { maxAttempts: 1, backoffMs: 100, maxBackoffMs: 1_000 },
};
const ITEM: ItemRow = {
  place: 0,
  state: 'ready',
  rank: RANK,
  parked: true,
  reason: 'exit_nonzero',
  waitingOn: [],
  attempt: 1,
  spent: 1,
  lost: 0,
  unsandboxed: 0,
  attempts: [{ attempt: 1, id: 'f'.repeat(32), startedAtMs: 1, outputs: [] }],
};

function input(more: Partial<ClaimInput> = {}): ClaimInput {
  const free = { row: null, next: undefined };
  const queue = { concurrency: 2, holders: ['other'] };
  return {
    run: RUN,
    queueName: 'q',
    plan: PLAN,
    item: ITEM,
    queue,
    locks: [free, free],
    nowMs: 9,
    leaseMs: 30,
    ...more,
  };
}

describe('claim', () => {
  it('ranks sort by time with a head start for priority, and never tie between items', () => {
    const key = fc.record({
      priority: fc.integer({ min: 0, max: 100 }),
      atMs: fc.integer({ min: 0, max: 9_999_999_999_999 }),
    });
    fc.assert(
      fc.property(key, key, (a, b) => {
        const [first, second] = [rankOf(a.priority, a.atMs, RUN, 'a'), rankOf(b.priority, b.atMs, RUN, 'b')];
        const order = a.atMs - b.atMs - (a.priority - b.priority) * PRIORITY_HEAD_START_MS || -1;
        assert.equal(first < second, order < 0);
        assert.notEqual(first, second);
      }),
    );
  });

  it('nobody is passed by what becomes ready an hour later, and within a priority nobody is passed at all', () => {
    const patient = rankOf(0, 0, RUN, 'z');
    assert.ok(rankOf(100, 3_599_999, RUN, 'a') < patient);
    assert.ok(rankOf(100, 3_600_001, RUN, 'a') > patient);
    assert.ok(rankOf(0, 1, RUN, 'a') > patient);
  });

  it('takes nothing of a paused queue, nor faster than its rate, and says from when on', () => {
    const rate = { starts: 1, perSeconds: 1 };
    const open = { concurrency: 9, holders: [] };
    assert.deepEqual(claim(input({ queue: { ...open, state: 'paused' } })), { ok: false, obstacle: 'slots' });
    assert.ok(claim(input({ queue: { ...open, state: 'draining' } })).ok);
    const won = claim(input({ queue: { ...open, rate } }));
    assert.ok(won.ok);
    assert.deepEqual(claim(input({ queue: won.queue, nowMs: 10 })), { ok: false, obstacle: 'rate', untilMs: 1_009 });
    assert.ok(claim(input({ queue: won.queue, nowMs: 1_009 })).ok);
  });

  it('takes the slot and every lock with its fence, and numbers the attempt after the last one', () => {
    const won = claim(input());
    assert.ok(won.ok);
    assert.deepEqual(won.queue.holders, ['other', won.attemptId]);
    assert.deepEqual(won.attempt.locks, [
      { name: 'l', mode: 'exclusive', fence: 1 },
      { name: 'm', mode: 'shared', fence: 1 },
    ]);
    assert.deepEqual([won.attempt.attempt, won.attempt.state, won.attempt.leaseUntilMs], [2, 'claimed', 39]);
    assert.equal(won.item.state, 'running');
    for (const key of ['rank', 'parked', 'reason'] as const) assert.equal(won.item[key], undefined, key);
  });

  it('takes nothing without a slot, and looks at no lock', () => {
    assert.deepEqual(claim(input({ queue: { concurrency: 1, holders: ['other'] } })), { ok: false, obstacle: 'slots' });
  });

  it('takes nothing when one lock is held: it says which, and waits at all of them', () => {
    const holder = { attempt: 'other', run: RUN, item: 'y' };
    const held = acquireLock(FREE_LOCK, { mode: 'exclusive', rank: 'earlier', holder });
    const lost = claim(
      input({
        locks: [
          { row: held, next: undefined },
          { row: null, next: undefined },
        ],
      }),
    );
    assert.ok(!lost.ok && lost.obstacle === 'locks');
    assert.deepEqual(lost.names, ['l']);
    assert.deepEqual(
      lost.locks.map(({ head }) => head?.rank),
      [RANK, RANK],
    );
    assert.deepEqual(
      lost.locks.map(({ holders }) => holders.length),
      [1, 0],
    );
  });

  it('a queue that was refused room has as many slots as were held then, and twice as many after each minute', () => {
    const queue = { concurrency: 8, holders: [], narrowed: { slots: 2, sinceMs: 1_000 } };
    const slotsAfter = (minutes: number): number => slotsOf(queue, 1_000 + minutes * 60_000);
    assert.deepEqual([0, 0.9, 1, 1.9, 2, 60].map(slotsAfter), [2, 2, 4, 4, 8, 8]);
    const none = { ...queue, narrowed: { slots: 0, sinceMs: 1_000 } };
    assert.deepEqual(
      [0, 1, 2].map((minutes) => slotsOf(none, 1_000 + minutes * 60_000)),
      [0, 2, 4],
    );
    assert.equal(slotsOf(queue, 0), 2, 'a clock that was set back takes none away');
  });

  it('a narrowed queue gives no slot beyond what it has, and forgets when it is whole again', () => {
    const queue = { concurrency: 3, holders: ['other'], narrowed: { slots: 1, sinceMs: 0 } };
    assert.deepEqual(claim(input({ queue, nowMs: 59_999 })), { ok: false, obstacle: 'slots' });
    const narrow = claim(input({ queue, nowMs: 60_000 }));
    assert.ok(narrow.ok && narrow.queue.narrowed !== undefined);
    const whole = claim(input({ queue, nowMs: 120_000 }));
    assert.ok(whole.ok && whole.queue.narrowed === undefined);
  });
});
