/**
 * Honest runs are never refused. `WAYBILL_HONEST_RUNS` says how many are lived through, `WAYBILL_HONEST_SEED` with which
 * numbers; the seed is printed, so that a failure can be lived through again.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type VerifyReport, verifyBundle } from '@waybill/verify';
import { auditLog, type LogAuditOptions } from '../../packages/verify/src/audit/log-audit.ts';
import { directorySource, ownBundles } from '../../packages/verify/src/modes/ledger-source.ts';
import { type Outage, timestampCredentials } from '../support/flaky-outsiders.ts';
import { liveThrough, type World, type WorldRun } from '../support/troubled-world.ts';

const RUNS = Number(process.env.WAYBILL_HONEST_RUNS ?? 100);
const RUNS_A_WORLD = 20;
/** Of one world after the other, so that every tier is met whatever the numbers are. */
const OUTAGES: readonly Outage[] = [
  { witness: 0.3, timestampAuthority: 0.3 },
  { witness: 1, timestampAuthority: 1 },
  { witness: 0.1, timestampAuthority: 1 },
  { witness: 0.1, timestampAuthority: 0 },
];
const SEED = Number(process.env.WAYBILL_HONEST_SEED ?? 222);

/** What the file itself shows that it should reach, read in the plainest way. */
function tiersOf({ bundle }: WorldRun, quorum: number): string[] {
  const lines = bundle.toString().split('\n');
  const proof = lines.find((line) => line.includes('"record":"log"')) ?? '';
  const witnesses = new Set(proof.match(/witness\.test\/w\d/g));
  const isStamped = lines.some((line) => line.startsWith('{"record":"time"'));
  const isWitnessed = witnesses.size >= quorum;
  return [isWitnessed ? 'witnessed' : 'signed', isStamped ? 'tsa-attested' : isWitnessed ? 'witnessed' : 'asserted'];
}

function reached({ facets }: VerifyReport): string[] {
  return [facets.integrity.tier, facets.time.tier];
}

/** What an audit of the world's whole log, with every bundle in it, has to say against it. */
async function findingsOf({ directory, policy, runs }: World): Promise<unknown[]> {
  const source = directorySource(join(directory, 'ledger'));
  const options: LogAuditOptions = { trust: policy.keys, bundles: ownBundles(source) };
  const report = await auditLog(source, options);
  assert.equal(report.bundles, runs.length);
  // That a run was given up is said, and nothing against the log.
  return report.findings.filter(({ code }) => code !== 'RUN_ABORTED');
}

test(`verify: runs with retries, losses, cancels, crashes and outages are never refused (seed ${SEED})`, async (t) => {
  const credentials = timestampCredentials();
  t.after(() => credentials.close());
  const worlds = Math.ceil(RUNS / RUNS_A_WORLD);
  const seen = new Map<string, number>();
  const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
  let crashes = 0;
  let lived = 0;
  for (let n = 0; n < worlds; n += 1) {
    const world = await liveThrough(SEED + n, RUNS_A_WORLD, credentials, OUTAGES[n % OUTAGES.length] as Outage);
    try {
      crashes += world.crashes;
      lived += world.runs.length + world.aborted;
      seen.set('aborted or lost', (seen.get('aborted or lost') ?? 0) + world.aborted);
      seen.set('recoveries', (seen.get('recoveries') ?? 0) + world.recoveries);
      seen.set('rotations', (seen.get('rotations') ?? 0) + world.rotations);
      for (const run of world.runs) {
        const report = await verifyBundle([run.bundle], { policy: world.policy, expectRun: run.run });
        const failing = report.checks.filter(({ status }) => status === 'fail');
        assert.equal(report.exitCode, 0, `seed ${SEED + n}, run ${run.run}: ${JSON.stringify(failing)}`);
        assert.deepEqual(reached(report), tiersOf(run, world.quorum), `seed ${SEED + n}, run ${run.run}`);
        const { integrity, time } = report.facets;
        for (const what of [report.facts?.state, `integrity ${integrity.tier}`, `time ${time.tier}`])
          count(String(what));
      }
      assert.deepEqual(await findingsOf(world), [], `seed ${SEED + n}`);
    } finally {
      world.remove();
    }
  }
  t.diagnostic(`${lived} runs, ${crashes} crashes, ${JSON.stringify(Object.fromEntries(seen))}`);
  // Where these are missing the day was not bad enough to show anything.
  assert.ok(crashes >= worlds, `${crashes} crashes in ${worlds} worlds`);
  const tiers = ['integrity signed', 'integrity witnessed', 'time asserted', 'time witnessed', 'time tsa-attested'];
  for (const what of ['done', 'failed', 'cancelled', ...tiers]) {
    assert.ok((seen.get(what) ?? 0) > 0, `no run was ${what}`);
  }
});
