import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WaybillError } from '@waybill/client/errors';
import fc from 'fast-check';
import { latestSlot } from './schedule.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

function slot(expression: string, now: string): string | null {
  const found = latestSlot(expression, START, Date.parse(now));
  return found === null ? null : new Date(found).toISOString();
}

describe('slots of a schedule', () => {
  it('a rate is counted from its start', () => {
    assert.equal(slot('rate(5 minutes)', '2026-03-01T10:07:59Z'), '2026-03-01T10:05:00.000Z');
    assert.equal(slot('rate(5 minutes)', '2026-03-01T10:10:00Z'), '2026-03-01T10:10:00.000Z');
    assert.equal(slot('rate(1 day)', '2026-03-01T23:59:59Z'), '2026-03-01T00:00:00.000Z');
    assert.equal(slot('rate(7 hours)', '2026-01-01T06:59:59Z'), '2026-01-01T00:00:00.000Z');
  });

  it('cron knows lists, ranges, steps and names, and the weekday of a date', () => {
    assert.equal(slot('cron(15 10 ? * MON-FRI *)', '2026-11-22T09:00:00Z'), '2026-11-20T10:15:00.000Z');
    assert.equal(slot('cron(0/20 8-9 * * ? *)', '2026-11-21T09:39:00Z'), '2026-11-21T09:20:00.000Z');
    assert.equal(slot('cron(0 6 1 JAN,JUL ? *)', '2026-11-21T00:00:00Z'), '2026-07-01T06:00:00.000Z');
    assert.equal(slot('cron(0 0 29 2 ? 2024,2028)', '2028-03-01T00:00:00Z'), '2028-02-29T00:00:00.000Z');
    assert.equal(slot('cron(59 23 31 * ? *)', '2026-12-01T00:00:00Z'), '2026-10-31T23:59:00.000Z');
  });

  it('there is no slot before the start, nor one that a year rules out', () => {
    assert.equal(latestSlot('rate(1 hour)', START, START - 1), null);
    assert.equal(slot('cron(0 12 * * ? *)', '2026-01-01T11:59:00Z'), null);
    assert.equal(slot('cron(0 12 * * ? 2030)', '2026-05-01T12:00:00Z'), null);
  });

  it('what is not understood is refused with a fix', () => {
    const wrong = [
      'rate(0 minutes)',
      'rate(5 fortnights)',
      'cron(0 12 * * *)',
      'cron(0 12 L * ? *)',
      'cron(61 0 * * ? *)',
    ];
    const more = [
      'cron(0 12 * * * *)',
      'cron(0 12 ? * ? *)',
      'cron(0 12 ? * 2#1 *)',
      'cron(5-1 * * * ? *)',
      'at(2026)',
      '',
    ];
    for (const expression of [...wrong, ...more]) {
      assert.throws(() => latestSlot(expression, START, START), WaybillError, expression);
    }
  });

  it('whatever the time: the slot is not after it, is one itself, and none lies between', () => {
    const minutes = fc.integer({ min: 0, max: 59 });
    const cron = fc
      .tuple(minutes, fc.integer({ min: 1, max: 12 }))
      .map(([at, every]) => `cron(${at} */${every} * * ? *)`);
    const rate = fc.integer({ min: 1, max: 500 }).map((n) => `rate(${n} minutes)`);
    fc.assert(
      fc.property(fc.oneof(cron, rate), fc.integer({ min: 0, max: 500_000_000 }), (expression, elapsedMs) => {
        const nowMs = START + elapsedMs;
        const found = latestSlot(expression, START, nowMs);
        if (found === null) return;
        assert.ok(found <= nowMs);
        assert.equal(latestSlot(expression, START, found), found, 'a slot is its own slot');
        const between = found + 60_000 + ((nowMs - found) >> 1);
        if (between <= nowMs) assert.equal(latestSlot(expression, START, between), found);
      }),
    );
  });
});
