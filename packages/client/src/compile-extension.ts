/** Items that are added to a run that is under way: judged together with those that it has, and compiled like them. */
import { canonicalize, type Digest, digestOf } from '@waybill/verify';
import { overCap, problemsWithin } from './compile-plan.ts';
import type { Refusal } from './errors.ts';
import { depsOf, edgesOf } from './item-sources.ts';
import { LIMITS, type Limits } from './limits.ts';
import { itemsAtMost, ownerOf, type Present } from './link-growth.ts';
import { linkProblems } from './link-items.ts';
import type { PlanItem } from './plan.ts';
import { planEntries } from './plan-entries.ts';
import { planItem, type Shared } from './plan-item.ts';
import type { Addition, ItemSpec } from './spec.ts';
import { bounded } from './spec-issue.ts';
import { usdOf } from './spec-money.ts';
import type { Pins } from './spec-pins.ts';

type Defaults = NonNullable<Shared['defaults']>;

/** What the run says of the items that are added. */
export interface Extended {
  hasSource: boolean;
  /** Every item that `namedBy` names and the run has. */
  present: Present;
  /** How many items there may be, and how many there are at most, with all that they may become. */
  mostItems: number;
  reserved: number;
  edges: number;
  /** What the whole run may cost; absent: there is no bound. */
  capMicroUsd?: number | undefined;
}

export interface Extension {
  items: PlanItem[];
  itemDigests: Digest[];
  /** What the run reserves for them. */
  reserved: number;
  edges: number;
}

/** The items with what they take from their run; what stands beside them wins over it, key by key. */
export function inRun(addition: Addition, { defaults = {}, notBefore, reuse, pins }: Shared): Addition {
  // Neither begins before its own time.
  const [, latest] = [addition.notBefore, notBefore]
    .flatMap((text): [number, string][] => (text === undefined ? [] : [[Date.parse(text), text]]))
    .toSorted(([a], [b]) => b - a)[0] ?? [0, undefined];
  return {
    ...addition,
    // Into the items: what is wrong with them then is told of a place that the document of the addition has.
    items: addition.items.map((item) => filledIn(item, defaults, addition.defaults ?? {})),
    notBefore: latest,
    reuse: addition.reuse ?? reuse,
    pins: inBoth(addition.pins, pins),
  };
}

function filledIn(item: ItemSpec, run: Defaults, own: Defaults): ItemSpec {
  if (item.gate !== undefined) return item;
  return {
    ...without(run, own),
    ...item,
    env: { ...without(run.env, own.env), ...item.env },
    retry: { ...without(run.retry, own.retry), ...item.retry },
    resources: { ...without(run.resources, own.resources), ...item.resources },
  };
}

/** What of it the other says nothing about: none of its keys has to be there. */
function without<T extends object>(one: T | undefined, other: T | undefined): T {
  return Object.fromEntries(Object.entries(one ?? {}).filter(([key]) => !Object.hasOwn(other ?? {}, key))) as T;
}

/** A name that the run has looked up means the same in all of it. */
function inBoth(added: Pins | undefined, run: Pins | undefined): Pins | undefined {
  if (added === undefined || run === undefined) return run ?? added;
  return {
    capabilities: { ...added.capabilities, ...run.capabilities },
    values: { ...added.values, ...run.values },
  };
}

/** Of an extension that was judged before: the same each time. */
export function planExtension({ items, defaults, notBefore, reuse, pins }: Addition): Extension {
  const planned = items.map((item) => planItem(item, { defaults, notBefore, reuse, pins }));
  return {
    items: planned,
    itemDigests: planned.map((item) => digestOf(canonicalize(item))),
    reserved: itemsAtMost(items),
    edges: items.reduce((sum, item) => sum + edgesOf(item), 0),
  };
}

/** The ids that decide whether the items fit to those of a run; `starts`: beginnings of ids that none of these may have. */
export function namedBy({ items }: Addition): { ids: string[]; starts: string[] } {
  const ids = items.flatMap((item) => [item.id, ...ownerOf(item.id), ...depsOf(item)]);
  const starts = items.flatMap(({ id, forEach }) => (forEach === undefined ? [] : [`${id}~`]));
  return { ids: [...new Set(ids)], starts };
}

/** Every reason why the items cannot be added; none: `planExtension` may be asked. */
export function extensionProblems(addition: Addition, extended: Extended, limits: Limits = LIMITS): Refusal[] {
  const { items, defaults, pins } = addition;
  const placed = items.map((item, index) => ({ index, item }));
  const { hasSource, present } = extended;
  const refusals = placed.flatMap((one) => problemsWithin(one, { defaults, pins, hasSource }, limits));
  const ids = items.map(({ id }) => id);
  const { capMicroUsd } = extended;
  refusals.push(
    ...overCap(items, defaults, capMicroUsd === undefined ? undefined : usdOf(capMicroUsd), null),
    ...linkProblems(placed, ids, limits, present),
  );
  const say = (problem: string, fix: string): void => {
    refusals.push({ code: 'SPEC_LIMIT', path: 'spec.items', problem, fix });
  };
  const total = extended.reserved + itemsAtMost(items);
  if (total > extended.mostItems) {
    say(`the run may come to ${total} items, more than ${extended.mostItems}`, 'Go on in another run.');
  }
  const edges = extended.edges + items.reduce((sum, item) => sum + edgesOf(item), 0);
  if (edges > limits.edges) {
    say(`the run comes to ${edges} dependencies, more than ${limits.edges}`, 'Go on in another run.');
  }
  if (refusals.length === 0) {
    const sealed = planEntries(planExtension(addition)).reduce((sum, entry) => sum + canonicalize(entry).length, 0);
    if (sealed > limits.extensionBytes)
      say(
        `the items take ${sealed} bytes as they are sealed, more than ${limits.extensionBytes}`,
        'Add some of them first.',
      );
  }
  return bounded(refusals);
}
