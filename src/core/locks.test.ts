import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { acquireLock, awaitLock, FREE_LOCK, leaveLockQueue, lockVerdict, releaseLock } from './locks.ts';
import { MAX_OVERTAKES } from './names.ts';
import type { LockRow } from './queue-rows.ts';

const wish = (rank: string, mode: 'shared' | 'exclusive' = 'exclusive') => ({
  mode,
  rank,
  holder: { attempt: `attempt-${rank}`, run: 'run', item: rank },
});

describe('locks', () => {
  it('a free lock is free, an exclusive one is held, and shared holders share', () => {
    assert.equal(lockVerdict(FREE_LOCK, wish('a')), 'free');
    assert.equal(lockVerdict(acquireLock(FREE_LOCK, wish('a')), wish('b')), 'held');
    const shared = acquireLock(FREE_LOCK, wish('a', 'shared'));
    assert.equal(lockVerdict(shared, wish('b', 'shared')), 'free');
    assert.equal(lockVerdict(shared, wish('b')), 'held');
    assert.equal(lockVerdict(acquireLock(FREE_LOCK, wish('a')), wish('b', 'shared')), 'held');
  });

  it('a fence rises with every acquisition and never falls', () => {
    const once = acquireLock(FREE_LOCK, wish('a'));
    const twice = acquireLock(releaseLock(once, 'attempt-a'), wish('b'));
    assert.deepEqual([once.fence, twice.fence], [1, 2]);
  });

  it('the earliest waiter stands at the head, and leaving puts the next one there, not overtaken yet', () => {
    const waited = awaitLock(awaitLock(awaitLock(FREE_LOCK, 'b'), 'c'), 'a');
    assert.deepEqual(waited.head, { rank: 'a', overtaken: 0 });
    assert.equal(leaveLockQueue(waited, 'b', 'c'), waited, 'only the head has something to leave');
    assert.deepEqual(leaveLockQueue(waited, 'a', 'b').head, { rank: 'b', overtaken: 0 });
    assert.equal(leaveLockQueue(waited, 'a', undefined).head, undefined);
  });

  it('a lock is kept for a waiter that was overtaken often enough, but not against an earlier one', () => {
    let lock = awaitLock(FREE_LOCK, 'm');
    for (let n = 0; n < MAX_OVERTAKES; n += 1) {
      assert.equal(lockVerdict(lock, wish(`x${n}`)), 'free', `overtaken ${n} times`);
      lock = releaseLock(acquireLock(lock, wish(`x${n}`)), `attempt-x${n}`);
    }
    assert.equal(lockVerdict(lock, wish('x9')), 'kept');
    assert.equal(lockVerdict(lock, wish('a')), 'free');
    assert.equal(lockVerdict(lock, wish('m')), 'free');
    const yielded = awaitLock(lock, 'c');
    assert.equal(lockVerdict(yielded, wish('x9')), 'kept', 'it stays kept when an earlier one waits as well');
    assert.equal(lockVerdict(yielded, wish('a')), 'free');
  });

  it('releasing twice, or what is not held, changes nothing', () => {
    const lock = acquireLock(FREE_LOCK, wish('a'));
    const released = releaseLock(lock, 'attempt-a');
    assert.deepEqual(releaseLock(released, 'attempt-a'), released);
    assert.deepEqual(releaseLock(lock, 'attempt-z'), lock);
  });

  it('whatever is asked in whatever order, an exclusive holder is alone and nobody is overtaken more than eight times', () => {
    const step = fc.record({
      rank: fc.integer({ min: 10, max: 40 }).map(String),
      shared: fc.boolean(),
      release: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let lock: LockRow = FREE_LOCK;
        for (const { rank, shared, release } of steps) {
          const first = lock.holders[0];
          if (release && first) lock = releaseLock(lock, first.attempt);
          const asked = wish(rank, shared ? 'shared' : 'exclusive');
          if (lock.holders.some(({ item }) => item === rank)) continue;
          const before = lock;
          lock = lockVerdict(lock, asked) === 'free' ? acquireLock(lock, asked) : awaitLock(lock, rank);
          assert.ok(lock.fence >= before.fence);
          assert.ok(lock.mode === 'shared' || lock.holders.length <= 1);
          assert.ok((lock.head?.overtaken ?? 0) <= MAX_OVERTAKES);
        }
      }),
    );
  });
});
