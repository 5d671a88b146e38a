import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '../crypto/digest.ts';
import { conditionHolds, type Operand, type PlannedCondition, plannedCondition, testsOf } from './condition.ts';

const DIGEST = digestOf('a file');
const test = (op: string, value: unknown): PlannedCondition =>
  ({ from: 'up', output: 'v.json', at: '/x', op, value }) as PlannedCondition;
const met = (value: unknown): Operand => ({ from: 'up', output: 'v.json', sha256: DIGEST, value }) as Operand;
const holds = (op: string, wanted: unknown, value: unknown): boolean => conditionHolds(test(op, wanted), [met(value)]);

describe('conditions', () => {
  it('numbers are compared as numbers, whether they are integers or not; nothing else has an order', () => {
    assert.deepEqual([holds('lessThan', 80, '79.5'), holds('lessThan', '79.5', 80)], [true, false]);
    assert.deepEqual([holds('atMost', 7, 7), holds('moreThan', 7, 7), holds('atLeast', 7, 7)], [true, false, true]);
    for (const value of [null, true, 'absent', 'composite', digestOf('"1"')])
      for (const op of ['lessThan', 'atMost', 'moreThan', 'atLeast']) assert.equal(holds(op, 1, value), false);
  });

  it('equal is what is the same, and only a value that is there exists', () => {
    assert.deepEqual(
      [holds('equals', 1, 1), holds('equals', 1, '1.5'), holds('equals', null, 'absent')],
      [true, false, false],
    );
    assert.deepEqual([holds('in', [null, 2], null), holds('in', [null, 2], 3)], [true, false]);
    for (const value of ['absent', 'unreadable']) assert.equal(holds('exists', true, value), false);
    assert.deepEqual([holds('exists', true, null), holds('exists', false, 'absent')], [true, true]);
  });

  it('so many of several is counted, each of its own operand', () => {
    const three: PlannedCondition[] = [test('equals', 1), test('equals', 2), { not: test('equals', 3) }];
    const counted = (n: number, ...values: unknown[]): boolean =>
      conditionHolds({ atLeastOf: { n, of: three } }, values.map(met));
    assert.deepEqual([counted(2, 1, 2, 3), counted(3, 1, 2, 3), counted(3, 1, 2, 4)], [true, false, true]);
    assert.deepEqual([counted(1, 'absent', 'absent', 3), counted(1, 0, 0, 'absent')], [false, true]);
    assert.equal(plannedCondition({ atLeastOf: { n: 1, of: three } }), undefined);
    for (const broken of [
      { n: 0, of: three },
      { n: 1, of: [] },
      { n: 1 },
      { n: 1.5, of: three },
      { n: 4, of: three },
      { n: 1, of: [...three, test('equals', 1)] },
    ])
      assert.notEqual(plannedCondition({ atLeastOf: broken }), undefined, JSON.stringify(broken));
  });

  it('groups ask all of their tests, each its own operand, in the order in which they stand', () => {
    const state: PlannedCondition = { from: 'b', state: 'failed' };
    const whole: PlannedCondition = { any: [{ all: [test('equals', 1), state] }, { not: test('exists', true) }] };
    assert.equal(testsOf(whole).length, 3);
    const failed: Operand = { from: 'b', state: 'failed' };
    assert.equal(conditionHolds(whole, [met(1), failed, met(1)]), true);
    assert.equal(conditionHolds(whole, [met(2), failed, met(1)]), false);
    assert.equal(conditionHolds(whole, [met(2), failed, met('absent')]), true);
    for (const operands of [
      [met(1), failed],
      [met(1), failed, met(1), met(1)],
      [failed, met(1), met(1)],
    ])
      assert.throws(() => conditionHolds(whole, operands), RangeError);
  });

  it('a planned condition is closed, bounded, and has sealed values alone', () => {
    assert.equal(plannedCondition(test('in', [1, 'absent', DIGEST])), undefined);
    for (const wrong of [
      test('matches', 1),
      test('equals', 'a text'),
      test('equals', 0.5),
      test('in', []),
      { ...test('equals', 1), at: 'x' },
      { from: 'up', state: 'running' },
      { all: [] },
      { all: [test('equals', 1)], more: 1 },
      {},
      null,
    ])
      assert.notEqual(plannedCondition(wrong), undefined, JSON.stringify(wrong));
    const deep = (n: number): PlannedCondition => (n === 0 ? test('equals', 1) : { not: deep(n - 1) });
    assert.equal(plannedCondition(deep(8)), undefined);
    assert.notEqual(plannedCondition(deep(9)), undefined);
  });
});
