/**
 * Honest runs are never refused. `WAYBILL_HONEST_RUNS` says how many are lived through, `WAYBILL_HONEST_SEED` with which
 * numbers; the seed is printed, so that a failure can be lived through again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyBundle } from '@waybill/verify';
import { liveThrough } from '../support/troubled-world.ts';

const RUNS = Number(process.env.WAYBILL_HONEST_RUNS ?? 100);
const RUNS_A_WORLD = 20;
const SEED = Number(process.env.WAYBILL_HONEST_SEED ?? Date.now() % 1_000_000);

test(`verify: runs with retries, losses, cancels and crashes of the engine are never refused (seed ${SEED})`, async (t) => {
  const worlds = Math.ceil(RUNS / RUNS_A_WORLD);
  const states = new Map<string, number>();
  let crashes = 0;
  for (let n = 0; n < worlds; n += 1) {
    const world = await liveThrough(SEED + n, RUNS_A_WORLD);
    try {
      crashes += world.crashes;
      for (const { run, bundle } of world.runs) {
        const report = await verifyBundle([bundle], { trust: world.trust, expectRun: run });
        assert.equal(
          report.exitCode,
          0,
          `seed ${SEED + n}, run ${run}: ${JSON.stringify(report.checks.filter(({ status }) => status !== 'pass'))}`,
        );
        const state = report.facts?.state ?? 'none';
        states.set(state, (states.get(state) ?? 0) + 1);
      }
    } finally {
      world.remove();
    }
  }
  t.diagnostic(`${worlds * RUNS_A_WORLD} runs, ${crashes} crashes, ${JSON.stringify(Object.fromEntries(states))}`);
  // Where these are missing the day was not bad enough to show anything.
  assert.ok(crashes >= worlds, `${crashes} crashes in ${worlds} worlds`);
  for (const state of ['done', 'failed', 'cancelled']) assert.ok((states.get(state) ?? 0) > 0, `no run was ${state}`);
});
