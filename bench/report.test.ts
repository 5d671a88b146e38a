import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf, type Measurements } from './report.ts';

test('bench: the line of the disk has its figures, with engines measured or without', () => {
  const none: Measurements = {
    ...{ command: 'npm run bench', rounds: 3, engines: [], others: [], tables: [], absent: new Map() },
    ...{ found: new Map(), probesMs: [0.25], loads: [1] },
  };
  const lineOf = (all: Measurements): string | undefined => linesOf(all).find((line) => line.startsWith('One synced'));
  assert.match(lineOf(none) ?? '', /before all else: 0\.25 ms\. Load of the machine then: 1\.00;/);
  const round = { figures: {}, peakBytes: 1 };
  const some = { ...none, found: new Map([['a', [round]]]), probesMs: [0.25, 0.5] };
  assert.match(lineOf(some) ?? '', /before each round: 0\.25, 0\.50 ms\./);
});
