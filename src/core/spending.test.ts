import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { eachOf } from './mistakes.ts';
import { computeMicroUsd, FARGATE_PRICES, LOCAL_PRICES, pricingOf } from './price-table.ts';
import { DEFAULT_CAPS } from './purse.ts';
import { readSpending } from './spending.ts';

const read = (document: unknown) => readSpending(document, 'spending.json', LOCAL_PRICES);
const MODEL = { inputMicroUsd: 1, outputMicroUsd: 2, cachedMicroUsd: 0 };

it('spending: without a word the account is capped and the prices are those that are given', () => {
  assert.deepEqual(read({}), { caps: DEFAULT_CAPS, prices: LOCAL_PRICES });
  assert.equal(DEFAULT_CAPS.accountMicroUsd, 1_000_000_000);
});

it('spending: what is said wins, key by key, and a list of models as a whole; another table has another digest', () => {
  const { caps, prices } = read({
    caps: { dayMicroUsd: 5, accountMicroUsd: 9 },
    prices: { version: 'ours', models: { m: MODEL }, agentMicroUsd: 0 },
  });
  assert.deepEqual(caps, { dayMicroUsd: 5, accountMicroUsd: 9 });
  assert.deepEqual(prices, { ...LOCAL_PRICES, version: 'ours', models: { m: MODEL }, agentMicroUsd: 0 });
  assert.notEqual(pricingOf(prices).digest, pricingOf(LOCAL_PRICES).digest);
});

it('spending: who gives prices of his own still pays a worker of Fargate for a minute at least', () => {
  const own = { prices: { version: 'ours', vCpuHourMicroUsd: 3_600_000, gbHourMicroUsd: 0 } };
  const { prices } = readSpending(own, 'spending.json', FARGATE_PRICES);
  const costs = (ms: number): number => computeMicroUsd(pricingOf(prices), 'default', ms);
  assert.deepEqual([costs(1), costs(60_000), costs(61_000)], [60_000, 60_000, 61_000]);
  assert.equal(
    computeMicroUsd(pricingOf(read(own).prices), 'default', 1),
    1_000,
    'a machine of ours has no least time',
  );
});

it('spending: all that is wrong is said at once, with the page that helps', () => {
  const models = { 'a b': MODEL, m: { inputMicroUsd: -1, outputMicroUsd: 'x', cachedMicroUsd: 0, each: 1 }, n: 3 };
  const document = {
    caps: { accountMicroUsd: 0, dayMicroUsd: 'x', weekMicroUsd: 5 },
    prices: { models, gbHourMicroUsd: -1, agentMicroUsd: 0.5, unit: 'EUR' },
    budget: 1,
  };
  assert.throws(
    () => read(document),
    (error) => {
      assert.ok(error instanceof TerminalError);
      assert.deepEqual(
        eachOf(error).map(({ path }) => path.replace('spending.json.', '')),
        [
          ...['caps.accountMicroUsd', 'caps.dayMicroUsd', 'caps.weekMicroUsd', 'prices.version'],
          ...['prices.models.a b', 'prices.models.m.inputMicroUsd', 'prices.models.m.outputMicroUsd'],
          ...['prices.models.m.each', 'prices.models.n', 'prices.gbHourMicroUsd', 'prices.agentMicroUsd'],
          ...['prices.unit', 'budget'],
        ],
      );
      assert.equal(error.fix, 'docs/how-to/cap-the-spend.md says how caps and prices are set.');
      return true;
    },
  );
});

for (const [title, document, path] of [
  ['a cap of nothing', { caps: { dayMicroUsd: 0 } }, 'caps.dayMicroUsd'],
  ['a cap below nothing', { caps: { accountMicroUsd: -1 } }, 'caps.accountMicroUsd'],
  ['a part of a micro-USD', { caps: { monthMicroUsd: 0.5 } }, 'caps.monthMicroUsd'],
  ['a cap that nobody knows', { caps: { weekMicroUsd: 5 } }, 'caps.weekMicroUsd'],
  ['prices without a version', { prices: { agentMicroUsd: 1 } }, 'prices.version'],
  ['no model at all', { prices: { version: 'v', models: {} } }, 'prices.models'],
  ['a model without a price', { prices: { version: 'v', models: { m: { ...MODEL, inputMicroUsd: undefined } } } }, 'm'],
  ['a model that is no name', { prices: { version: 'v', models: { 'a b': MODEL } } }, 'a b'],
  ['a key that nobody knows', { budget: 1 }, 'budget'],
  ['what is no object', [], 'spending.json'],
] as const) {
  it(`spending: ${title} is refused with its path`, () => {
    assert.throws(
      () => read(document),
      (error) => error instanceof TerminalError && error.code === 'USAGE' && error.path.includes(path),
    );
  });
}
