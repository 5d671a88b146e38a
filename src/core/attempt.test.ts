import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AttemptOutcome } from '@waybill/client/documents';
import type { PlanItem } from '@waybill/client/plan';
import fc from 'fast-check';
import { backoffMs, ENGINE_RESTARTED, judge, LAUNCH_DEFERRED } from './attempt.ts';
import { MAX_INFRASTRUCTURE_RETRIES } from './names.ts';
import type { AttemptRow, ItemRow } from './rows.ts';

const PLAN: PlanItem = {
  id: 'x',
  deps: [],
  needs: [],
  locks: [],
  pipeline: [],
  env: {},
  priority: 50,
  timeoutMs: 1_000,
  retry: { maxAttempts: 3, backoffMs: 100, maxBackoffMs: 1_000 },
};

const ITEM: ItemRow = {
  place: 0,
  state: 'running',
  waitingOn: [],
  attempt: 1,
  spent: 0,
  lost: 0,
  unsandboxed: 0,
  attempts: [],
};

function judged(
  outcome: AttemptOutcome,
  more: {
    item?: Partial<ItemRow>;
    cancel?: AttemptRow['cancel'];
    reason?: string;
    hasResult?: boolean;
    asks?: boolean;
  } = {},
) {
  const { hasResult = false } = more;
  const facts = {
    item: { ...ITEM, ...more.item },
    plan: PLAN,
    cancel: more.cancel,
    hasResult,
    asks: more.asks ?? false,
    fraction: 0,
  };
  return judge({ outcome, reason: more.reason ?? 'because' }, facts);
}

describe('attempt: what its end means', () => {
  it('a back-off doubles, stays between half and all of its step, and stops at its maximum', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (failures, fraction) => {
          const fullMs = Math.min(60_000, 100 * 2 ** (failures - 1));
          const delayMs = backoffMs(100, 60_000, failures, fraction);
          assert.ok(delayMs >= Math.floor(fullMs / 2) && delayMs <= fullMs);
        },
      ),
    );
  });

  it('a failure is tried again until the budget is spent', () => {
    assert.deepEqual(judged('failed'), {
      outcome: 'failed',
      reason: 'because',
      next: 'retry',
      lost: false,
      spent: true,
      retryAfterMs: 50,
    });
    assert.equal(judged('failed', { item: { spent: 1 } }).retryAfterMs, 100);
    const last = judged('failed', { item: { spent: 2 } });
    assert.deepEqual([last.next, last.retryAfterMs], ['failed', undefined]);
  });

  it('what the same input would only meet again is not tried again', () => {
    for (const outcome of ['policy_blocked', 'partial'] as const) assert.equal(judged(outcome).next, 'failed', outcome);
    for (const reason of ['input_missing', 'lease_refused']) {
      assert.equal(judged('contract_error', { reason }).next, 'failed', reason);
    }
    assert.equal(judged('contract_error').next, 'retry');
  });

  it('a lost attempt spends nothing, and after the cap the item fails all the same', () => {
    const first = judged('lost', { item: { spent: 2 } });
    assert.deepEqual([first.next, first.spent], ['retry', false]);
    assert.equal(judged('lost', { item: { lost: MAX_INFRASTRUCTURE_RETRIES - 1 } }).next, 'retry');
    assert.deepEqual(judged('lost', { item: { lost: MAX_INFRASTRUCTURE_RETRIES } }).next, 'failed');
  });

  it('the end of the engine costs an item nothing, however often it comes', () => {
    const restarted = judged('lost', { reason: ENGINE_RESTARTED, item: { lost: MAX_INFRASTRUCTURE_RETRIES } });
    assert.deepEqual([restarted.next, restarted.spent, restarted.lost], ['retry', false, false]);
  });

  it('a launch without room counts for nothing, however often, and is tried again in minutes', () => {
    const { reason } = LAUNCH_DEFERRED;
    const worn = { lost: MAX_INFRASTRUCTURE_RETRIES, spent: 2, deferred: 1_000 };
    const { retryAfterMs, ...judgement } = judged('deferred', { reason, item: worn });
    assert.deepEqual(judgement, { ...LAUNCH_DEFERRED, next: 'retry', spent: false, lost: false, deferred: true });
    assert.equal(retryAfterMs, 300_000);
    assert.equal(judged('deferred', { reason }).retryAfterMs, 30_000);
    assert.equal(judged('deferred', { reason, cancel: 'cancelled' }).next, 'cancelled');
  });

  it('an attempt that asks waits for an answer only where it ended for that', () => {
    assert.equal(judged('deferred', { reason: 'needs_input', hasResult: true, asks: true }).next, 'suspended');
    for (const [outcome, reason] of [
      ['policy_blocked', 'intent_undeclared'],
      ['partial', 'because'],
    ] as const) {
      assert.equal(judged(outcome, { reason, hasResult: true, asks: true }).next, 'failed', outcome);
    }
    assert.equal(judged('deferred', { reason: 'turn_limit', hasResult: true, asks: true }).next, 'retry');
  });

  it('what reached a limit of its block is tried again within its budget, and what asks nothing is not', () => {
    const first = judged('deferred', { reason: 'turn_limit', hasResult: true });
    assert.deepEqual([first.next, first.spent, first.deferred, first.retryAfterMs], ['retry', true, undefined, 50]);
    const last = judged('deferred', { reason: 'turn_limit', hasResult: true, item: { spent: 2 } });
    assert.deepEqual([last.next, last.outcome, last.reason], ['failed', 'deferred', 'turn_limit']);
    assert.equal(judged('deferred', { reason: 'needs_input', hasResult: true }).next, 'failed');
  });

  it('a worker that says there was no room for it was there, and has failed', () => {
    const said = judged('deferred', { reason: LAUNCH_DEFERRED.reason, hasResult: true });
    assert.deepEqual([said.next, said.spent, said.deferred], ['failed', true, undefined]);
  });

  it('a cancelled attempt ends its item, unless it had succeeded before it was told', () => {
    assert.deepEqual(judged('failed', { cancel: 'cancelled' }).next, 'cancelled');
    assert.deepEqual(judged('lost', { cancel: 'deadline_exceeded' }), {
      outcome: 'timed_out',
      reason: 'deadline_exceeded',
      next: 'failed',
      spent: true,
      lost: false,
    });
    assert.equal(judged('succeeded', { cancel: 'cancelled' }).next, 'done');
  });

  it('an attempt that was sent back counts for nothing, however its worker ended, unless it was done', () => {
    const back = {
      outcome: 'cancelled',
      reason: 'requeued',
      next: 'retry',
      spent: false,
      lost: false,
      retryAfterMs: 0,
    };
    for (const outcome of ['cancelled', 'failed', 'timed_out', 'lost', 'contract_error'] as const)
      assert.deepEqual(judged(outcome, { cancel: 'requeued', item: { spent: 2 } }), back, outcome);
    assert.equal(judged('succeeded', { cancel: 'requeued' }).next, 'done');
  });

  it('a worker that says it was cancelled, though nobody cancelled it, was lost', () => {
    assert.deepEqual([judged('cancelled').outcome, judged('cancelled').next], ['lost', 'retry']);
  });
});
