/** What items say of those that become many: whom they may name, how these are called, and how many there may be. */
import { eachKey } from '@waybill/verify';
import type { Refusal } from './errors.ts';
import { DEFAULTS, type Limits } from './limits.ts';
import type { PlanItem } from './plan.ts';
import type { ItemSpec } from './spec.ts';
import { formatPath, quote } from './spec-issue.ts';

/** Items of a run that others are added to, by their ids. */
export type Present = ReadonlyMap<string, Pick<PlanItem, 'pipeline' | 'forEach'>>;

type ForEach = NonNullable<ItemSpec['forEach']>;
type Known = (id: string) => { forEach?: { max?: number | undefined } | undefined } | undefined;

/** Room for `~300` behind the id of an item. */
const SUFFIX = /~([1-9][0-9]*)$/;

export function mostBranches({ max = DEFAULTS.branches }: { max?: number | undefined }): number {
  return max;
}

/** The item by which this one is called, if there is one. */
export function ownerOf(id: string): string[] {
  return SUFFIX.test(id) ? [id.replace(SUFFIX, '')] : [];
}

/** Items that there may be of these in the end. */
export function itemsAtMost(items: readonly Pick<ItemSpec, 'forEach'>[]): number {
  return items.reduce((sum, { forEach }) => sum + 1 + (forEach === undefined ? 0 : mostBranches(forEach)), 0);
}

/** @param known an item of the run, with those that are there already */
export function growthProblems(
  placed: readonly { index: number; item: ItemSpec }[],
  known: Known,
  limits: Limits,
  present: Present,
): Refusal[] {
  return placed.flatMap(({ index, item }): Refusal[] => {
    const problems: Refusal[] = [];
    const say = (path: PropertyKey[], problem: string, fix: string, code: Refusal['code'] = 'SPEC_INVALID'): void => {
      problems.push({ code, path: formatPath(['spec', 'items', index, ...path]), problem, fix });
    };
    const [owner = ''] = ownerOf(item.id);
    if (known(owner)?.forEach !== undefined)
      say(
        ['id'],
        `${quote(owner)} calls the items so that it becomes`,
        'Give the item another id.',
        'SPEC_DUPLICATE_ID',
      );
    if (item.forEach !== undefined) sayOfForEach(item.id, item.forEach, limits, present, say);
    sayOfNeeds(item, known, limits, say);
    return problems;
  });
}

type Say = (path: PropertyKey[], problem: string, fix: string, code?: Refusal['code']) => void;

function sayOfForEach(id: string, forEach: ForEach, { nameChars }: Limits, present: Present, say: Say): void {
  const taken = [...present.keys()].find((other) => other.startsWith(`${id}~`) && SUFFIX.test(other));
  if (taken !== undefined)
    say(['id'], `the run has an item ${quote(taken)}`, 'Give the item another id.', 'SPEC_DUPLICATE_ID');
  const longest = `${id}~${mostBranches(forEach)}`;
  if (longest.length > nameChars)
    say(
      ['id'],
      `the items that it becomes are called ${longest}, over ${nameChars} characters`,
      'Shorten the id.',
      'SPEC_LIMIT',
    );
}

function sayOfNeeds(item: ItemSpec, known: Known, { needsPerItem, nameChars }: Limits, say: Say): void {
  const needs = Object.entries(item.needs ?? {});
  const taken = new Map(
    (['reads', 'needs'] as const).flatMap((where) => Object.keys(item[where] ?? {}).map((key) => [key, where])),
  );
  let inputs = item.forEach === undefined ? 0 : 1;
  for (const [key, { each }] of needs) {
    const many = each === undefined ? undefined : known(each)?.forEach;
    inputs += many === undefined ? 1 : mostBranches(many);
    if (many === undefined) continue;
    if (eachKey(key, 0).length > nameChars) {
      const problem = `the inputs ${eachKey(key, 0)} and so on have over ${nameChars} characters`;
      say(['needs', key], problem, 'Shorten the key.', 'SPEC_LIMIT');
    }
    for (let place = 0; place < mostBranches(many); place += 1) {
      const clash = eachKey(key, place);
      const where = taken.get(clash);
      if (where !== undefined) say([where, clash], `an input of ${quote(key)} is called so`, 'Use another key.');
    }
  }
  if (inputs <= needsPerItem) return;
  const fix = 'Lower `max` of the items that it takes from, or join them in steps.';
  say(['needs'], `it may have ${inputs} inputs, more than ${needsPerItem}`, fix, 'SPEC_LIMIT');
}
