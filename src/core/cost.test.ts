import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Block } from '@waybill/client/plan';
import type { ClaimedResult, ClaimedUsage } from '@waybill/verify';
import { costOf, reservationOf, type Spent, withCost } from './cost.ts';
import { computeMicroUsd, FARGATE_PRICES, LOCAL_PRICES, priceOf, pricingOf, tokensMicroUsd } from './price-table.ts';

const LOCAL = pricingOf(LOCAL_PRICES);
const FARGATE = pricingOf(FARGATE_PRICES, { large: { cpuUnits: 4096, memoryMiB: 8192 } });
const SCRIPT: Block = { block: 'script', run: 'true' };
const AGENT: Block = { block: 'agent', adapter: 'command', command: ['x'] };
const NO_TOKENS = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };

function result(
  usage?: ClaimedUsage[],
  blocks: string[] = ['script'],
  more: Partial<ClaimedResult> = {},
): ClaimedResult {
  const times = { startedAt: '', endedAt: '' };
  const said = { outcome: 'succeeded' as const, reason: 'ok', exit: 0 };
  const ran = blocks.map((block, index) => ({ index, block, exit: 0, ...times }));
  return { ...said, blocks: ran, ...(usage === undefined ? {} : { usage }), ...more };
}

function cost(claimed: ClaimedResult, reservedMicroUsd = 0, pricing = LOCAL, more: Partial<Spent['item']> = {}) {
  const item = { pipeline: [SCRIPT], timeoutMs: 60_000, ...more };
  return costOf({ item, reservedMicroUsd, tookMs: 90_001, claimed }, pricing);
}

describe('what an attempt costs', () => {
  it('time is paid for in begun seconds by the size of the worker, and sums are rounded up', () => {
    assert.equal(computeMicroUsd(FARGATE, 'default', 3_600_000), 40_480 + 2 * 4_445);
    assert.equal(computeMicroUsd(FARGATE, 'large', 3_600_000), 4 * 40_480 + 8 * 4_445);
    assert.equal(computeMicroUsd(FARGATE, 'unknown', 61_001), 851);
    assert.equal(computeMicroUsd(LOCAL, 'default', 3_600_000), 0);
  });

  it('on Fargate a worker is paid for at least a minute, also one that could not be started', () => {
    const minute = computeMicroUsd(FARGATE, 'default', 60_000);
    assert.deepEqual(
      [0, 1, 59_999, 60_001].map((ms) => computeMicroUsd(FARGATE, 'default', ms) - minute),
      [0, 0, 0, 14],
    );
    const spent = { item: { pipeline: [AGENT], timeoutMs: 60_000 }, reservedMicroUsd: 5_000_000, tookMs: 2_000 };
    const found = costOf({ ...spent, claimed: { blocks: [] }, neverStarted: true }, FARGATE);
    assert.deepEqual([found?.microUsd, found?.computeMicroUsd, found?.assumedMicroUsd], [minute, minute, 0]);
  });

  it('tokens are paid for by the million without a rounding that would lose any', () => {
    const price = priceOf(LOCAL_PRICES, 'claude-haiku-4-5');
    assert.equal(tokensMicroUsd(price, { inputTokens: 1, outputTokens: 0, cachedTokens: 0 }), 1);
    assert.equal(tokensMicroUsd(price, { inputTokens: 0, outputTokens: 0, cachedTokens: 1 }), 1);
    assert.equal(tokensMicroUsd(price, { inputTokens: 1_000_000, outputTokens: 200_000, cachedTokens: 10 }), 2_000_001);
    const most = { inputTokens: 1_000_000_000, outputTokens: 1_000_000_000, cachedTokens: 0 };
    assert.equal(tokensMicroUsd({ inputMicroUsd: 999_999_999, outputMicroUsd: 1, cachedMicroUsd: 0 }, most), 1e12);
  });

  it('a model that the table does not name has the dearest of all prices', () => {
    const unknown = priceOf(LOCAL_PRICES, 'constructor');
    assert.deepEqual(unknown, { ...LOCAL_PRICES.models['claude-opus-4-1'], unpriced: true });
    const found = cost(result([{ block: 0, requested: 'new', ...NO_TOKENS, inputTokens: 1_000_000 }]));
    assert.deepEqual(found?.models, [{ model: 'new', microUsd: 15_000_000, unpriced: true }]);
  });

  it('of the model that was asked and the one that answered, and of tokens and what the agent says, the dearer counts', () => {
    const usage = { block: 0, ...NO_TOKENS, outputTokens: 1_000_000 };
    const asked = { ...usage, requested: 'claude-opus-4-5', served: 'claude-haiku-4-5' };
    assert.deepEqual(cost(result([asked]))?.models, [{ model: 'claude-opus-4-5', microUsd: 25_000_000 }]);
    const said = { ...asked, costMicroUsd: 26_000_000 };
    assert.equal(cost(result([said]), 3_000_000)?.microUsd, 26_000_000);
    const both = cost(result([asked, { ...asked, block: 1 }]));
    assert.deepEqual(both?.models, [{ model: 'claude-opus-4-5', microUsd: 50_000_000 }]);
  });

  it('an agent that says nothing, or what cannot be read, is charged what was reckoned; one that says zero is not', () => {
    const one = { pipeline: [AGENT] };
    assert.equal(cost(result(undefined, ['agent']), 0, LOCAL, one)?.assumedMicroUsd, 1_000_000);
    assert.equal(cost(result(undefined, ['agent']), 0, LOCAL, { ...one, maxMicroUsd: 70 })?.assumedMicroUsd, 70);
    assert.equal(cost(result(undefined, ['agent']), 0, LOCAL, { ...one, maxMicroUsd: 0 }), undefined);
    const told = [{ block: 0, requested: 'claude-haiku-4-5', ...NO_TOKENS }];
    assert.equal(cost(result(told, ['agent']), 0, LOCAL, one), undefined);
    const two = { pipeline: [AGENT, AGENT] };
    assert.equal(cost(result(told, ['agent', 'agent']), 0, LOCAL, two)?.assumedMicroUsd, 1_000_000);
    assert.equal(cost(result(undefined, ['script'], { usageUnread: true }))?.assumedMicroUsd, 1_000_000);
    assert.equal(cost(result()), undefined);
  });

  it('an agent of the plan that a worker leaves out of its blocks is charged like one that says nothing', () => {
    for (const blocks of [[], ['script'], ['script', 'script']])
      assert.equal(
        cost(result(undefined, blocks), 0, LOCAL, { pipeline: [SCRIPT, AGENT] })?.assumedMicroUsd,
        1_000_000,
      );
  });

  it('models are charged up to ten times what was reserved, or what an agent is reckoned at, and what is cut is told', () => {
    const said = (costMicroUsd: number) =>
      result([{ block: 0, requested: 'claude-haiku-4-5', ...NO_TOKENS, costMicroUsd }]);
    const sums = (claimed: ClaimedResult, reserved?: number) => {
      const { microUsd, cutMicroUsd, models = [] } = cost(claimed, reserved) ?? {};
      return [microUsd, cutMicroUsd, models[0]?.microUsd];
    };
    assert.deepEqual(sums(said(10_000_000)), [10_000_000, undefined, 10_000_000]);
    assert.deepEqual(sums(said(10_000_001)), [10_000_000, 1, 10_000_001]);
    assert.deepEqual(sums(said(900_000_000), 2_000_000), [20_000_000, 880_000_000, 900_000_000]);
    const paid = cost(said(900_000_000), 2_000_000, FARGATE);
    assert.equal(paid?.microUsd, 20_000_000 + (paid?.computeMicroUsd ?? 0));
  });

  it('an attempt of which nobody knows what became costs what it had reserved, and more where its time does', () => {
    const lost: ClaimedResult = { blocks: [] };
    const found = cost(lost, 5_000, FARGATE);
    assert.deepEqual([found?.microUsd, found?.computeMicroUsd], [5_000, 1_248]);
    assert.equal(cost(lost, 100, FARGATE)?.microUsd, 1_248);
    assert.equal(cost(lost, 0), undefined);
  });

  it('an attempt reserves its longest time, and what its models may cost', () => {
    const item = { pipeline: [SCRIPT], timeoutMs: 60_000 };
    assert.equal(reservationOf(item, LOCAL, 0), 0);
    assert.equal(reservationOf({ ...item, maxMicroUsd: 7 }, LOCAL, 0), 7);
    assert.equal(reservationOf({ ...item, pipeline: [SCRIPT, AGENT] }, LOCAL, 0), 1_000_000);
    const longest = computeMicroUsd(FARGATE, 'large', 600_000 + 60_000 + 120_000);
    assert.equal(reservationOf({ ...item, environment: 'large', maxMicroUsd: 7 }, FARGATE, 600_000), longest + 7);
  });

  it('an item sums up its attempts, by model too', () => {
    const models = [{ model: 'm', microUsd: 2 }];
    const rest = { computeMicroUsd: 1, assumedMicroUsd: 0, prices: LOCAL.digest };
    const once = withCost({}, { microUsd: 3, models, ...rest });
    assert.deepEqual(once, { costMicroUsd: 3, modelMicroUsd: { m: 2 } });
    assert.deepEqual(withCost(once, { microUsd: 1, models: [], ...rest }), {
      costMicroUsd: 4,
      modelMicroUsd: { m: 2 },
    });
    assert.deepEqual(withCost(once, { microUsd: 3, models, ...rest }), { costMicroUsd: 6, modelMicroUsd: { m: 4 } });
    const cut = withCost(once, { microUsd: 1, models, ...rest, cutMicroUsd: 2 });
    assert.deepEqual(cut, { costMicroUsd: 4, modelMicroUsd: { m: 4 }, cutMicroUsd: 2 });
    assert.deepEqual(withCost(cut, { microUsd: 1, models, ...rest, cutMicroUsd: 2 }).cutMicroUsd, 4);
  });
});
