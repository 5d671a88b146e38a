import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOfRun, readCost } from './cost.ts';
import type { CapStatus, ItemStatus, RunStatus } from './documents.ts';
import type { Transport } from './transport.ts';

const DAY: CapStatus = { cap: 'day', limitMicroUsd: 10, leftMicroUsd: 4 };

function item(id: string, costMicroUsd?: number, modelMicroUsd?: Record<string, number>): ItemStatus {
  const cost = costMicroUsd === undefined ? {} : { costMicroUsd };
  return { id, state: 'done', attempts: [], ...cost, ...(modelMicroUsd === undefined ? {} : { modelMicroUsd }) };
}

function runOf(run: string, at: string, items: ItemStatus[], caps?: CapStatus[]): RunStatus {
  const costMicroUsd = items.reduce((sum, each) => sum + (each.costMicroUsd ?? 0), 0);
  return { run, at, items, costMicroUsd, ...(caps === undefined ? {} : { caps }) } as RunStatus;
}

const ITEMS = [item('a', 5, { m: 2 }), item('b'), item('c', 9, { m: 1, n: 7 })];
const ONE = runOf('one', '2026-11-21T05:00:00.000Z', ITEMS, [{ cap: 'run', limitMicroUsd: 20, leftMicroUsd: 6 }, DAY]);
const OTHER = runOf('other', '2026-11-21T06:00:00.000Z', [item('x', 30, { n: 3 })], [{ ...DAY, leftMicroUsd: 1 }]);

function holding(...runs: RunStatus[]): Transport {
  const refs = runs.map(({ run }) => ({ principal: 'p', submissionId: run }));
  const readStatus = async ({ submissionId }: { submissionId: string }) =>
    runs.find(({ run }) => run === submissionId) ?? null;
  return { listRuns: async () => refs, readStatus } as unknown as Transport;
}

test('cost: of a run by its items and models, dearest first, without those that cost nothing', () => {
  const { microUsd, parts, models, caps } = costOfRun(ONE);
  assert.equal(microUsd, 14);
  assert.deepEqual(
    parts.map((part) => [part.id, part.microUsd]),
    [
      ['c', 9],
      ['a', 5],
    ],
  );
  assert.deepEqual(models, [
    { model: 'n', microUsd: 7 },
    { model: 'm', microUsd: 3 },
  ]);
  assert.deepEqual(caps, ONE.caps);
});

test('cost: what was claimed and not charged is summed up over items and runs', async () => {
  const cut = (id: string, cutMicroUsd: number): ItemStatus => ({ ...item(id, 5, { m: 9 }), cutMicroUsd });
  const one = runOf('one', '2026-11-21T05:00:00.000Z', [cut('a', 4), cut('b', 3), item('c', 5)]);
  assert.equal(costOfRun(one).cutMicroUsd, 7);
  const other = runOf('other', '2026-11-21T05:00:00.000Z', [cut('a', 1)]);
  assert.equal((await readCost(holding(one, other)))?.cutMicroUsd, 8);
  assert.equal(costOfRun(ONE).cutMicroUsd, undefined);
});

test('cost: of all runs by run, with the caps of the deployment as the newest status has them', async () => {
  const found = await readCost(holding(ONE, OTHER));
  assert.equal(found?.microUsd, 44);
  assert.deepEqual(
    found?.parts.map(({ id }) => id),
    ['other', 'one'],
  );
  assert.deepEqual(found?.caps, [{ ...DAY, leftMicroUsd: 1 }]);
  assert.equal(found?.capsAt, OTHER.at, 'what is left is no newer than this');
  const later = runOf('later', '2026-11-21T07:00:00.000Z', [item('y', 1)]);
  assert.equal(
    (await readCost(holding(ONE, OTHER, later)))?.capsAt,
    OTHER.at,
    'a newer status without caps says nothing',
  );
  assert.deepEqual((await readCost(holding()))?.parts, []);
  assert.equal(await readCost(holding(ONE), { principal: 'p', submissionId: 'none' }), null);
});
