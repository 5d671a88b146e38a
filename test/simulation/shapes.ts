/** Shapes of simulated runs: which items there are, and who waits for whom. */
import { MAX_OVERTAKES } from '#core/names.ts';
import type { ItemDraft } from '../support/run-spec.ts';
import { gateOf, itemOf, type Place, soonAfter, sourceOf, startOf } from './traits.ts';

const MINUTE_MS = 60_000;

/** Its work takes longer than that of all others together. */
export const LONG_ITEM = 'long';

type Shape = (place: Place, count: number) => ItemDraft[];

const USUAL: readonly Shape[] = [
  randomGraph,
  randomGraph,
  fanOutFanIn,
  chain,
  chain,
  crowdedLock,
  crowdedLock,
  readers,
];
/** Of a hundred runs. */
const RARE: readonly Shape[] = [wideJoin, manyRoots, gatesAlone, gatesAlone, oneRoot, oneRoot, oneRoot];

/** @param most items, about */
export function itemsOf(place: Place, most: number): ItemDraft[] {
  const random = sourceOf(place, 'shape');
  const share = 0.7 + 0.3 * random.fraction();
  const count = Math.max(1, random.chance(0.2) ? 1 + random.below(most) : Math.floor(most * share));
  const shape = RARE[random.below(100)] ?? USUAL[random.below(USUAL.length)] ?? randomGraph;
  const items = shape(place, count);
  return random.chance(0.08) ? late(place, items) : items;
}

/** Nothing of it may start for a while, so it stays open with nothing running. */
function late(place: Place, items: readonly ItemDraft[]): ItemDraft[] {
  const random = sourceOf(place, 'late');
  const after = soonAfter(random, startOf(place.seed) + 2 * MINUTE_MS);
  const isSpared = ({ gate, dependsOn }: ItemDraft): boolean =>
    gate !== undefined || random.chance(dependsOn === undefined ? 0.1 : 0.6);
  return items.map((item) => (isSpared(item) ? item : { ...item, ...after }));
}

/** More than one row of a set holds; without locks, so that it is over some time. */
function wideJoin(place: Place): ItemDraft[] {
  const random = sourceOf(place, 'wide');
  const first = { id: idOf(0), retry: { maxAttempts: 3 } };
  const middle = Array.from({ length: 101 + random.below(12) }, (_, n) => ({
    id: idOf(n + 1),
    retry: { maxAttempts: 3 },
    onError: 'continue' as const,
    ...(random.chance(0.7) ? { dependsOn: [first.id] } : {}),
  }));
  const all = middle.map(({ id }) => id);
  return [first, ...middle, { ...itemOf(place, idOf(all.length + 1), all), dependsOn: all }];
}

/** More than one transaction opens, and all wait for one that has little time: the run may end before anything of it is ready. */
function oneRoot(place: Place): ItemDraft[] {
  const random = sourceOf(place, 'one root');
  return Array.from({ length: 40 + random.below(8) }, (_, n) => ({
    id: idOf(n),
    ...(n === 0 ? { deadline: `${5 + random.below(6)}s` } : { dependsOn: [idOf(random.below(Math.min(n, 2)))] }),
  }));
}

/** More than one decision readies. */
function manyRoots(place: Place): ItemDraft[] {
  const random = sourceOf(place, 'roots');
  return Array.from({ length: 30 + random.below(40) }, (_, n) => itemOf(place, idOf(n)));
}

function gatesAlone(place: Place, count: number): ItemDraft[] {
  return Array.from({ length: Math.min(3, count) }, (_, n) => ({
    ...gateOf(place, idOf(n)),
    ...(n === 0 ? {} : { dependsOn: [idOf(n - 1)] }),
  }));
}

function randomGraph(place: Place, count: number): ItemDraft[] {
  const random = sourceOf(place, 'graph');
  const items: ItemDraft[] = [];
  for (let n = 0; n < count; n += 1) {
    const before = items.slice(-8).filter(() => random.chance(0.25));
    const dependsOn = before.map(({ id }) => id);
    const makers = before.filter(({ gate }) => gate === undefined).map(({ id }) => id);
    const item = random.chance(0.08) ? gateOf(place, idOf(n), makers) : itemOf(place, idOf(n), makers);
    items.push({ ...item, ...(dependsOn.length > 0 ? { dependsOn } : {}) });
  }
  return items;
}

function fanOutFanIn(place: Place, count: number): ItemDraft[] {
  const first = itemOf(place, idOf(0));
  const middle = Array.from({ length: Math.max(0, count - 2) }, (_, n) => ({
    ...itemOf(place, idOf(n + 1), [first.id]),
    dependsOn: [first.id],
  }));
  const all = middle.map(({ id }) => id);
  return [first, ...middle, { ...itemOf(place, idOf(count), all), dependsOn: all }];
}

function chain(place: Place, count: number): ItemDraft[] {
  const random = sourceOf(place, 'hurry');
  const hurry = random.chance(0.15) ? { deadline: `${5 + random.below(10)}s` } : {};
  return Array.from({ length: count }, (_, n) => {
    if (n === 0) return { ...itemOf(place, idOf(0)), ...hurry };
    return { ...itemOf(place, idOf(n), [idOf(n - 1)]), dependsOn: [idOf(n - 1)] };
  });
}

/**
 * One wants two locks of which one is long taken, and many want the other: it must get its turn. Of some crowds nobody is left
 * by then, and some pay more than a small cap gives them at once.
 */
function crowdedLock(place: Place, count: number): ItemDraft[] {
  const random = sourceOf(place, 'crowd');
  const length = random.chance(0.4) ? MAX_OVERTAKES + random.below(3) : Math.max(14, count - 2);
  const dear = random.chance(0.5) ? { maxUsd: 0.008 } : {};
  const crowd = Array.from({ length }, (_, n) => ({
    ...itemOf(place, idOf(n + 2)),
    ...dear,
    locks: ['repo:b'],
    priority: 40,
  }));
  const holder = { ...itemOf(place, LONG_ITEM), locks: ['repo:a'], priority: 90 };
  return [holder, { ...itemOf(place, idOf(1)), locks: ['repo:a', 'repo:b'], priority: 80 }, ...crowd];
}

/** Many share a lock, and one now and then wants it alone. */
function readers(place: Place, count: number): ItemDraft[] {
  const random = sourceOf(place, 'readers');
  const shared = [{ name: 'repo:a', mode: 'shared' as const }];
  return Array.from({ length: Math.min(20, count) }, (_, n) => ({
    ...itemOf(place, idOf(n)),
    locks: random.chance(0.1) ? ['repo:a'] : shared,
  }));
}

function idOf(n: number): string {
  return `i${String(n).padStart(3, '0')}`;
}
