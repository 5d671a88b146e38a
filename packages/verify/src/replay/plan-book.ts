/** The plan as the run sealed it: gathered part by part, then judged as a whole. */
import { Contradiction, mustHold } from '../contradiction.ts';
import { type Digest, runningDigest } from '../crypto/digest.ts';
import { canonicalize } from '../json/jcs.ts';
import { isSameJson } from '../json/same.ts';
import { testsOf } from '../record/condition.ts';
import type { EventData, PlannedItem, RecordedOutput } from '../record/events.ts';
import type { BookedItem } from './booked-item.ts';
import { mustBeLinked } from './plan-links.ts';

export class PlanBook {
  readonly items: Map<string, BookedItem> = new Map();
  /** Of items that others may become many by. */
  readonly outputs: Map<string, readonly RecordedOutput[]> = new Map();
  /** Whatever has ended may still be asked for something by what is added later. */
  isOpenEnded = false;
  readonly #hash = runningDigest();
  readonly #sources = new Set<string>();
  readonly #asked = new Set<string>();
  readonly #splits = new Set<string>();
  #parts = 0;
  #partsDue: number | undefined;
  #edges = 0;
  #planned = 0;
  #unfinished: string | undefined;

  get isComplete(): boolean {
    return this.#parts === this.#partsDue;
  }

  /** Whether the entry that came last says that it goes on. */
  get isCutShort(): boolean {
    return this.#unfinished !== undefined;
  }

  /** Whether another item may be given what this one hands on. */
  isSource(id: string): boolean {
    return this.isOpenEnded || this.#sources.has(id) || this.#splits.has(id);
  }

  /** Whether a condition asks what this one left, or a gate is about that. */
  isAsked(id: string): boolean {
    return this.isOpenEnded || this.#asked.has(id);
  }

  /** Whether an item may become many by the outputs of this one. */
  isSplit(id: string): boolean {
    return this.isOpenEnded || this.#splits.has(id);
  }

  /** Takes the next part. Throws Contradiction when it does not continue the ones before. */
  add({ part, parts, items }: EventData['run.planned']): void {
    mustHold(part === this.#parts && part < parts, `part ${part} of the plan stands where part ${this.#parts} belongs`);
    mustHold(parts === (this.#partsDue ?? parts), 'the parts of the plan disagree on how many they are');
    this.#partsDue = parts;
    this.#parts++;
    for (const entry of items) {
      this.#hash.update(`${canonicalize(entry)}\n`);
      this.#edges += entry.deps.length;
      this.book(entry);
    }
    this.#planned = this.items.size;
  }

  /** One that an item has become. What takes from each of these takes from it. */
  keep(id: string, booked: BookedItem, of: string): void {
    this.items.set(id, booked);
    for (const source of booked.deps) this.#sources.add(source);
    if (this.#sources.has(of)) this.#sources.add(id);
  }

  /** Judges the whole plan against what `run.opened` promised. */
  close(promised: { plan: Digest; items: number; edges: number; openEnded?: { mostItems: number } }): void {
    mustHold(this.isComplete && this.#unfinished === undefined, 'the plan is incomplete');
    mustHold(this.#hash.digest() === promised.plan, 'the planned items do not hash to the plan of run.opened');
    mustHold(
      this.#planned === promised.items,
      `run.opened promises ${promised.items} items, the plan has ${this.#planned}`,
    );
    mustHold(
      this.#edges === promised.edges,
      `run.opened promises ${promised.edges} edges, the plan has ${this.#edges}`,
    );
    const { mostItems = this.items.size } = promised.openEnded ?? {};
    mustHold(this.items.size <= mostItems, `the run has ${this.items.size} items, run.opened allows ${mostItems}`);
    for (const [id, booked] of this.items) mustBeLinked(id, booked, this.items);
    this.#mustBeAcyclic();
  }

  /** Throws Contradiction where the entry does not continue the ones before. */
  book(entry: PlannedItem): void {
    const { id, more, deps, needs, locks, ...own } = entry;
    const { when, gate, forEach } = own;
    let booked = this.items.get(id);
    if (this.#unfinished === undefined) {
      mustHold(booked === undefined, `item ${id} is planned twice`);
      booked = { ...own, deps: kept(deps), needs: kept(needs), locks: kept(locks) };
      this.items.set(id, booked);
    } else {
      mustHold(id === this.#unfinished && booked !== undefined, `item ${this.#unfinished} is cut short by ${id}`);
      const { spec, maxAttempts } = booked;
      // Everything else stands in the first entry.
      const isSame = locks.length === 0 && isSameJson(own, { spec, maxAttempts });
      mustHold(isSame, `the entries of item ${id} are not of one item`);
      booked.deps = grown(booked.deps, deps);
      booked.needs = grown(booked.needs, needs);
    }
    for (const { from } of needs) for (const source of from) this.#sources.add(source);
    if (forEach !== undefined) this.#splits.add(forEach.from);
    for (const reviewed of gate?.reviews ?? []) this.#asked.add(reviewed);
    if (when !== undefined) for (const test of testsOf(when)) if ('output' in test) this.#asked.add(test.from);
    this.#unfinished = more ? id : undefined;
    if (more) return;
    mustHold(isAscending(booked.deps), `the deps of item ${id} are not sorted and unique`);
    mustHold(isAscending(booked.locks.map(({ name }) => name)), `the locks of item ${id} are not sorted and unique`);
    mustHold(isAscending(booked.needs.map(({ key }) => key)), `the needs of item ${id} are not sorted and unique`);
    const readKeys = (booked.reads ?? []).map(({ key }) => key);
    mustHold(isAscending(readKeys), `the reads of item ${id} are not sorted and unique`);
    const declared = (booked.outputs ?? []).map(({ name }) => name);
    mustHold(isAscending(declared), `the outputs of item ${id} are not sorted and unique`);
    const odd = booked.outputs?.find(({ kind, schema }) => schema !== undefined && kind !== 'json' && kind !== 'jsonl');
    mustHold(odd === undefined, `the output ${odd?.name} of item ${id} is ${odd?.kind} and has a schema`);
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
