/** Items that a run gets while it goes on: what they are, and whom the item waits for that became them. Pure. */
import type { Plan, PlanItem } from '@waybill/client/plan';
import { branchDeps, branchId, branchIds, branchNeeds, branchSpec, type Digest } from '@waybill/verify';
import type { Growth, SpecRow } from '#core/rows.ts';

/** Stands in the root of the open set while more items may come, so that it is not empty before. */
export const HELD_OPEN = 'more';

/** Of a run whose items are not all in its plan; undefined for every other. */
export function growthOf({ items, openEnded }: Pick<Plan, 'items' | 'openEnded'>, edges: number): Growth | undefined {
  if (openEnded === undefined && !items.some(({ forEach }) => forEach !== undefined)) return undefined;
  return {
    reserved: reservedFor(items),
    edges,
    ...(openEnded === undefined ? {} : { mostItems: openEnded.mostItems }),
  };
}

/** How many these may come to. */
export function reservedFor(items: readonly Pick<PlanItem, 'forEach'>[]): number {
  return items.reduce((sum, { forEach }) => sum + 1 + (forEach?.max ?? 0), 0);
}

/** Whom the item waits for: those that it became, once it has. Sorted, unique. */
export function awaitedBy({ item, branches }: Pick<SpecRow, 'item' | 'branches'>): string[] {
  return branches === undefined ? item.deps : branchIds(item.id, branches).sort();
}

/** No item that this one becomes takes more room: a name of an output in a record has so many characters. */
export function largestBranch(item: PlanItem): PlanItem | undefined {
  return item.forEach === undefined ? undefined : branchItems(item, ['\u{10ffff}'.repeat(1_024)])[0];
}

/** What the items that one becomes are known by. */
export function branchDigests({ digest }: Pick<SpecRow, 'digest'>, paths: readonly string[]): Digest[] {
  return paths.map((path, place) => branchSpec(digest, place, path));
}

/** The items that one becomes, by the paths of their outputs. What it waited for or was asked by itself is over. */
export function branchItems({ forEach, when: _asked, ...shared }: PlanItem, paths: readonly string[]): PlanItem[] {
  if (forEach === undefined) throw new RangeError(`item ${shared.id} stays one`);
  return paths.map((path, place) => {
    const needs = branchNeeds(forEach, shared.needs, path);
    return { ...shared, id: branchId(shared.id, place), needs, deps: branchDeps(needs) };
  });
}
