import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NO_COUNTS } from '@waybill/verify';
import type { ItemRow, Tally } from './rows.ts';
import { addTally, isTerminal, runStateOf, subtractTally, tallyOf } from './tally.ts';

const ITEM: ItemRow = {
  place: 0,
  state: 'running',
  waitingOn: [],
  attempt: 3,
  spent: 2,
  lost: 1,
  unsandboxed: 1,
  attempts: [],
};
const of = (counts: Partial<Tally>): Tally => ({ ...NO_COUNTS, ...counts });

describe('tally', () => {
  it('an ended item counts once, with its attempts, and a retry is an attempt after another', () => {
    assert.deepEqual(tallyOf(ITEM, 'failed'), of({ items: 1, failed: 1, attempts: 3, retries: 2, unsandboxed: 1 }));
    assert.deepEqual(tallyOf({ ...ITEM, attempt: 0, unsandboxed: 0 }, 'skipped'), of({ items: 1, skipped: 1 }));
  });

  it('a failure that the plan lets pass is counted as such, and fails no run; another one does', () => {
    const passed = tallyOf(ITEM, 'failed', true);
    assert.equal(passed.tolerated, 1);
    assert.equal(tallyOf(ITEM, 'cancelled', true).tolerated, undefined);
    assert.equal(runStateOf(passed, undefined), 'done');
    assert.equal(runStateOf(addTally(passed, tallyOf(ITEM, 'failed')), undefined), 'failed');
    assert.equal(addTally(passed, subtractTally(NO_COUNTS, passed)).tolerated, undefined);
  });

  it('sums are per column', () => {
    const one = Object.fromEntries(Object.keys(NO_COUNTS).map((key, n) => [key, n + 1])) as unknown as Tally;
    const doubled = Object.fromEntries(Object.keys(NO_COUNTS).map((key, n) => [key, 2 * (n + 1)]));
    assert.deepEqual(addTally(one, one), doubled);
    assert.deepEqual(addTally(one, NO_COUNTS), one);
  });

  it('the state of a run is the worst that its items came to, unless it was stopped', () => {
    assert.equal(runStateOf(of({ done: 3 }), undefined), 'done');
    assert.equal(runStateOf(of({ done: 3, cancelled: 1, skipped: 1 }), undefined), 'cancelled');
    assert.equal(runStateOf(of({ done: 3, cancelled: 1, failed: 1 }), undefined), 'failed');
    assert.equal(runStateOf(of({ denied: 1 }), undefined), 'failed');
    assert.equal(runStateOf(of({ done: 3, failed: 1 }), 'cancelled'), 'cancelled');
    assert.equal(runStateOf(of({ done: 3 }), 'deadline_exceeded'), 'failed');
  });

  it('five states are terminal, and no other', () => {
    const terminal = [
      'pending',
      'ready',
      'running',
      'suspended',
      'done',
      'failed',
      'skipped',
      'cancelled',
      'denied',
    ] as const;
    assert.deepEqual(terminal.filter(isTerminal), ['done', 'failed', 'skipped', 'cancelled', 'denied']);
  });
});
