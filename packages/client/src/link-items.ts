/**
 * What items say about each other: ids, references, selections, cycles. Linear in items and edges, without recursion: a
 * chain may be as long as the run.
 */
import type { Refusal } from './errors.ts';
import { orderOf } from './item-order.ts';
import { depsOf, edgesOf, type Need, sourcesOf, testsOf } from './item-sources.ts';
import type { Limits } from './limits.ts';
import { growthProblems, type Present } from './link-growth.ts';
import { nearest } from './nearest-word.ts';
import type { PlanItem } from './plan.ts';
import type { ItemSpec } from './spec.ts';
import { formatPath, quote } from './spec-issue.ts';

/** An item and where it stands in `spec.items`. */
export interface PlacedItem {
  index: number;
  item: ItemSpec;
}

/** Every id that stands in `spec.items`, in order; null where there is none to read. */
export type WrittenIds = readonly (string | null)[];

/** More names than this are not worth comparing for a suggestion. */
const MAX_SUGGESTION_POOL = 500;
/** Members of a cycle that are printed from each end. */
const PRINTED_MEMBERS = 5;

/**
 * Judges the items that could be read; `ids` also names those that could not, so that a broken item does not make every
 * reference to it a second error.
 * @param present items that these are added to
 */
export function linkProblems(
  items: readonly PlacedItem[],
  ids: WrittenIds,
  limits: Limits,
  present: Present = new Map(),
): Refusal[] {
  const known = new Map<string, number>();
  const problems: Refusal[] = [];
  for (const [index, id] of ids.entries()) {
    if (id === null) continue;
    const first = known.get(id);
    if (first === undefined && !present.has(id)) known.set(id, index);
    else {
      const other = first === undefined ? 'an item of the run' : `spec.items[${first}]`;
      const problem = `the id ${quote(id)} is also that of ${other}`;
      problems.push({
        code: 'SPEC_DUPLICATE_ID',
        path: itemPath(index, 'id'),
        problem,
        fix: 'Give each item its own id.',
      });
    }
  }
  const readable = new Map(items.map((placed) => [placed.item.id, placed]));
  const itemOf: ItemOf = (id) => readable.get(id)?.item ?? present.get(id);
  let edges = 0;
  for (const placed of items) {
    edges += edgesOf(placed.item);
    problems.push(...referenceProblems(placed, known, present), ...selectProblems(placed, itemOf));
    problems.push(...reviewProblems(placed, itemOf));
  }
  problems.push(...growthProblems(items, itemOf, limits, present));
  if (edges > limits.edges) {
    const problem = `the items have ${edges} dependencies, more than ${limits.edges}`;
    problems.push({ code: 'SPEC_LIMIT', path: 'spec.items', problem, fix: 'Let items wait for one that joins many.' });
  }
  return [...problems, ...orderProblems(items, limits)];
}

function referenceProblems(
  { index, item }: PlacedItem,
  known: ReadonlyMap<string, number>,
  present: Present,
): Refusal[] {
  const named: [path: string, id: string][] = [
    ...(item.dependsOn ?? []).map((id, n): [string, string] => [itemPath(index, 'dependsOn', n), id]),
    ...Object.entries(item.needs ?? {}).flatMap(([key, need]) =>
      sourcesOf(need).map((id, n): [string, string] => [sourcePath(index, key, need, n), id]),
    ),
    ...(item.forEach === undefined
      ? []
      : [[itemPath(index, 'forEach', 'from'), item.forEach.from] as [string, string]]),
    ...(item.gate?.reviews ?? []).map((id, n): [string, string] => [itemPath(index, 'gate', 'reviews', n), id]),
    ...testsOf(item.when, ['when']).map(({ written, path }): [string, string] => [
      itemPath(index, ...path, 'from'),
      written.from ?? '',
    ]),
  ];
  return named.flatMap(([path, id]): Refusal[] => {
    if (id === item.id) {
      return [
        { code: 'SPEC_CYCLE', path, problem: `the item ${quote(id)} waits for itself`, fix: 'Remove the reference.' },
      ];
    }
    if (known.has(id) || present.has(id)) return [];
    const near = known.size > MAX_SUGGESTION_POOL ? null : nearest(id, [...known.keys()]);
    const fix = near === null ? 'Name an item of this run.' : `Write \`${near}\`, or name another item of this run.`;
    return [{ code: 'SPEC_UNKNOWN_REFERENCE', path, problem: `there is no item ${quote(id)}`, fix }];
  });
}

function sourcePath(index: number, key: string, need: Need, n: number): string {
  if (need.oneOf !== undefined) return itemPath(index, 'needs', key, 'oneOf', n);
  return itemPath(index, 'needs', key, need.each === undefined ? 'from' : 'each');
}

type ItemOf = (id: string) => { pipeline?: readonly Block[] | undefined; forEach?: object | undefined } | undefined;
type Block = PlanItem['pipeline'][number] | NonNullable<ItemSpec['pipeline']>[number];

/** What is selected or asked for must be captured upstream; by each of its items, where that becomes many. */
function selectProblems({ index, item }: PlacedItem, itemOf: ItemOf): Refusal[] {
  const selected = Object.entries(item.needs ?? {}).flatMap(([key, need]) =>
    sourcesOf(need).map((from, n) => {
      const what = need.select === 'patch' ? ('patch' as const) : ('outputs' as const);
      const source = sourcePath(index, key, need, n);
      return { from, what, source, path: itemPath(index, 'needs', key, 'select'), isEach: need.each !== undefined };
    }),
  );
  const { forEach } = item;
  const split = itemPath(index, 'forEach', 'from');
  const done =
    forEach === undefined
      ? []
      : [{ from: forEach.from, what: 'outputs' as const, source: split, path: split, isEach: false }];
  const asked = testsOf(item.when, ['when'])
    .filter(({ written }) => written.output !== undefined)
    .map(({ written, path }) => ({
      from: written.from ?? '',
      what: 'outputs' as const,
      source: itemPath(index, ...path, 'from'),
      path: itemPath(index, ...path, 'output'),
      isEach: false,
    }));
  return [...selected, ...done, ...asked].flatMap(({ from, what, source, path, isEach }): Refusal[] => {
    const upstream = itemOf(from);
    if (upstream === undefined || from === item.id) return [];
    if ((upstream.forEach !== undefined) !== isEach) {
      const problem = `the item ${quote(from)} ${isEach ? 'stays one' : 'becomes many and leaves nothing itself'}`;
      const word = isEach ? `\`from: ${from}\`.` : `a need with \`each: ${from}\`, or name another item.`;
      return [{ code: 'SPEC_INVALID', path: source, problem, fix: `Write ${word}` }];
    }
    if (upstream.pipeline?.some((block) => block.block === 'capture' && block.what === what)) return [];
    const problem = `the item ${quote(from)} captures no ${what}`;
    const add = `Add \`{ block: capture, what: ${what} }\` to the pipeline of ${from}.`;
    const isGate = upstream.pipeline === undefined || upstream.pipeline.length === 0;
    const fix = isGate ? `Name an item that runs something: ${quote(from)} is a gate.` : add;
    return [{ code: 'SPEC_INVALID', path, problem, fix }];
  });
}

/** What is decided about leaves something to look at. */
function reviewProblems({ index, item }: PlacedItem, itemOf: ItemOf): Refusal[] {
  return (item.gate?.reviews ?? []).flatMap((id, n): Refusal[] => {
    const upstream = itemOf(id);
    if (upstream === undefined || id === item.id) return [];
    const path = itemPath(index, 'gate', 'reviews', n);
    const isCaptured = upstream.pipeline?.some(({ block }) => block === 'capture') ?? false;
    if (isCaptured && upstream.forEach === undefined) return [];
    const problem = `the item ${quote(id)} leaves nothing itself`;
    return [{ code: 'SPEC_INVALID', path, problem, fix: 'Name an item that captures what is to be looked at.' }];
  });
}

function orderProblems(items: readonly PlacedItem[], limits: Limits): Refusal[] {
  const place = new Map(items.map(({ item }, n) => [item.id, n]));
  const deps = items.map(({ item }) => depsOf(item).flatMap((dep) => (dep === item.id ? [] : (place.get(dep) ?? []))));
  const { depth, cycles } = orderOf(deps);
  if (depth > limits.chainDepth) {
    const problem = `${depth} items wait for each other in a row, more than ${limits.chainDepth}`;
    return [{ code: 'SPEC_LIMIT', path: 'spec.items', problem, fix: 'Join steps of the chain into one pipeline.' }];
  }
  return cycles.map((members) => {
    const index = items[members[0] ?? 0]?.index ?? 0;
    const problem = `the items wait for each other in a circle: ${printCycle(members.map((n) => items[n]?.item.id ?? ''))}`;
    return { code: 'SPEC_CYCLE', path: itemPath(index), problem, fix: 'Remove one of these dependencies.' };
  });
}

/** Each member waits for the next, the last for the first. */
function printCycle(ids: readonly string[]): string {
  const shown =
    ids.length <= 2 * PRINTED_MEMBERS
      ? ids
      : [
          ...ids.slice(0, PRINTED_MEMBERS),
          `(${ids.length - 2 * PRINTED_MEMBERS} more)`,
          ...ids.slice(-PRINTED_MEMBERS),
        ];
  return [...shown, ids[0]].join(' -> ');
}

function itemPath(index: number, ...rest: PropertyKey[]): string {
  return formatPath(['spec', 'items', index, ...rest]);
}
