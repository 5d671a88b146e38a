import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Key, keys } from '#core/rows.ts';
import { type RowChange, type Work, workOf } from './row-changes.ts';

const RUN = 'r1';
const ATTEMPT = 'a'.repeat(32);

function work(key: Key, before: object | null, after: object | null): Work[] {
  return workOf({ ...key, before, after } satisfies RowChange);
}

const run = (more: object): object => ({ state: 'running', ...more });
const attempt = (more: object): object => ({ state: 'claimed', expiresAtMs: 9_000, ...more });

describe('row changes: queues', () => {
  it('a ready row asks for its queue when it appears, and not when it goes', () => {
    const key = keys.ready('default', '5-x');
    assert.deepEqual(work(key, null, {}), [{ do: 'advance', queue: 'default' }]);
    assert.deepEqual(work(key, {}, null), []);
  });

  it('a queue is asked for when a slot is freed or added, and not when one is taken', () => {
    const key = keys.queue('big');
    const asked: Work[] = [{ do: 'advance', queue: 'big' }];
    const held = { concurrency: 2, holders: ['a', 'b'] };
    assert.deepEqual(work(key, held, { ...held, holders: ['b'] }), asked);
    assert.deepEqual(work(key, held, { ...held, concurrency: 3 }), asked);
    assert.deepEqual(work(key, null, { concurrency: 3, holders: [] }), asked);
    assert.deepEqual(work(key, { ...held, state: 'paused' }, held), asked);
    assert.deepEqual(work(key, { ...held, rate: { starts: 1, perSeconds: 1 } }, held), asked);
    assert.deepEqual(work(key, { ...held, holders: ['a'] }, held), []);
    assert.deepEqual(work(key, held, { ...held, concurrency: 1 }), []);
    assert.deepEqual(work(key, held, { ...held, holders: ['b', 'c'] }), asked, 'freed and taken at once');
  });
});

describe('row changes: runs', () => {
  const key = keys.run(RUN);
  const status: Work = { do: 'publish-status', run: RUN };

  it('an admitting run asks for nothing; it opens once', () => {
    assert.deepEqual(work(key, null, run({ state: 'admitting' })), []);
    assert.deepEqual(work(key, run({ state: 'admitting' }), run({ state: 'open' })), [
      { do: 'opened', run: RUN },
      status,
    ]);
    assert.deepEqual(work(key, run({ state: 'open' }), run({})), [status]);
  });

  it('it ends when it completes and when it is asked to abort, each once', () => {
    const ended: Work = { do: 'ended', run: RUN };
    assert.deepEqual(work(key, run({}), run({ completedAtMs: 5 })), [ended, status]);
    assert.deepEqual(work(key, run({}), run({ aborting: { reason: 'x' } })), [ended, status]);
    assert.deepEqual(work(key, run({ completedAtMs: 5 }), run({ completedAtMs: 5, sealedIndex: 3 })), [status]);
  });

  it('one that calls back does so when it is over, sealed or aborted, once; what becomes of that asks for nothing more', () => {
    const bundle = { key: 'k', sha256: 'sha256:1' };
    const called: Work = { do: 'call-back', run: RUN };
    const told = { callback: { endpoint: 'ops', state: 'delivered', detail: '' } };
    for (const over of [{ bundle }, { abortedAtMs: 5 }]) {
      assert.deepEqual(work(key, run({ callsBack: true }), run({ callsBack: true, ...over })), [status, called]);
      assert.deepEqual(work(key, run({}), run(over)), [status]);
      const again = run({ callsBack: true, ...over });
      assert.deepEqual(work(key, again, run({ callsBack: true, ...over, ...told })), [status]);
    }
    const aborting = run({ callsBack: true, abortedAtMs: 5, bundle });
    assert.deepEqual(work(key, run({ callsBack: true, abortedAtMs: 5 }), aborting), [status]);
  });

  it('a late control was entered in the log by somebody who does not publish it', () => {
    const late = run({ lateControls: ['sha256:1'] });
    assert.deepEqual(work(key, run({}), late), [{ do: 'publish' }, status]);
    assert.deepEqual(work(key, late, late), [status]);
  });

  it('an item that changes shows in the status; one that is admitted does not', () => {
    assert.deepEqual(work(keys.item(RUN, 'x'), {}, {}), [status]);
    assert.deepEqual(work(keys.item(RUN, 'x'), null, {}), []);
  });

  it('a wake row asks for its dependents, item names as they are', () => {
    assert.deepEqual(work(keys.wake(RUN, 'a.b_c'), null, {}), [{ do: 'wake', run: RUN, item: 'a.b_c' }]);
    assert.deepEqual(work(keys.wake(RUN, 'x'), {}, null), []);
  });
});

describe('row changes: attempts', () => {
  const key = keys.attempt(ATTEMPT);
  const dispatch: Work = { do: 'dispatch', attemptId: ATTEMPT };
  const timer: Work = { do: 'timer', dueMs: 9_000, what: `attempt/${ATTEMPT}` };

  it('a claimed attempt is dispatched, and again when it is marked before it was', () => {
    assert.deepEqual(work(key, null, attempt({})), [dispatch]);
    assert.deepEqual(work(key, attempt({}), attempt({ cancel: 'cancelled' })), [dispatch]);
    assert.deepEqual(work(key, attempt({}), attempt({})), []);
  });

  it('one that is marked at work is looked at when its worker had its time, once', () => {
    const marked = attempt({ state: 'dispatched', cancel: 'cancelled' });
    assert.deepEqual(work(key, attempt({ state: 'dispatched' }), marked), [timer]);
    assert.deepEqual(work(key, marked, { ...marked, handle: 'h' }), []);
  });

  it('one that is settled frees what waits for its worker, once, if there was one', () => {
    const settled = attempt({ state: 'settled', handle: 'h' });
    const stop: Work = { do: 'stop-worker', attemptId: ATTEMPT, handle: 'h' };
    assert.deepEqual(work(key, attempt({ state: 'dispatched', handle: 'h' }), settled), [stop]);
    assert.deepEqual(work(key, settled, settled), []);
    assert.deepEqual(work(key, attempt({}), attempt({ state: 'settled' })), []);
  });

  it('what came after the seal was entered in the log and wants a checkpoint', () => {
    const settled = attempt({ state: 'settled', fenced: true });
    assert.deepEqual(work(key, settled, { ...settled, late: ['late-stop'] }), [{ do: 'publish' }]);
  });

  it('a token that is parked after the release is completed, once; one that was there is by who releases', () => {
    const execution: Key = { pk: `attempt/${ATTEMPT}`, sk: 'execution' };
    const both = { token: 't', released: true };
    const complete: Work[] = [{ do: 'complete-token', attemptId: ATTEMPT, token: 't' }];
    assert.deepEqual(work(execution, { released: true }, both), complete);
    assert.deepEqual(work(execution, { token: 't' }, both), []);
    assert.deepEqual(work(execution, both, { ...both, expires: 1 }), []);
    assert.deepEqual(work(execution, null, { token: 't' }), []);
    assert.deepEqual(work(execution, null, { released: true }), []);
  });
});

describe('row changes: lists of things to do', () => {
  it('todo rows and timers ask when they appear', () => {
    assert.deepEqual(work(keys.todoLocks(`${RUN}/x`), null, {}), [{ do: 'advance-locks', by: `${RUN}/x` }]);
    assert.deepEqual(work(keys.todoCancel(RUN, 'x'), null, {}), [{ do: 'cancel-item', run: RUN, item: 'x' }]);
    assert.deepEqual(work(keys.todoLineUp(RUN, 'c'), null, {}), [{ do: 'line-up', run: RUN, by: 'c' }]);
    assert.deepEqual(work(keys.todoRetry(RUN, 'x'), null, {}), [{ do: 'reopen', run: RUN, item: 'x' }]);
    assert.deepEqual(work(keys.todoDecide(RUN, 'x'), null, {}), [{ do: 'decide-item', run: RUN, item: 'x' }]);
    assert.deepEqual(work(keys.todoSpawn(RUN, 'x'), null, {}), [{ do: 'spawn', run: RUN, item: 'x' }]);
    assert.deepEqual(work(keys.todoLocks(ATTEMPT), {}, null), []);
    assert.deepEqual(work(keys.timer(1_700_000_000_123, `retry/${RUN}/x`), null, {}), [
      { do: 'timer', dueMs: 1_700_000_000_123, what: `retry/${RUN}/x` },
    ]);
  });

  it('rows of the record and of the log ask for nothing', () => {
    for (const key of [keys.event(RUN, 3, 0), keys.tree(RUN), keys.seal(RUN), keys.logHead(), keys.logEntry(4)]) {
      assert.deepEqual(work(key, null, {}), []);
    }
    for (const key of [keys.activeRun(RUN), keys.queues(), keys.lock('l'), keys.lockWait('l', '5')]) {
      assert.deepEqual(work(key, null, {}), []);
    }
  });
});
