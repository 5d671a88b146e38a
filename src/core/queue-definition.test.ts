import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readQueues } from './queue-definition.ts';

test('queue definitions: what an operator may write', () => {
  const queues = {
    default: { concurrency: 1 },
    fast: { concurrency: 1_000, rate: { starts: 5, perSeconds: 1 }, state: 'draining' },
  };
  assert.deepEqual(readQueues(queues, 'queues'), queues);
});

test('queue definitions: everything else is refused with its path', () => {
  const cases: [unknown, RegExp][] = [
    [[], /queues/],
    [{ Big: { concurrency: 1 } }, /queues Big/],
    [{ a: {} }, /queues a\.concurrency/],
    [{ a: { concurrency: 0 } }, /queues a\.concurrency/],
    [{ a: { concurrency: 1_001 } }, /queues a\.concurrency/],
    [{ a: { concurrency: 1, slots: 2 } }, /queues a\.slots/],
    [{ a: { concurrency: 1, state: 'closed' } }, /queues a\.state/],
    [{ a: { concurrency: 1, rate: 5 } }, /queues a\.rate/],
    [{ a: { concurrency: 1, rate: { starts: 5 } } }, /perSeconds/],
    [{ a: { concurrency: 1, rate: { starts: 0, perSeconds: 1 } } }, /starts/],
  ];
  for (const [document, path] of cases) {
    assert.throws(() => readQueues(document, 'queues'), { code: 'USAGE', path }, JSON.stringify(document));
  }
});
