/** The plan as the run sealed it: gathered part by part, then judged as a whole. */
import { Contradiction, mustHold } from '../contradiction.ts';
import { type Digest, runningDigest } from '../crypto/digest.ts';
import { canonicalize } from '../json/jcs.ts';
import { type PlannedCondition, testsOf } from '../record/condition.ts';
import type { EventData, PlannedGate, PlannedItem, PlannedLock, PlannedNeed } from '../record/events.ts';

export interface BookedItem {
  spec: Digest;
  deps: string[];
  needs: PlannedNeed[];
  locks: PlannedLock[];
  maxAttempts: number;
  when?: PlannedCondition;
  onError?: 'continue';
  gate?: PlannedGate;
}

export class PlanBook {
  readonly items: Map<string, BookedItem> = new Map();
  readonly #hash = runningDigest();
  readonly #sources = new Set<string>();
  readonly #asked = new Set<string>();
  #parts = 0;
  #partsDue: number | undefined;
  #edges = 0;
  #unfinished: string | undefined;

  get isComplete(): boolean {
    return this.#parts === this.#partsDue;
  }

  /** Whether another item may be given what this one hands on. */
  isSource(id: string): boolean {
    return this.#sources.has(id);
  }

  /** Whether a condition asks for a value that this one left. */
  isAsked(id: string): boolean {
    return this.#asked.has(id);
  }

  /** Takes the next part. Throws Contradiction when it does not continue the ones before. */
  add({ part, parts, items }: EventData['run.planned']): void {
    mustHold(part === this.#parts && part < parts, `part ${part} of the plan stands where part ${this.#parts} belongs`);
    mustHold(parts === (this.#partsDue ?? parts), 'the parts of the plan disagree on how many they are');
    this.#partsDue = parts;
    this.#parts++;
    for (const entry of items) this.#addEntry(entry);
  }

  /** Judges the whole plan against what `run.opened` promised. */
  close(promised: { plan: Digest; items: number; edges: number }): void {
    mustHold(this.isComplete && this.#unfinished === undefined, 'the plan is incomplete');
    mustHold(this.#hash.digest() === promised.plan, 'the planned items do not hash to the plan of run.opened');
    mustHold(
      this.items.size === promised.items,
      `run.opened promises ${promised.items} items, the plan has ${this.items.size}`,
    );
    mustHold(
      this.#edges === promised.edges,
      `run.opened promises ${promised.edges} edges, the plan has ${this.#edges}`,
    );
    for (const [id, { deps, needs, when }] of this.items) {
      for (const dep of deps) mustHold(this.items.has(dep), `item ${id} depends on ${dep}, which is not in the plan`);
      const known = new Set(deps);
      const sources = needs.flatMap(({ from }) => from);
      mustHold(
        sources.every((from) => known.has(from)),
        `item ${id} needs an item that it does not depend on`,
      );
      const isWaitedFor = when === undefined || testsOf(when).every(({ from }) => known.has(from));
      mustHold(isWaitedFor, `item ${id} asks an item that it does not depend on`);
    }
    this.#mustBeAcyclic();
  }

  #addEntry(entry: PlannedItem): void {
    this.#hash.update(`${canonicalize(entry)}\n`);
    this.#edges += entry.deps.length;
    const { id, spec, deps, needs, locks, maxAttempts, when, onError, gate } = entry;
    let booked = this.items.get(id);
    if (this.#unfinished === undefined) {
      mustHold(booked === undefined, `item ${id} is planned twice`);
      booked = { spec, deps: kept(deps), needs: kept(needs), locks: kept(locks), maxAttempts };
      if (when !== undefined) booked.when = when;
      if (onError !== undefined) booked.onError = onError;
      if (gate !== undefined) booked.gate = gate;
      this.items.set(id, booked);
    } else {
      mustHold(id === this.#unfinished && booked !== undefined, `item ${this.#unfinished} is cut short by ${id}`);
      const isBare = locks.length === 0 && when === undefined && onError === undefined && gate === undefined;
      const isSame = booked.spec === spec && booked.maxAttempts === maxAttempts && isBare;
      mustHold(isSame, `the entries of item ${id} are not of one item`);
      booked.deps = grown(booked.deps, deps);
      booked.needs = grown(booked.needs, needs);
    }
    for (const { from } of needs) for (const source of from) this.#sources.add(source);
    if (when !== undefined) for (const test of testsOf(when)) if ('output' in test) this.#asked.add(test.from);
    this.#unfinished = entry.more ? id : undefined;
    if (entry.more) return;
    mustHold(isAscending(booked.deps), `the deps of item ${id} are not sorted and unique`);
    mustHold(isAscending(booked.locks.map(({ name }) => name)), `the locks of item ${id} are not sorted and unique`);
    mustHold(isAscending(booked.needs.map(({ key }) => key)), `the needs of item ${id} are not sorted and unique`);
  }

  /** Without a stack of calls: a chain may be as long as the plan. */
  #mustBeAcyclic(): void {
    const done = new Set<string>();
    const open = new Set<string>();
    for (const start of this.items.keys()) {
      const path = done.has(start) ? [] : [start];
      while (path.length > 0) {
        const id = path.at(-1) as string;
        if (open.has(id)) {
          path.pop();
          open.delete(id);
          done.add(id);
          continue;
        }
        if (done.has(id)) {
          path.pop();
          continue;
        }
        open.add(id);
        for (const dep of this.items.get(id)?.deps ?? []) {
          if (open.has(dep)) throw new Contradiction(`item ${dep} depends on itself`);
          if (!done.has(dep)) path.push(dep);
        }
      }
    }
  }
}

const NOTHING: never[] = [];

/** Most lists of a plan are empty, and all of those are one. */
function kept<T>(list: T[]): T[] {
  return list.length === 0 ? NOTHING : list;
}

/** In place: an item may have as many entries as the file has room for. */
function grown<T>(list: T[], more: readonly T[]): T[] {
  if (list === NOTHING) return more.slice();
  for (const one of more) list.push(one);
  return list;
}

function isAscending(ids: readonly string[]): boolean {
  return ids.every((id, index) => index === 0 || (ids[index - 1] as string) < id);
}
