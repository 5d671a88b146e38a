/**
 * The rows that a plan becomes. Pure and linear in items and edges; the order of the rows is fixed, so that an admission
 * that was interrupted writes the same rows again.
 */
import type { Plan, PlanEntry, PlanGate, PlanItem } from '@waybill/client/plan';
import { canonicalize, type Digest, NO_COUNTS, type Pseudonym, type RunEvent } from '@waybill/verify';
import { type CallbackRow, callbackKey } from '#core/callback.ts';
import { type SaltedEvent, unplacedEvent, unplacedLine } from '#core/evidence.ts';
import { growthOf, HELD_OPEN, largestBranch } from '#core/growth.ts';
import { MAX_SET_IDS } from '#core/names.ts';
import type { EventRow } from '#core/record-rows.ts';
import { type ItemRow, type Key, keys, type OpenRow, type SetRow, type SpecRow } from '#core/rows.ts';
import { chunk, chunkedSet } from '#core/sets.ts';

/** Room for the other keys of an event line of at most 65,535 bytes. */
const MAX_PART_BYTES = 48_000;

export interface NewRow {
  key: Key;
  body: object;
}

/**
 * Everything but the run's own row and its events.
 * @param reviewersOf who decides a gate
 */
export function admissionRows(run: string, plan: Plan, reviewersOf: (gate: PlanGate) => Pseudonym[]): NewRow[] {
  const rows = itemRows(run, plan, { place: 0, openPlace: 0 }, reviewersOf);
  const open = chunk(
    plan.items.map((item) => item.id),
    MAX_SET_IDS,
  );
  open.forEach((ids, n) => {
    rows.push({ key: keys.open(run, n), body: { ids, tally: NO_COUNTS } satisfies OpenRow });
  });
  const ids = [...open.map((_ids, n) => String(n)), ...(plan.openEnded === undefined ? [] : [HELD_OPEN])];
  const places = growthOf(plan, 0) === undefined ? {} : { places: plan.items.length };
  rows.push({ key: keys.openRoot(run), body: { ids, tally: NO_COUNTS, ...places } satisfies OpenRow });
  // Apart from the row of the run, which is written again and again.
  const shared = plan.openEnded?.shared;
  if (shared !== undefined) rows.push({ key: keys.shared(run), body: shared });
  const { callback: endpoint } = plan;
  if (endpoint !== undefined)
    rows.push({ key: callbackKey(run), body: { endpoint, state: 'due' } satisfies CallbackRow });
  return rows;
}

/**
 * What the items are and where they stand; their dependents are those of these items alone.
 * @param from the places of the first, where people see it and in the open set, and what it was not in the plan for
 */
export function itemRows(
  run: string,
  { items, itemDigests }: Pick<Plan, 'items' | 'itemDigests'>,
  from: { place: number; openPlace: number; addedBy?: NonNullable<ItemRow['addedBy']> },
  reviewersOf: (gate: PlanGate) => Pseudonym[],
): NewRow[] {
  const dependents = dependentsOf(items);
  return items.flatMap((item, n): NewRow[] => {
    const fan = chunk(dependents.get(item.id) ?? [], MAX_SET_IDS);
    const spec: SpecRow = {
      item,
      digest: itemDigests[n] as Digest,
      openChunk: openChunkOf(from.openPlace + n),
      dependents: fan[0] ?? [],
      moreDependents: Math.max(0, fan.length - 1),
      ...(item.gate === undefined ? {} : { reviewers: reviewersOf(item.gate) }),
    };
    const waiting = chunkedSet(item.deps);
    const row = freshItem(from.place + n, from.addedBy, waiting.root);
    return [
      { key: keys.spec(run, item.id), body: spec },
      { key: keys.item(run, item.id), body: row },
      ...fan.slice(1).map((ids, k) => ({ key: keys.fan(run, item.id, k), body: { ids } satisfies SetRow })),
      ...waiting.rows.map((ids, k) => ({ key: keys.wait(run, item.id, k), body: { ids } satisfies SetRow })),
    ];
  });
}

/** The row of the open set that holds the id which came into it as this one, from 0. */
export function openChunkOf(openPlace: number): number {
  return Math.floor(openPlace / MAX_SET_IDS);
}

/** An item that nothing has happened to. */
export function freshItem(place: number, addedBy: ItemRow['addedBy'], waitingOn: string[] = []): ItemRow {
  const added = addedBy === undefined ? {} : { addedBy };
  return { place, ...added, state: 'pending', waitingOn, attempt: 0, spent: 0, lost: 0, unsandboxed: 0, attempts: [] };
}

/** No run has more rows of the open set, or of dependents of one item; and no item becomes more. */
const MOST = { openChunk: 99_999, moreDependents: 9_999 };
const MOST_BRANCHES = 999;

/** The rows as large as each may become while the run grows, and those of the largest items that some of these may become. */
export function largestRows(run: string, rows: readonly NewRow[]): NewRow[] {
  return rows.flatMap((row): NewRow[] => {
    if (!row.key.sk.startsWith('spec/')) return [row];
    const spec = { ...(row.body as SpecRow), ...MOST };
    const item = largestBranch(spec.item);
    if (item === undefined) return [{ ...row, body: spec }];
    const branch: SpecRow = { item, digest: spec.digest, dependents: [spec.item.id], ...MOST };
    return [
      { ...row, body: { ...spec, branches: MOST_BRANCHES } satisfies SpecRow },
      { key: keys.spec(run, item.id), body: branch },
    ];
  });
}

function dependentsOf(items: readonly PlanItem[]): Map<string, string[]> {
  const dependents = new Map<string, string[]>();
  for (const item of items) {
    for (const dep of item.deps) {
      const list = dependents.get(dep);
      if (list) list.push(item.id);
      else dependents.set(dep, [item.id]);
    }
  }
  return dependents;
}

/** The plan as events. */
export function planEvents(entries: readonly PlanEntry[]): RunEvent[] {
  const parts = partsOf(entries);
  return parts.map((items, part) => ({ type: 'run.planned', data: { part, parts: parts.length, items } }));
}

/** Entries packed into as few event lines as fit the size limit. */
export function partsOf(entries: readonly PlanEntry[]): PlanEntry[][] {
  const parts: PlanEntry[][] = [[]];
  let sizeBytes = 0;
  for (const entry of entries) {
    const entryBytes = canonicalize(entry).length;
    if (sizeBytes + entryBytes > MAX_PART_BYTES && sizeBytes > 0) {
      parts.push([]);
      sizeBytes = 0;
    }
    parts.at(-1)?.push(entry);
    sizeBytes += entryBytes;
  }
  return parts;
}

/** A part of the plan in the outbox. The opening of a run stands before all that transactions emit: its place is version 0. */
export function planRow(origin: string, run: string, part: number, event: SaltedEvent): NewRow {
  const body = unplacedLine(unplacedEvent(origin, run, event));
  return { key: keys.event(run, 0, part + 1), body: body satisfies EventRow };
}

/** The deadlines of the run and of its items, as timers. */
export function deadlineRows(run: string, plan: Pick<Plan, 'items' | 'wallClockMs'>, openedAtMs: number): NewRow[] {
  const timer = (what: string, afterMs: number | undefined) => {
    if (afterMs === undefined) return [];
    return [{ key: keys.timer(openedAtMs + afterMs, what), body: {} }];
  };
  return [
    ...timer(`run/${run}`, plan.wallClockMs),
    ...plan.items.flatMap(({ id, deadlineMs }) => timer(`item/${run}/${id}`, deadlineMs)),
  ];
}
