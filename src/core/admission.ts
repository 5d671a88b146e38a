/**
 * The rows that a plan becomes. Pure and linear in items and edges; the order of the rows is fixed, so that an admission
 * that was interrupted writes the same rows again.
 */
import type { Plan, PlanEntry, PlanGate } from '@waybill/client/plan';
import { canonicalize, NO_COUNTS, type Pseudonym, type RunEvent } from '@waybill/verify';
import { type SaltedEvent, unplacedEvent, unplacedLine } from '#core/evidence.ts';
import { MAX_SET_IDS } from '#core/names.ts';
import { type EventRow, type ItemRow, type Key, keys, type OpenRow, type SetRow, type SpecRow } from '#core/rows.ts';
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
  const dependents = dependentsOf(plan);
  const rows: NewRow[] = [];
  plan.items.forEach((item, n) => {
    const fan = chunk(dependents.get(item.id) ?? [], MAX_SET_IDS);
    const spec: SpecRow = {
      item,
      digest: plan.itemDigests[n] ?? plan.digest,
      openChunk: Math.floor(n / MAX_SET_IDS),
      dependents: fan[0] ?? [],
      moreDependents: Math.max(0, fan.length - 1),
      ...(item.gate === undefined ? {} : { reviewers: reviewersOf(item.gate) }),
    };
    const waiting = chunkedSet(item.deps);
    const row: ItemRow = {
      place: n,
      state: 'pending',
      waitingOn: waiting.root,
      attempt: 0,
      spent: 0,
      lost: 0,
      unsandboxed: 0,
      attempts: [],
    };
    rows.push({ key: keys.spec(run, item.id), body: spec }, { key: keys.item(run, item.id), body: row });
    fan.slice(1).forEach((ids, k) => {
      rows.push({ key: keys.fan(run, item.id, k), body: { ids } satisfies SetRow });
    });
    waiting.rows.forEach((ids, k) => {
      rows.push({ key: keys.wait(run, item.id, k), body: { ids } satisfies SetRow });
    });
  });
  const open = chunk(
    plan.items.map((item) => item.id),
    MAX_SET_IDS,
  );
  open.forEach((ids, n) => {
    rows.push({ key: keys.open(run, n), body: { ids, tally: NO_COUNTS } satisfies OpenRow });
  });
  rows.push({
    key: keys.openRoot(run),
    body: { ids: open.map((_ids, n) => String(n)), tally: NO_COUNTS } satisfies OpenRow,
  });
  return rows;
}

function dependentsOf(plan: Plan): Map<string, string[]> {
  const dependents = new Map<string, string[]>();
  for (const item of plan.items) {
    for (const dep of item.deps) {
      const list = dependents.get(dep);
      if (list) list.push(item.id);
      else dependents.set(dep, [item.id]);
    }
  }
  return dependents;
}

/** The plan as events: its entries packed into as few lines as fit the size limit. */
export function planEvents(entries: readonly PlanEntry[]): RunEvent[] {
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
  return parts.map((items, part) => ({ type: 'run.planned', data: { part, parts: parts.length, items } }));
}

/** A part of the plan in the outbox. The opening of a run stands before all that transactions emit: its place is version 0. */
export function planRow(origin: string, run: string, part: number, event: SaltedEvent): NewRow {
  const body = unplacedLine(unplacedEvent(origin, run, event));
  return { key: keys.event(run, 0, part + 1), body: body satisfies EventRow };
}

/** The deadlines of the run and of its items, as timers. */
export function deadlineRows(run: string, plan: Plan, openedAtMs: number): NewRow[] {
  const timer = (what: string, afterMs: number | undefined) => {
    if (afterMs === undefined) return [];
    return [{ key: keys.timer(openedAtMs + afterMs, what), body: {} }];
  };
  return [
    ...timer(`run/${run}`, plan.wallClockMs),
    ...plan.items.flatMap(({ id, deadlineMs }) => timer(`item/${run}/${id}`, deadlineMs)),
  ];
}
