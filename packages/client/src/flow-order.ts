/**
 * The order of a flow, kept behind items that end early. One that takes from another alone ends as soon as that is left out, whatever else
 * it waits for; so what follows waits for that itself.
 */
import type { Refusal } from './errors.ts';
import { tooDense } from './flow-size.ts';
import { sourcesOf, testsOf } from './item-sources.ts';
import type { Conditional } from './left-out.ts';
import type { Limits } from './limits.ts';
import type { ItemSpec } from './spec.ts';
import type { Origin, Unrolled } from './unroll-flow.ts';

export function conditionalOf({ items, origins }: Pick<Unrolled, 'items' | 'origins'>): Conditional[] {
  return items.map((item, n) => ({ item, conditions: (origins[n]?.asked ?? []).map(({ condition }) => condition) }));
}

/** Adds to `dependsOn` of the items, which stand in their order. */
export function keepOrder(unrolled: Pick<Unrolled, 'items' | 'origins'>, limits: Limits): Refusal[] {
  const leftOut = everLeftOut(unrolled);
  const taken = new Map(unrolled.items.map((item) => [item.id, takenAlone(item)]));
  /** What an item may not have waited for when it ends. */
  const open = new Map<string, string[]>();
  let edges = unrolled.items.reduce((sum, { dependsOn = [] }) => sum + dependsOn.length, 0);
  for (const [n, item] of unrolled.items.entries()) {
    const { dependsOn = [] } = item;
    const waits = [...new Set([...dependsOn, ...dependsOn.flatMap((id) => open.get(id) ?? [])])];
    edges += waits.length - dependsOn.length;
    if (edges > limits.edges) return denseAt(unrolled.origins[n], waits.length, limits);
    if (waits.length > dependsOn.length) item.dependsOn = waits;
    const causes = [...(taken.get(item.id) ?? [])].filter((id) => leftOut.has(id));
    // Who takes from the same alone is left out with it.
    const isEnded = (id: string): boolean =>
      causes.every((cause) => id === cause || taken.get(id)?.has(cause) === true);
    const passed = waits.length > dependsOn.length ? passedBy(item) : new Set<string>();
    const left = waits.filter((id) => !isEnded(id) || (passed.has(id) && !dependsOn.includes(id)));
    if (left.length > 0) open.set(item.id, left);
  }
  return [];
}

/** Rather too many: the first source alone tells whether what takes from several counts as left out, and a failure may be behind it. */
function everLeftOut({ items, origins }: Pick<Unrolled, 'items' | 'origins'>): Set<string> {
  const takers = new Map<string, string[]>();
  for (const { id, needs = {}, forEach } of items) {
    const firsts = Object.values(needs).flatMap((need) => sourcesOf(need).slice(0, 1));
    for (const first of forEach === undefined ? firsts : [...firsts, forEach.from]) {
      const known = takers.get(first);
      if (known === undefined) takers.set(first, [id]);
      else known.push(id);
    }
  }
  const found = new Set(items.flatMap(({ id }, n) => ((origins[n]?.asked.length ?? 0) > 0 ? [id] : [])));
  // Grows as it is gone through.
  for (const id of found) for (const taker of takers.get(id) ?? []) found.add(taker);
  return found;
}

function denseAt(origin: Origin | undefined, waits: number, limits: Limits): Refusal[] {
  return origin === undefined ? [] : [tooDense(origin.node, waits, limits)];
}

/** Whose failure it goes on after, and what follows it must not. */
function passedBy({ needs = {}, when }: ItemSpec): Set<string> {
  const spare = Object.values(needs).flatMap(({ oneOf = [], onError }) => (onError === 'stop' ? [] : oneOf));
  const asked = testsOf(when, []).flatMap(({ written }) => (written.state === undefined ? [] : (written.from ?? [])));
  return new Set([...spare, ...asked]);
}

function takenAlone({ needs = {}, forEach }: ItemSpec): Set<string> {
  const alone = Object.values(needs).map(sourcesOf);
  return new Set([
    ...alone.filter(({ length }) => length === 1).flat(),
    ...(forEach === undefined ? [] : [forEach.from]),
  ]);
}
