import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Block, PlanItem } from '@waybill/client/plan';
import { estimateOf } from '../plan-estimate.ts';
import { costLines, estimateLines } from './cost-lines.ts';
import { formatUsd } from './measure.ts';
import { type Line, paintLines } from './styled.ts';

const script: Block = { block: 'script', run: 'true' };
const agent: Block = { block: 'agent', adapter: 'command', command: ['x'] };
const plainText = (lines: readonly Line[]): string => paintLines(lines, { colour: false });

function item(id: string, more: Partial<PlanItem>): PlanItem {
  const retry = { maxAttempts: 1, backoffMs: 1, maxBackoffMs: 1 };
  return {
    id,
    deps: [],
    needs: [],
    locks: [],
    pipeline: [script],
    env: {},
    priority: 50,
    timeoutMs: 1,
    retry,
    ...more,
  };
}

test('money for people has two decimals, and as many more as it takes', () => {
  assert.deepEqual([0, 1, 2_000_000, 1_250_000, 123_400].map(formatUsd), [
    '0.00 USD',
    '0.000001 USD',
    '2.00 USD',
    '1.25 USD',
    '0.1234 USD',
  ]);
});

test('an estimate sums up what items may cost, says what it is based on, and is silent where there is nothing', () => {
  const retried = { maxAttempts: 3, backoffMs: 1, maxBackoffMs: 1 };
  const items = [
    item('a', { maxMicroUsd: 500_000, retry: retried }),
    item('b', { pipeline: [agent] }),
    item('c', { pipeline: [agent], maxMicroUsd: 0 }),
    item('d', {}),
    item('e', { maxMicroUsd: 10, forEach: { from: 'a', outputs: 'x', as: 'y', max: 100 } }),
  ];
  const price = { microUsd: 1_000_000, isDefault: true };
  const estimate = estimateOf(items, { slowest: { ids: ['a', 'c'], timeoutMs: 2 } }, price);
  assert.deepEqual(estimate, {
    microUsd: 1_501_000,
    retriedMicroUsd: 2_501_000,
    criticalMicroUsd: 500_000,
    unsaid: 1,
    agentMicroUsd: 1_000_000,
  });
  const [line = []] = estimateLines(estimate, price);
  assert.match(
    plainText([line]),
    /1\.501 USD, 2\.501 USD with all that retry allows; 0\.50 USD on the .*1 with an agent.*lost, ask, or are sent back/,
  );
  assert.deepEqual(
    estimateLines(estimateOf([item('d', {})], { slowest: { ids: ['d'], timeoutMs: 1 } }, price), price),
    [],
  );
});

test('what was claimed and not charged stands under the models, which sum up to what was charged', () => {
  const models = [{ model: 'm', microUsd: 9_000_000 }];
  const cost = { microUsd: 2_500_000, cutMicroUsd: 7_000_000, parts: [], models, caps: [] };
  const text = plainText(costLines(cost, null, 0));
  for (const line of [/m +9\.00 USD/, /told +0\.50 USD/, /cut: claimed beyond what one attempt is charged +-7\.00 USD/])
    assert.match(text, line);
});

test('a cost names its parts, its models, what no model accounts for, and what is left of each cap', () => {
  const caps = [{ cap: 'day' as const, limitMicroUsd: 10_000_000, leftMicroUsd: 4_000_000, turns: '2026-11-22T00:00' }];
  const parts = [{ id: 'r'.repeat(40), microUsd: 3_000_000 }];
  const text = plainText(
    costLines({ microUsd: 3_000_000, parts, models: [{ model: 'm', microUsd: 1_000_000 }], caps }, null, 0),
  );
  for (const part of [
    '3.00 USD',
    'all runs',
    'workers, and what nobody told  2.00 USD',
    'day',
    '4.00 USD',
    '2026-11-22',
  ])
    assert.ok(text.includes(part), `${part} in ${text}`);
});

test('what is left of a cap is told with its time when that is not just now, and a window that is over is whole again by now', () => {
  const at = '2026-11-22T12:03:04.000Z';
  const caps = [{ cap: 'day' as const, limitMicroUsd: 2, leftMicroUsd: 1, turns: '2026-11-23T00:00:00.000Z' }];
  const shown = (nowMs: number): string =>
    plainText(costLines({ microUsd: 0, parts: [], models: [], caps, capsAt: at }, null, nowMs));
  assert.doesNotMatch(shown(Date.parse(at) + 1_000), /as of/);
  assert.match(
    shown(Date.parse(at) + 12_000),
    /2026-11-23T00:00:00\.000Z\nas of 12:03:04 UTC, 12 s ago: what was spent or set since/,
  );
  assert.match(shown(Date.parse(at) + 86_400_000), /day .* by now\nas of 12:03:04 UTC, 24 h 00 m ago/);
});
