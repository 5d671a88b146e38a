import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { eachOf } from './mistakes.ts';
import { readQueues } from './queue-definition.ts';

test('queue definitions: what an operator may write', () => {
  const queues = {
    default: { concurrency: 1 },
    fast: { concurrency: 1_000, rate: { starts: 5, perSeconds: 1 }, state: 'draining' },
  };
  assert.deepEqual(readQueues(queues, 'queues'), queues);
});

test('queue definitions: all that is wrong is said at once, with the page that helps', () => {
  const queues = {
    'A b': { concurrency: 0, state: 'shut', slots: 1, width: 2 },
    fine: { concurrency: 1 },
    fast: { concurrency: 2, rate: { starts: 0, perSeconds: 'x' } },
    none: 3,
  };
  const named = (error: TerminalError): string[] => eachOf(error).map(({ path }) => path);
  assert.throws(
    () => readQueues(queues, 'queues.json'),
    (error) => {
      assert.ok(error instanceof TerminalError);
      assert.deepEqual(named(error), [
        'queues.json.A b.name',
        'queues.json.A b.concurrency',
        'queues.json.A b.state',
        'queues.json.A b.slots',
        'queues.json.A b.width',
        'queues.json.fast.rate.starts',
        'queues.json.fast.rate.perSeconds',
        'queues.json.none',
      ]);
      assert.equal(error.fix, 'docs/how-to/define-queues.md says how queues are defined.');
      return true;
    },
  );
});

test('queue definitions: everything else is refused with its path', () => {
  const cases: [unknown, RegExp][] = [
    [[], /queues/],
    [{ Big: { concurrency: 1 } }, /^queues\.Big/],
    [{ a: {} }, /^queues\.a\.concurrency/],
    [{ a: { concurrency: 0 } }, /^queues\.a\.concurrency/],
    [{ a: { concurrency: 1_001 } }, /^queues\.a\.concurrency/],
    [{ a: { concurrency: 1, slots: 2 } }, /^queues\.a\.slots/],
    [{ a: { concurrency: 1, state: 'closed' } }, /^queues\.a\.state/],
    [{ a: { concurrency: 1, rate: 5 } }, /^queues\.a\.rate/],
    [{ a: { concurrency: 1, rate: { starts: 5 } } }, /perSeconds/],
    [{ a: { concurrency: 1, rate: { starts: 0, perSeconds: 1 } } }, /starts/],
  ];
  for (const [document, path] of cases) {
    assert.throws(() => readQueues(document, 'queues'), { code: 'USAGE', path }, JSON.stringify(document));
  }
});
