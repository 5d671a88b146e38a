/** Runs in a deployment of all three stacks: from an object in the inbox to a bundle that the verifier accepts. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { openWorld, type World } from './deployed-world.ts';
import { grantedAndUsed } from './granted-and-used.ts';
import { verdictOn } from './least-privilege.ts';
import type { Scenarios } from './scenario.ts';
import { AGENTS } from './scenarios-of-agents.ts';
import { CALLBACKS } from './scenarios-of-callbacks.ts';
import { LOST } from './scenarios-of-lost-events.ts';
import { BESIDE, RUNS } from './scenarios-of-runs.ts';
import { SECRETS } from './scenarios-of-secrets.ts';
import { CANCELLED, TROUBLE } from './scenarios-of-trouble.ts';
import { UNUSED_GRANTS } from './unused-grants.ts';

let world: World;
let failures = 1;

before(async () => {
  world = await openWorld();
  failures = 0;
});

after(async () => {
  // The logs of the bed say why.
  await world?.close({ keepLogs: failures > 0 });
});

function scenarios(list: Scenarios, options: { timeout?: number } = {}): void {
  for (const [name, body] of Object.entries(list)) {
    test(`deployed: ${name}`, options, async () => {
      failures += 1;
      await body(world);
      failures -= 1;
    });
  }
}

/** Six attempts of several blocks, each after the other: as long as six scenarios of one. */
const OF_AGENTS = { timeout: 6 * 60_000 };

scenarios({ ...RUNS, ...TROUBLE, ...LOST, ...CALLBACKS, ...SECRETS });
// A worker hears within half a minute that it is cancelled, and a slot comes with the minute: meanwhile others have enough to do.
suite('deployed, beside each other', { concurrency: true }, () => {
  scenarios(AGENTS, OF_AGENTS);
  scenarios({ ...BESIDE, ...CANCELLED });
});

test('deployed: what each role did in all of this is what it may do, and what more it may is listed with a reason', async (t) => {
  const { names } = world.deployed;
  const record = await grantedAndUsed(world);
  const list = { list: UNUSED_GRANTS, prefix: `${names.name}-${names.region}-` };
  assert.deepEqual(verdictOn(record, list), { denied: [], idle: [], stale: [] });
  const grants = [...record.policies.values()].flat().flatMap(({ actions }) => actions).length;
  t.diagnostic(
    `${record.made.length} permissions asked for in recorded calls and ${record.derived.length} derived for services, against ${grants} granted to ${record.policies.size} roles`,
  );

  const [role = ''] = record.policies.keys();
  const planted = { role, asked: { action: 's3:DeleteObject', resource: 'arn:aws:s3:::planted/key' } };
  const withCall = verdictOn({ ...record, made: [...record.made, planted] }, list);
  assert.deepEqual(withCall.denied, [`${role}: s3:DeleteObject on arn:aws:s3:::planted/key`]);
  const more = { sid: 'Planted', actions: ['dynamodb:Scan'], resources: ['*'] };
  const policies = new Map([...record.policies, [role, [...(record.policies.get(role) ?? []), more]]]);
  assert.deepEqual(verdictOn({ ...record, policies }, list).idle, [`${role} Planted dynamodb:Scan`]);
});
