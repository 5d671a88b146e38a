import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BULLMQ, IN_PROCESS } from './engines.ts';
import type { Measurements } from './report.ts';
import type { Figure, Round } from './shapes.ts';
import { wantedLines } from './wanted.ts';

const RATE = 1_000;

/** Medians of one round of each, at so many submissions a second. */
function measured(inProcess: Partial<Figure>, bullmq: Partial<Figure>): Measurements {
  const round = (figure: Partial<Figure>): Round => {
    const each: Figure = { count: RATE, elapsedMs: 1_000, ...figure };
    return { figures: { 'w4-burst': each, 'w4-32': each }, peakBytes: 1 };
  };
  const found = new Map([
    [IN_PROCESS, [round(inProcess)]],
    [BULLMQ, [round(bullmq)]],
  ]);
  return {
    ...{ command: 'npm run bench', rounds: 1, engines: [], others: [], tables: [], absent: new Map() },
    ...{ found, probesMs: [0.25], loads: [1] },
  };
}

test('bench: a submission in process is to be ahead of BullMQ in runs per second and in p95, in each case of W4', () => {
  assert.deepEqual(wantedLines(measured({ elapsedMs: 500, p95Ms: 30 }, { p95Ms: 20 })), [
    'W4 burst in process against BullMQ: 2.00 (wanted 1)',
    'W4 burst in process against BullMQ, p95: 0.67 (wanted 1, missed)',
    'W4 32 in flight in process against BullMQ: 2.00 (wanted 1)',
    'W4 32 in flight in process against BullMQ, p95: 0.67 (wanted 1, missed)',
  ]);
  const [slow, quick] = wantedLines(measured({ elapsedMs: 2_000, p95Ms: 10 }, { p95Ms: 20 }));
  assert.equal(slow, 'W4 burst in process against BullMQ: 0.50 (wanted 1, missed)');
  assert.equal(quick, 'W4 burst in process against BullMQ, p95: 2.00 (wanted 1)');
});

test('bench: what was not measured is not judged', () => {
  assert.deepEqual(wantedLines(measured({ p95Ms: 10 }, {})), [
    'W4 burst in process against BullMQ: 1.00 (wanted 1)',
    'W4 32 in flight in process against BullMQ: 1.00 (wanted 1)',
  ]);
});
