/**
 * What the runs of a simulated deployment are like. Each trait draws from a source of its own, which its name and the place in the
 * workload decide: one more leaves all others as they were. A feature of the engine is drawn by adding it to a list here.
 */
import { type Random, randomOf } from '../support/random.ts';
import type { ItemDraft, runOf } from '../support/run-spec.ts';
import { CALLBACK_NAMES } from './callback-desk.ts';
import { PRINCIPALS } from './deed.ts';
import { NEVER_UPLOADED, readsOf } from './read-files.ts';
import { mixed, scrambled } from './timeline.ts';
import { typesOf } from './typed-work.ts';

const LOCKS = ['repo:a', 'repo:b', 'db', 'host'] as const;
const DATA = { output: 'data' };
const MINUTE_MS = 60_000;
/** The one that goes away while runs go on, and one that stays. */
const ENVIRONMENTS = ['leaving', 'leaving', 'leaving', 'python', 'python', 'python', 'python'] as const;

type Spec = NonNullable<Parameters<typeof runOf>[1]>;

/** What an item has of this trait; `makers` are items before it which it may take from. */
type ItemTrait = (random: Random, makers: readonly string[], startMs: number) => Partial<ItemDraft>;
type RunTrait = (random: Random) => Spec;

const ITEM_TRAITS: Readonly<Record<string, ItemTrait>> = {
  retry: (random) => ({
    retry: { maxAttempts: 1 + random.below(3), backoff: random.chance(0.7) ? '500ms' : '40s' },
  }),
  timeout: (random) => ({ timeout: random.chance(0.9) ? '60s' : '5s' }),
  locks: (random) => {
    const locks = LOCKS.filter(() => random.chance(0.1)).map((name) =>
      random.chance(0.3) ? { name, mode: 'shared' as const } : name,
    );
    return locks.length > 0 ? { locks } : {};
  },
  priority: (random) => (random.chance(0.2) ? { priority: random.below(101) } : {}),
  deadline: (random) => (random.chance(0.04) ? { deadline: `${5 + random.below(200)}s` } : {}),
  effect: (random) => {
    const draw = random.fraction();
    if (draw < 0.25) return { effect: 'pure' };
    return draw < 0.4 ? { effect: 'write', env: { INTENDS: `${random.below(4)}` } } : {};
  },
  /** It asks people so often; when nobody answers it is over some day. */
  asks: (random) =>
    random.chance(0.08) ? { env: { ASKS: `${1 + random.below(3)}` }, deadline: `${100 + random.below(300)}s` } : {},
  environment: (random) => {
    const name = ENVIRONMENTS[random.below(300)];
    return name === undefined ? {} : { environment: name };
  },
  notBefore: (random, _makers, startMs) => (random.chance(0.03) ? soonAfter(random, startMs) : {}),
  onError: (random) => (random.chance(0.15) ? { onError: 'continue' } : {}),
  /** Now and then what nobody has uploaded. */
  reads: (random) => {
    const reads = { ...readsOf(() => random.chance(0.05)), ...(random.chance(0.001) ? NEVER_UPLOADED : {}) };
    return Object.keys(reads).length > 0 ? { reads } : {};
  },
  outputs: typesOf,
  maxUsd: (random) => (random.chance(0.5) ? { maxUsd: random.below(10) / 1_000 } : {}),
  lens: (random) => (random.chance(0.1) ? { lens: 'verify' } : {}),
  secrets: (random) =>
    random.chance(0.1) ? { secrets: { TOKEN: 'npm-token', ...(random.chance(0.5) ? { KEY: 'aws-key' } : {}) } } : {},
  /** It takes from one or from the first of several. */
  needs: (random, [source, other]) => {
    if (source === undefined || !random.chance(0.4)) return {};
    const isOneOf = other !== undefined && random.chance(0.5);
    return { needs: { data: isOneOf ? { oneOf: [other, source], select: DATA } : { from: source, select: DATA } } };
  },
  /** It asks what others have said, and how they ended. */
  when: (random, makers) => {
    const asked = makers[random.below(makers.length)];
    if (asked === undefined || !random.chance(0.2)) return {};
    const value = { ...DATA, from: asked, at: '/draw', lessThan: 1 + random.below(4) };
    const state = { from: asked, state: random.chance(0.7) ? 'done' : 'failed' };
    return { when: random.chance(0.5) ? value : random.chance(0.5) ? state : { any: [value, { not: state }] } };
  },
};

const RUN_TRAITS: Readonly<Record<string, RunTrait>> = {
  queue: (random) => ({ queue: random.chance(0.25) ? 'slow' : 'default' }),
  reuse: (random) => (random.chance(0.1) ? { reuse: 'off' } : {}),
  callback: (random) => {
    const name = CALLBACK_NAMES[random.below(12)];
    return name === undefined ? {} : { callback: name };
  },
  openEnded: (random) => (random.chance(0.15) ? { openEnded: true } : {}),
  /** An attempt reserves some thousandths of a dollar for its worker alone. */
  cap: (random) =>
    random.chance(0.3) ? { caps: { usd: (10 + random.below(random.chance(0.6) ? 14 : 150)) / 1_000 } } : {},
  wallClock: (random) =>
    random.chance(0.1) ? { caps: { wallClock: `${2 + random.below(random.chance(0.4) ? 15 : 300)}s` } } : {},
};

/** Some ten minutes before clocks are changed, in one of the zones. */
const STARTS = [
  '2026-11-21T00:00:00Z',
  '2026-10-25T00:52:00Z',
  '2027-03-28T00:52:00Z',
  '2026-11-01T05:53:00Z',
  '2027-04-03T14:50:00Z',
  '2028-02-29T23:52:00Z',
] as const;

/** When the deployment of this seed begins. */
export function startOf(seed: number): number {
  return Date.parse(STARTS[sourceOf({ seed, run: -1 }, 'start').below(STARTS.length)] ?? STARTS[0]);
}

/** Of a workload of this seed, the run at this place. */
export interface Place {
  seed: number;
  run: number;
}

/** Some time in the first minutes of a deployment. */
export function soonAfter(random: Random, startMs: number): { notBefore: string } {
  return { notBefore: new Date(startMs + random.below(7 * MINUTE_MS)).toISOString() };
}

/** An item with all its traits. `id` is its name and where it draws from. */
export function itemOf(place: Place, id: string, makers: readonly string[] = []): ItemDraft {
  const traits = Object.entries(ITEM_TRAITS).map(([name, draw]) =>
    draw(sourceOf(place, `${name} ${id}`), makers, startOf(place.seed)),
  );
  const { secrets, ...item }: ItemDraft = Object.assign({ id }, ...traits);
  const env = Object.assign({}, ...traits.map((trait) => trait.env)) as Record<string, string>;
  if (Object.keys(env).length > 0) item.env = env;
  // What is used again must not depend on them.
  return secrets === undefined || item.effect === 'pure' ? item : { ...item, secrets };
}

export function specOf(place: Place): Spec {
  const traits = Object.entries(RUN_TRAITS).map(([name, draw]) => draw(sourceOf(place, name)));
  const caps = Object.assign({}, ...traits.map((trait) => trait.caps));
  return { ...Object.assign({}, ...traits), ...(Object.keys(caps).length > 0 ? { caps } : {}) };
}

/** Where money is short, some have no time to wait for it. */
export function hurriedFor(place: Place, { caps }: Spec, items: readonly ItemDraft[]): ItemDraft[] {
  const random = sourceOf(place, 'hurried');
  const isShort = ((caps as { usd?: number } | undefined)?.usd ?? 1) < 0.03;
  return items.map((item) => {
    const isHurried = isShort && item.gate === undefined && random.chance(0.2);
    return isHurried ? { ...item, deadline: `${5 + random.below(60)}s` } : item;
  });
}

/**
 * Each is over some day: a run that waits for people for ever would never end.
 * @param makers items before it, of which some are decided about
 */
export function gateOf(place: Place, id: string, makers: readonly string[] = []): ItemDraft {
  const random = sourceOf(place, `gate ${id}`);
  const expires = `${10 + random.below(200)}s`;
  const reviewers = PRINCIPALS.filter(() => random.chance(0.6));
  const approvals = 1 + random.below(Math.max(1, reviewers.length));
  const reviews = makers.filter(() => random.chance(0.5));
  const about = reviews.length === 0 ? {} : { reviews };
  return { id, gate: { expires, ...(reviewers.length === 0 ? {} : { reviewers, approvals }), ...about } };
}

/** Numbers for one thing of a workload alone. */
export function sourceOf({ seed, run }: Place, name: string): Random {
  return randomOf(scrambled(mixed(scrambled(seed * 31 + run * 7919 + 5), name)));
}
