/**
 * Which items a retry opens again: those that were skipped because something that they depend on had failed, and of which
 * every dependency is done or open once the retried item is. Pure and linear in items and edges.
 */
import type { ItemState } from '@waybill/client/documents';
import { MAX_SET_IDS } from '#core/names.ts';
import { type ChunkedSet, chunk } from '#core/sets.ts';

export interface Standing {
  state: ItemState;
  reason?: string;
  /** Somebody asked for its end, or its deadline is over. */
  isBarred?: boolean;
  deps: readonly string[];
  /** Unmet dependencies, or `#<n>` for each row of them. */
  waitingOn: readonly string[];
}

const OPEN_OR_DONE: ReadonlySet<ItemState> = new Set<ItemState>(['pending', 'ready', 'running', 'suspended', 'done']);

/** Whether somebody else than an upstream item decided that it shall not run. */
export function isSkippedForUpstream({ state, reason }: Pick<Standing, 'state' | 'reason'>): boolean {
  return state === 'skipped' && reason === 'upstream_failed';
}

/** Upstream before downstream. */
export function reopenable(items: ReadonlyMap<string, Standing>): string[] {
  const waitsFor = new Map<string, number>();
  const dependents = new Map<string, string[]>();
  for (const [id, item] of items) {
    if (!isSkipped(items, id)) continue;
    const skipped = item.deps.filter((dep) => isSkipped(items, dep));
    const isHopeless = item.deps.some((dep) => !isSkipped(items, dep) && !isOpenOrDone(items, dep));
    if (isHopeless) continue;
    waitsFor.set(id, skipped.length);
    for (const dep of skipped) {
      const known = dependents.get(dep);
      if (known) known.push(id);
      else dependents.set(dep, [id]);
    }
  }
  const order = [...waitsFor].filter(([, count]) => count === 0).map(([id]) => id);
  for (let n = 0; n < order.length; n += 1) {
    for (const id of dependents.get(order[n] as string) ?? []) {
      const left = (waitsFor.get(id) ?? 0) - 1;
      waitsFor.set(id, left);
      if (left === 0) order.push(id);
    }
  }
  return order;
}

function isSkipped(items: ReadonlyMap<string, Standing>, id: string): boolean {
  const item = items.get(id);
  return item !== undefined && isSkippedForUpstream(item) && !item.isBarred;
}

function isOpenOrDone(items: ReadonlyMap<string, Standing>, id: string): boolean {
  const item = items.get(id);
  return item !== undefined && OPEN_OR_DONE.has(item.state);
}

/** The unmet dependencies of an item that waits again, in the rows in which an admission would have put them. */
export function unmetOf(item: Pick<Standing, 'deps'>, items: ReadonlyMap<string, Standing>): ChunkedSet {
  const isUnmet = (dep: string): boolean => items.get(dep)?.state !== 'done';
  if (item.deps.length <= MAX_SET_IDS) return { root: item.deps.filter(isUnmet), rows: [] };
  const rows = chunk(item.deps, MAX_SET_IDS).map((ids) => ids.filter(isUnmet));
  return { root: rows.flatMap((ids, n) => (ids.length === 0 ? [] : [`#${n}`])), rows };
}
