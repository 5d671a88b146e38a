/**
 * Which items a retry opens again: those that were skipped because something that they depend on had failed, and of which
 * every dependency is done or open once the retried item is. Pure and linear in items and edges.
 */
import type { ItemState } from '@waybill/client/documents';
import { type Dependent, meaningOf } from '@waybill/verify';
import { MAX_SET_IDS } from '#core/names.ts';
import { type ChunkedSet, chunk } from '#core/sets.ts';
import { isTerminal } from '#core/tally.ts';
import { isLeftOut, UPSTREAM_FAILED } from '#core/upstream.ts';

export interface Standing {
  state: ItemState;
  reason?: string;
  /** Somebody asked for its end, or its deadline is over. */
  isBarred?: boolean;
  deps: readonly string[];
  /** What it says of those; absent where it can do without none. */
  dependent?: Dependent;
  /** Others go on when it fails. */
  lettingPass?: boolean;
  /** Unmet dependencies, or `#<n>` for each row of them. */
  waitingOn: readonly string[];
}

const OPEN_OR_DONE: ReadonlySet<ItemState> = new Set<ItemState>(['pending', 'ready', 'running', 'suspended', 'done']);

/** Whether somebody else than an upstream item decided that it shall not run. */
export function isSkippedForUpstream({ state, reason }: Pick<Standing, 'state' | 'reason'>): boolean {
  return state === 'skipped' && reason === UPSTREAM_FAILED;
}

/** Upstream before downstream. */
export function reopenable(items: ReadonlyMap<string, Standing>): string[] {
  const waitsFor = new Map<string, number>();
  const dependents = new Map<string, string[]>();
  for (const [id, item] of items) {
    if (!isSkipped(items, id)) continue;
    // Whatever it goes on without neither holds it nor opens it.
    const awaited = item.deps.filter((dep) => !isLetPass(items, item, dep));
    const skipped = awaited.filter((dep) => isSkipped(items, dep));
    const isHopeless = awaited.some((dep) => !isSkipped(items, dep) && !isOpenOrDone(items, dep));
    if (isHopeless || (skipped.length === 0 && !awaited.some((dep) => isOpen(items, dep)))) continue;
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

function isLetPass(items: ReadonlyMap<string, Standing>, { dependent }: Standing, id: string): boolean {
  const upstream = items.get(id);
  if (upstream === undefined || dependent === undefined || !isTerminal(upstream.state)) return false;
  const { state, reason, lettingPass = false } = upstream;
  const end = { id, state, isLeftOut: isLeftOut({ state, ...(reason === undefined ? {} : { reason }) }), lettingPass };
  return meaningOf(dependent, end) === 'let_pass';
}

function isOpen(items: ReadonlyMap<string, Standing>, id: string): boolean {
  const item = items.get(id);
  return item !== undefined && !isTerminal(item.state);
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
