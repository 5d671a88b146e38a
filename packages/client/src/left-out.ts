/**
 * What of a flow may be left out while something else of it runs, told from its conditions before anything has happened.
 * Where in doubt it may: nothing is known of conditions but which of them are the same, and whom they ask.
 */
import { canonicalize } from '@waybill/verify';
import { type Need, sourcesOf, testsOf } from './item-sources.ts';
import type { ItemSpec } from './spec.ts';
import { membersOf, type WrittenCondition } from './spec-conditions.ts';

/** What holds whenever something runs: its conditions, and those of whom they could not have asked otherwise. */
interface Given {
  around: Given | null;
  /** As canonical JSON. */
  holds: Set<string>;
  /** Have run then, well or not. */
  ran: Set<string>;
  conditions: WrittenCondition[];
  /** By item, as far as it has been asked. */
  fates: Map<string, Fate>;
}

/** Why an item may be left out. */
interface Fate {
  byCondition: boolean;
  byNeed: boolean;
}

const RUNS: Fate = { byCondition: false, byNeed: false };

/** An item, and the conditions that it is under, each in the place of a group, a round or its own. */
export interface Conditional {
  item: ItemSpec;
  conditions: readonly WrittenCondition[];
}

/** How far rounds lead back to what made them happen. What is further away counts as unknown. */
const MAX_FOLLOWED = 256;

/** Ends of what may never have been asked for its conditions. */
const NOT_RUN = ['skipped', 'cancelled', 'denied'];

export class LeftOut {
  readonly #items: ReadonlyMap<string, Conditional>;
  readonly #given = new Map<string, Given>();
  readonly #parts = new Map<WrittenCondition, string[]>();

  /** @param items that do not wait for each other in a circle */
  constructor(items: readonly Conditional[]) {
    this.#items = new Map(items.map((one) => [one.item.id, one]));
  }

  /** Whether the need may be what leaves its owner out although the conditions of that hold. */
  mayLackFor({ conditions }: Conditional, need: Need): boolean {
    const given = this.#givenOf(conditions);
    for (const id of sourcesOf(need)) this.#look(id, given);
    const ends = this.#endsWithout(need, given);
    return ends !== null && !anyOf(given, (at) => at.conditions.some((one) => !answersOf(one, ends).yes));
  }

  /**
   * How its sources end where none of them is done and their dependents are left out for it; null where that cannot be. Then the first has been left
   * out, or it would count as a failure, and each of the others too, or has failed where that lets pass. In a list of rounds the
   * later ones ask those behind them.
   */
  #endsWithout(need: Need, given: Given): ReadonlyMap<string, readonly string[]> | null {
    const sources = sourcesOf(need);
    const ends = new Map<string, string[]>();
    for (const id of sources.toReversed()) {
      const { byCondition, byNeed } = given.fates.get(id) ?? RUNS;
      const { item, conditions = [] } = this.#items.get(id) ?? {};
      const canBeNo = (one: WrittenCondition): boolean => !this.#holds(one, given) && answersOf(one, ends).no;
      const states = byNeed || (byCondition && conditions.some(canBeNo)) ? ['skipped'] : [];
      if (item?.onError === 'continue') states.push('failed');
      if (states.length === 0) return null;
      ends.set(id, states);
    }
    return ends.get(sources[0] ?? '')?.includes('skipped') ? ends : null;
  }

  /** Finds the fates of it and of what it takes from. Without recursion along the items: there may be thousands in a row. */
  #look(id: string, given: Given): Fate {
    const waiting = [id];
    for (let at = waiting.at(-1); at !== undefined; at = waiting.at(-1)) {
      const runs = given.fates.has(at) || this.#runs(at, given);
      const needs = runs ? [] : this.#needsOf(at);
      const unknown = needs.flatMap(sourcesOf).filter((source) => !given.fates.has(source));
      if (unknown.length > 0) {
        waiting.push(...unknown);
        continue;
      }
      waiting.pop();
      if (given.fates.has(at)) continue;
      const byCondition = !runs && this.#items.get(at)?.conditions.every((one) => this.#holds(one, given)) === false;
      given.fates.set(at, { byCondition, byNeed: needs.some((need) => this.#endsWithout(need, given) !== null) });
    }
    return given.fates.get(id) ?? RUNS;
  }

  #runs(id: string, given: Given): boolean {
    if (!this.#items.has(id) || anyOf(given, ({ ran }) => ran.has(id))) return true;
    if (given.around === null) return false;
    const { byCondition, byNeed } = this.#look(id, given.around);
    return !byCondition && !byNeed;
  }

  #holds(condition: WrittenCondition, given: Given): boolean {
    return this.#partsOf(condition).every((text) => anyOf(given, ({ holds }) => holds.has(text)));
  }

  #needsOf(id: string): Need[] {
    const { needs = {}, forEach } = this.#items.get(id)?.item ?? {};
    const each: Need[] = forEach === undefined ? [] : [{ from: forEach.from, select: 'patch' }];
    return [...Object.values(needs), ...each];
  }

  /** The same for all that are under the same conditions; what is known under the first of them is known under all. */
  #givenOf(conditions: readonly WrittenCondition[]): Given {
    let key = '';
    let given = this.#given.get(key) ?? this.#keep(key, null, []);
    for (const one of conditions) {
      key += `${textOf(one)}\n`;
      given = this.#given.get(key) ?? this.#keep(key, given, [one]);
    }
    return given;
  }

  /** What holds where all of it does, as canonical JSON. */
  #partsOf(condition: WrittenCondition): string[] {
    const parts = this.#parts.get(condition) ?? textsOf(condition);
    this.#parts.set(condition, parts);
    return parts;
  }

  #keep(key: string, around: Given | null, conditions: WrittenCondition[]): Given {
    const given = { around, holds: new Set<string>(), ran: new Set<string>(), conditions, fates: new Map() };
    this.#given.set(key, given);
    // Grows as it is gone through: who ran did so under conditions of its own.
    for (const one of conditions) {
      for (const part of this.#partsOf(one)) given.holds.add(part);
      for (const { written } of testsOf(one, [])) {
        const id = written.from ?? '';
        if (given.ran.has(id) || answersOf(one, new Map([[id, NOT_RUN]])).yes) continue;
        given.ran.add(id);
        const own = this.#items.get(id)?.conditions ?? [];
        if (conditions.length + own.length <= MAX_FOLLOWED) conditions.push(...own);
      }
    }
    return given;
  }
}

function anyOf(given: Given, has: (one: Given) => boolean): boolean {
  for (let at: Given | null = given; at !== null; at = at.around) if (has(at)) return true;
  return false;
}

function textOf(condition: WrittenCondition): string {
  return canonicalize(condition, { numbers: 'any' });
}

function textsOf(condition: WrittenCondition): string[] {
  return condition.all === undefined ? [textOf(condition)] : condition.all.flatMap(textsOf);
}

/** Which answers are possible where these items have ended in one of these states, without being done. */
function answersOf(
  condition: WrittenCondition,
  ends: ReadonlyMap<string, readonly string[]>,
): { yes: boolean; no: boolean } {
  const { from, state, exists } = condition;
  if (from !== undefined) {
    const states = ends.get(from);
    if (states === undefined) return { yes: true, no: true };
    if (state !== undefined) return { yes: states.includes(state), no: states.some((one) => one !== state) };
    // Who is not done has left nothing.
    return { yes: exists === false, no: exists !== false };
  }
  const members = membersOf(condition).map(([, one]) => answersOf(one, ends));
  const [yes, no] = [members.filter((one) => one.yes).length, members.filter((one) => one.no).length];
  if (condition.not !== undefined) return { yes: no > 0, no: yes > 0 };
  const enough = condition.any === undefined ? (condition.atLeastOf?.n ?? members.length) : 1;
  return { yes: yes >= enough, no: members.length - no < enough };
}
