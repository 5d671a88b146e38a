/** Measures a deployment in which nothing else runs: what runs and items cost, and how long a launch takes. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { GetExecutionHistoryCommand, ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { deriveRunId } from '@waybill/verify';
import { callsByRole } from './callers.ts';
import type { World } from './deployed-world.ts';
import { type Launch, LaunchLatency } from './launch-latency.ts';
import { type Priced, pricedFrom, type Window } from './priced-items.ts';
import { accepted, asRoot, specOf } from './scenario.ts';

const QUIET_MS = 1_500;
const SHORT_ITEMS = 10;
const MINUTE_ITEMS = 20;
/** Every item leaves a log and one output. */
const LEAVES_A_FILE = 'date > "$WAYBILL_OUTPUTS/name"';

/** Resolves when nobody calls any more: what a window began has ended. */
async function quiet({ bed }: World): Promise<void> {
  for (let seen = -1; seen !== bed.calls.length; ) {
    seen = bed.calls.length;
    await delay(QUIET_MS);
  }
}

async function windowOf(
  world: World,
  shape: { runs: number; items: number },
  act: () => Promise<void>,
): Promise<Window> {
  await quiet(world);
  const fromMs = Date.now();
  await act();
  await quiet(world);
  return { ...shape, fromMs, toMs: Date.now() };
}

async function runOf(world: World, name: string, scripts: readonly string[]): Promise<void> {
  await accepted(
    world,
    specOf(
      name,
      scripts.map((script, n) => ({ id: `i${n}`, script })),
    ),
    name,
  );
  const { state } = await world.sealed(name);
  assert.equal(state, 'done');
}

export interface Singles {
  window: Window;
  launches: Launch[];
}

/** Runs of one short item, one after another. */
export async function measureSingles(world: World, runs: number): Promise<Singles> {
  const { bed, deployed, transport } = world;
  await runOf(world, 'warm', [LEAVES_A_FILE]);
  const window = await windowOf(world, { runs, items: runs }, async () => {
    for (let n = 0; n < runs; n += 1) await runOf(world, `one-${n}`, [LEAVES_A_FILE]);
  });
  const latency = new LaunchLatency({
    names: deployed.names,
    calls: bed.calls,
    invocations: world.invocations(),
    root: bed.credentials.accessKeyId,
  });
  const names = Array.from({ length: runs }, (_, n) => `one-${n}`);
  const launches = names.flatMap((name) => {
    const launch = latency.of(name, deriveRunId(transport.principal, name));
    return launch === null ? [] : [launch];
  });
  // How many is a matter of how busy the machine is: the reconciler comes each minute.
  assert.ok(launches.length > 0, 'a run is moved on by its events, and not by the minute of the reconciler');
  return { window, launches };
}

/** Ends of the items of a minute are spread: they share nothing but their queue, and seldom end in the same second. */
export async function measurePrices(world: World, singles: Window): Promise<Priced> {
  const short = await windowOf(world, { runs: 1, items: SHORT_ITEMS }, () =>
    runOf(world, 'short', Array<string>(SHORT_ITEMS).fill(LEAVES_A_FILE)),
  );
  const scripts = Array.from({ length: MINUTE_ITEMS }, (_, n) => `sleep ${50 + n}; ${LEAVES_A_FILE}`);
  const minute = await windowOf(world, { runs: 1, items: MINUTE_ITEMS }, () => runOf(world, 'minute', scripts));
  const { bed, deployed } = world;
  const calls = callsByRole(deployed.names, { calls: bed.calls, root: bed.credentials.accessKeyId })
    .filter(({ role }) => role !== 'submitter')
    .map(({ call }) => call);
  const record = {
    names: deployed.names,
    calls,
    invocations: world.invocations(),
    transitionsPerItem: await transitionsPerItem(world),
  };
  return pricedFrom(record, { single: singles, short, minute });
}

const LOOKED_AT = 20;

/** States that executions entered, a retry like another: what Step Functions charges for. */
async function transitionsPerItem(world: World): Promise<number> {
  const machines = new SFNClient(asRoot(world));
  const stateMachineArn = world.deployed.names.arn.machine('default');
  const list = new ListExecutionsCommand({ stateMachineArn, maxResults: LOOKED_AT, statusFilter: 'SUCCEEDED' });
  const { executions = [] } = await machines.send(list);
  let entered = 0;
  for (const { executionArn } of executions) {
    const { events = [] } = await machines.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 100 }));
    entered += events.filter(({ type }) => type?.endsWith('StateEntered')).length;
  }
  return entered / executions.length;
}
