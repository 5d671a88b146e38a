/**
 * What people ask of a simulated deployment: runs of many shapes, the same ones again, and changes of mind. What items and runs
 * are like stands in traits.ts, who waits for whom in shapes.ts, what is asked of a run that was submitted in wishes.ts.
 */
import { deriveRunId } from '@waybill/verify';
import { randomOf } from '../support/random.ts';
import { type ItemDraft, runOf } from '../support/run-spec.ts';
import { type Deed, PRINCIPALS } from './deed.ts';
import { type EgressPlan, egressPlanOf, lettingOut } from './egress-plan.ts';
import { grown } from './growth-plan.ts';
import { type MoneyPlan, moneyPlanOf } from './money-plan.ts';
import { pinned } from './pin-plan.ts';
import { type QueuePlan, queuePlanOf } from './queue-plan.ts';
import { scheduleDeeds, schedulesOf } from './schedules.ts';
import { itemsOf } from './shapes.ts';
import { hurriedFor, type Place, sourceOf, specOf, startOf } from './traits.ts';
import { wishesFor } from './wishes.ts';

const MINUTE_MS = 60_000;

export interface Workload {
  startMs: number;
  queues: QueuePlan;
  egress: EgressPlan;
  money: MoneyPlan;
  deeds: Deed[];
  /** And schedules. */
  runs: number;
  items: number;
  lastMs: number;
}

export interface Without {
  /** Places of runs that are left out. */
  runs: ReadonlySet<number>;
  /** How many items of each run are there at most. */
  mostItems: number;
}

export function workloadOf(seed: number, without: Without): Workload {
  const startMs = startOf(seed);
  const random = randomOf(seed);
  const queues = queuePlanOf(seed, startMs);
  const egress = egressPlanOf(seed, startMs);
  const money = moneyPlanOf(seed, startMs);
  const runs = 1 + random.below(5);
  const most = Math.max(4, Math.floor((26 + random.below(40)) / runs));
  const deeds: Deed[] = [];
  let items = 0;
  for (let run = 0; run < runs; run += 1) {
    if (without.runs.has(run)) continue;
    const wanted = deedsOf({ seed, run }, startMs, { most, mostItems: without.mostItems });
    items += wanted.items;
    deeds.push(...wanted.deeds);
  }
  const schedules = schedulesOf(seed);
  for (let run = runs; run < runs + schedules; run += 1)
    if (!without.runs.has(run)) deeds.push(...scheduleDeeds({ seed, run }, startMs));
  deeds.sort((a, b) => a.atMs - b.atMs);
  return {
    startMs,
    queues,
    egress,
    money,
    deeds,
    runs: runs + schedules,
    items,
    lastMs: deeds.at(-1)?.atMs ?? startMs,
  };
}

function deedsOf(
  place: Place,
  startMs: number,
  size: { most: number; mostItems: number },
): { deeds: Deed[]; items: number } {
  const random = sourceOf(place, 'submission');
  const principal = PRINCIPALS[random.below(2)] as string;
  const isAlone = sourceOf(place, 'alone').chance(0.05);
  const drawn = grown(place, itemsOf(place, size.most)).slice(0, isAlone ? 1 : size.mostItems);
  const known = new Set(drawn.map(({ id }) => id));
  const { queue = 'default', ...traits } = specOf(place);
  const sound = drawn.map((item) => withoutStrangers(item, known));
  const hurried = hurriedFor(place, traits, sound);
  const asking = lettingOut(sourceOf(place, 'egress'), { seed: place.seed, queue }, hurried);
  const { spec, items } = pinned(place, traits, asking);
  const document = runOf(items, { queue, ...spec });
  const submissionId = `run-${place.run}`;
  const key = `${queue}/${principal}/${submissionId}.json`;
  const atMs = startMs + MINUTE_MS + random.below(3 * MINUTE_MS);
  const runId = deriveRunId(principal, submissionId);
  const wishes = wishesFor(place, {
    principal,
    runId,
    items,
    isOpenEnded: spec.openEnded === true,
    document,
    key,
    queue,
    atMs,
  });
  return { deeds: [{ atMs, key, document, run: place.run }, ...wishes], items: items.length };
}

function withoutStrangers(item: ItemDraft, known: ReadonlySet<string>): ItemDraft {
  const { dependsOn = [], needs = {}, when, gate, ...rest } = item;
  const reviews = gate?.reviews?.filter((id) => known.has(id)) ?? [];
  const { reviews: _all, ...people } = gate ?? {};
  const deps = dependsOn.filter((id) => known.has(id));
  const kept = Object.entries(needs).filter(([, { from, oneOf = [] }]) =>
    [...oneOf, ...(from === undefined ? [] : [from])].every((id) => known.has(id)),
  );
  const isAnswerable = [...JSON.stringify(when ?? {}).matchAll(/"from":"([^"]+)"/g)].every(([, id = '']) =>
    known.has(id),
  );
  return {
    ...rest,
    ...(gate === undefined ? {} : { gate: { ...people, ...(reviews.length > 0 ? { reviews } : {}) } }),
    ...(when !== undefined && isAnswerable ? { when } : {}),
    ...(deps.length > 0 ? { dependsOn: deps } : {}),
    ...(kept.length > 0 ? { needs: Object.fromEntries(kept) } : {}),
  };
}
