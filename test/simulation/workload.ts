/** What people ask of a simulated deployment: runs of many shapes, the same ones again, and changes of mind. */

import { deriveRunId } from '@waybill/verify';
import type { QueueDefinitions } from '#core/queue-definition.ts';
import { type Random, randomOf } from '../support/random.ts';
import { abortOf, cancelOf, controlOf, type ItemDraft, runOf } from '../support/run-spec.ts';

export const PRINCIPALS = ['AROAEXAMPLE1:ada', 'AROAEXAMPLE2:bob', 'AROAEXAMPLE3:eve'] as const;
const LOCKS = ['repo:a', 'repo:b', 'db', 'host'] as const;
const MINUTE_MS = 60_000;
/** Its work takes longer than that of all others together. */
export const LONG_ITEM = 'long';

/** One object that a client writes. */
export interface Deed {
  atMs: number;
  /** Below `inbox/`. */
  key: string;
  document: object;
  /** Which run it belongs to: a run without its deeds is a smaller history. */
  run: number;
}

export interface Workload {
  queues: QueueDefinitions;
  deeds: Deed[];
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

/** @param startMs of the simulated time */
export function workloadOf(seed: number, startMs: number, without: Without): Workload {
  const random = randomOf(seed);
  const queues = {
    default: { concurrency: 1 + random.below(8) },
    slow: { concurrency: 1 + random.below(2), ...(seed % 3 === 0 ? { rate: { starts: 2, perSeconds: 15 } } : {}) },
  };
  const runs = 1 + random.below(5);
  const most = Math.max(4, Math.floor((26 + random.below(40)) / runs));
  const deeds: Deed[] = [];
  let items = 0;
  for (let run = 0; run < runs; run += 1) {
    // Each has a source of its own: leaving one out does not change the others.
    const own = randomOf(seed * 31 + run * 7919 + 5);
    const wanted = deedsOf(own, run, startMs, { most, mostItems: without.mostItems });
    if (without.runs.has(run)) continue;
    items += wanted.items;
    deeds.push(...wanted.deeds);
  }
  deeds.sort((a, b) => a.atMs - b.atMs);
  return { queues, deeds, runs, items, lastMs: deeds.at(-1)?.atMs ?? startMs };
}

function deedsOf(
  random: Random,
  run: number,
  startMs: number,
  size: { most: number; mostItems: number },
): { deeds: Deed[]; items: number } {
  const principal = PRINCIPALS[random.below(2)] as string;
  const submissionId = `run-${run}`;
  const items = itemsOf(random, size.most).slice(0, size.mostItems);
  const known = new Set(items.map(({ id }) => id));
  const closed = items.map((item) => withoutStrangers(item, known));
  const queue = random.chance(0.25) ? 'slow' : 'default';
  const wallClock = random.chance(0.1) ? { caps: { wallClock: `${2 + random.below(300)}s` } } : {};
  const document = runOf(closed, { queue, ...wallClock });
  const key = `${queue}/${principal}/${submissionId}.json`;
  const atMs = startMs + MINUTE_MS + random.below(3 * MINUTE_MS);
  const deeds: Deed[] = [{ atMs, key, document, run }];
  if (random.chance(0.2)) deeds.push({ atMs: atMs + random.below(5 * MINUTE_MS), key, document, run });
  if (random.chance(0.1)) {
    const other = runOf([{ id: 'other' }], { queue });
    deeds.push({ atMs: atMs + random.below(2 * MINUTE_MS), key, document: other, run });
  }
  const ids = closed.map(({ id }) => id);
  const gates = closed.filter(({ gate }) => gate !== undefined).map(({ id }) => id);
  deeds.push(...verdictsOn(random, { run, principal, runId: deriveRunId(principal, submissionId), ids: gates, atMs }));
  deeds.push(...changesOfMind(random, { run, principal, runId: deriveRunId(principal, submissionId), ids, atMs }));
  return { deeds, items: closed.length };
}

interface Subject {
  run: number;
  principal: string;
  runId: string;
  ids: string[];
  atMs: number;
}

function changesOfMind(random: Random, { run, principal, runId, ids, atMs }: Subject): Deed[] {
  const deeds: Deed[] = [];
  const ask = (document: object, who: string, afterMs: number): void => {
    const key = `@control/${who}/c-${run}-${deeds.length}.json`;
    deeds.push({ atMs: atMs + afterMs, key, document, run });
  };
  const soon = (): number => random.below(random.chance(0.7) ? 40_000 : 6 * MINUTE_MS);
  for (let n = random.below(6); n > 0; n -= 1) {
    const item = ids[random.below(ids.length)] ?? 'none';
    const draw = random.fraction();
    if (draw < 0.3) ask(cancelOf(runId, item), principal, soon());
    else if (draw < 0.4) ask(controlOf('skip', runId, item), principal, soon());
    else if (draw < 0.5) ask(controlOf('retry', runId, item), principal, soon());
    else if (draw < 0.65) {
      const pauseMs = soon();
      ask(controlOf('pause', runId), principal, pauseMs);
      if (random.chance(0.8)) ask(controlOf('resume', runId), principal, pauseMs + soon());
    } else if (draw < 0.77) ask(cancelOf(runId), principal, soon());
    else if (draw < 0.87) ask(abortOf(runId, 'regret'), principal, soon());
    else if (draw < 0.91) ask(cancelOf(runId), PRINCIPALS[2], soon());
    else if (draw < 0.95) ask(cancelOf(deriveRunId(principal, 'nothing')), principal, soon());
    else ask({ ...cancelOf(runId), kind: 'Nonsense' }, principal, soon());
  }
  return deeds;
}

/** Of anybody, about any gate, most of them while it waits. */
function verdictsOn(random: Random, { run, runId, ids, atMs }: Subject): Deed[] {
  return ids.flatMap((gate, k) =>
    Array.from({ length: 3 + random.below(6) }, (_, n): Deed => {
      const who = PRINCIPALS[random.below(3)] as string;
      const document = controlOf(random.chance(0.75) ? 'approve' : 'reject', runId, gate);
      const key = `@control/${who}/v-${run}-${k}-${n}.json`;
      return { atMs: atMs + random.below(6 * MINUTE_MS), key, document, run };
    }),
  );
}

function withoutStrangers(item: ItemDraft, known: ReadonlySet<string>): ItemDraft {
  const { dependsOn = [], needs = {}, when, ...rest } = item;
  const deps = dependsOn.filter((id) => known.has(id));
  const kept = Object.entries(needs).filter(([, { from, oneOf = [] }]) =>
    [...oneOf, ...(from === undefined ? [] : [from])].every((id) => known.has(id)),
  );
  const isAnswerable = [...JSON.stringify(when ?? {}).matchAll(/"from":"([^"]+)"/g)].every(([, id = '']) =>
    known.has(id),
  );
  return {
    ...rest,
    ...(when !== undefined && isAnswerable ? { when } : {}),
    ...(deps.length > 0 ? { dependsOn: deps } : {}),
    ...(kept.length > 0 ? { needs: Object.fromEntries(kept) } : {}),
  };
}

type Shape = (random: Random, count: number) => ItemDraft[];

const SHAPES: readonly Shape[] = [randomGraph, randomGraph, fanOutFanIn, chain, crowdedLock, crowdedLock];

function itemsOf(random: Random, most: number): ItemDraft[] {
  const count = Math.max(
    1,
    random.chance(0.2) ? 1 + random.below(most) : Math.floor(most * (0.7 + 0.3 * random.fraction())),
  );
  const shape = SHAPES[random.below(SHAPES.length)] ?? randomGraph;
  return shape(random, count);
}

function randomGraph(random: Random, count: number): ItemDraft[] {
  const items: ItemDraft[] = [];
  for (let n = 0; n < count; n += 1) {
    const before = items
      .slice(-8)
      .map(({ id }) => id)
      .filter(() => random.chance(0.25));
    const dependsOn = before.length > 0 ? { dependsOn: before } : {};
    if (random.chance(0.08)) {
      items.push({ id: idOf(n), ...dependsOn, gate: gateOf(random) });
      continue;
    }
    const makers = before.filter((id) => items.find((item) => item.id === id)?.gate === undefined);
    items.push({ ...dressed(random, n), ...dependsOn, ...coursesOf(random, makers) });
  }
  return items;
}

/** Each is over some day: a run that waits for people for ever would never end. */
function gateOf(random: Random): NonNullable<ItemDraft['gate']> {
  const expires = `${10 + random.below(200)}s`;
  const reviewers = PRINCIPALS.filter(() => random.chance(0.6));
  if (reviewers.length === 0) return { expires };
  return { expires, reviewers, approvals: 1 + random.below(reviewers.length) };
}

const DATA = { output: 'data' };

/** What an item makes of those before it: it takes from one or from the first of several, and asks some how they ended. */
function coursesOf(random: Random, before: readonly string[]): Partial<ItemDraft> {
  const [source, other] = before;
  if (source === undefined) return {};
  const draw = random.fraction();
  const oneOf = other !== undefined && draw < 0.2 ? [other, source] : [];
  const needs = oneOf.length > 0 ? { oneOf, select: DATA } : { from: source, select: DATA };
  const asked = before[random.below(before.length)] ?? source;
  const value = { ...DATA, from: asked, at: '/draw', lessThan: 1 + random.below(4) };
  const state = { from: asked, state: random.chance(0.7) ? 'done' : 'failed' };
  const when = random.chance(0.5) ? value : random.chance(0.5) ? state : { any: [value, { not: state }] };
  return {
    ...(draw < 0.4 ? { needs: { data: needs } } : {}),
    ...(random.chance(0.2) ? { when } : {}),
  };
}

function fanOutFanIn(random: Random, count: number): ItemDraft[] {
  const first = dressed(random, 0);
  const middle = Array.from({ length: Math.max(0, count - 2) }, (_, n) => ({
    ...dressed(random, n + 1),
    dependsOn: [first.id],
  }));
  const last = { ...dressed(random, count), dependsOn: middle.map(({ id }) => id) };
  return [first, ...middle, last];
}

function chain(random: Random, count: number): ItemDraft[] {
  return Array.from({ length: count }, (_, n) => ({
    ...dressed(random, n),
    ...(n === 0 ? {} : { dependsOn: [idOf(n - 1)] }),
  }));
}

/** One wants two locks of which one is long taken, and many want the other: it must get its turn. */
function crowdedLock(random: Random, count: number): ItemDraft[] {
  const crowd = Array.from({ length: Math.max(14, count - 2) }, (_, n) => ({
    ...dressed(random, n + 2),
    locks: ['repo:b'],
    priority: 40,
  }));
  const holder = { ...dressed(random, 0), id: LONG_ITEM, locks: ['repo:a'], priority: 90 };
  return [holder, { ...dressed(random, 1), locks: ['repo:a', 'repo:b'], priority: 80 }, ...crowd];
}

function idOf(n: number): string {
  return `i${String(n).padStart(3, '0')}`;
}

function dressed(random: Random, n: number): ItemDraft {
  const locks = LOCKS.filter(() => random.chance(0.1)).map((name) =>
    random.chance(0.3) ? { name, mode: 'shared' as const } : name,
  );
  return {
    id: idOf(n),
    retry: { maxAttempts: 1 + random.below(3), backoff: random.chance(0.7) ? '500ms' : '40s' },
    ...(locks.length > 0 ? { locks } : {}),
    ...(random.chance(0.2) ? { priority: random.below(101) } : {}),
    ...(random.chance(0.04) ? { deadline: `${5 + random.below(200)}s` } : {}),
    ...(random.chance(0.15) ? { onError: 'continue' as const } : {}),
    ...(random.chance(0.1) ? { lens: 'verify' as const } : {}),
    timeout: random.chance(0.9) ? '60s' : '5s',
  };
}
