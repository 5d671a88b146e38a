/**
 * What items say about each other: ids, references, selections, cycles. Linear in items and edges, without recursion: a
 * chain may be as long as the run.
 */
import type { Refusal } from './errors.ts';
import { orderOf } from './item-order.ts';
import type { Limits } from './limits.ts';
import { nearest } from './nearest-word.ts';
import type { ItemSpec } from './spec.ts';
import type { WrittenCondition } from './spec-conditions.ts';
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

/** dependsOn and needs together: sorted, unique. */
export function depsOf(item: ItemSpec): string[] {
  const deps = new Set(item.dependsOn);
  for (const need of Object.values(item.needs ?? {})) for (const source of sourcesOf(need)) deps.add(source);
  for (const { written } of testsOf(item.when, [])) deps.add(written.from ?? '');
  return [...deps].sort();
}

type Need = NonNullable<ItemSpec['needs']>[string];

/** In the order of preference. */
export function sourcesOf({ from, oneOf }: Need): string[] {
  return oneOf ?? [from ?? ''];
}

/** What a condition asks, each with its path. Its nesting has been bounded by its reader. */
function testsOf(
  written: WrittenCondition | undefined,
  path: readonly PropertyKey[],
): { written: WrittenCondition; path: PropertyKey[] }[] {
  if (written === undefined) return [];
  const { all, any, not } = written;
  if (not !== undefined) return testsOf(not, [...path, 'not']);
  const [key, members] = all === undefined ? ['any', any] : ['all', all];
  if (members === undefined) return [{ written, path: [...path] }];
  return members.flatMap((one, n) => testsOf(one, [...path, key as string, n]));
}

/**
 * Judges the items that could be read; `ids` also names those that could not, so that a broken item does not make every
 * reference to it a second error.
 */
export function linkProblems(items: readonly PlacedItem[], ids: WrittenIds, limits: Limits): Refusal[] {
  const known = new Map<string, number>();
  const problems: Refusal[] = [];
  for (const [index, id] of ids.entries()) {
    if (id === null) continue;
    const first = known.get(id);
    if (first === undefined) known.set(id, index);
    else {
      const problem = `the id ${quote(id)} is also that of spec.items[${first}]`;
      problems.push({
        code: 'SPEC_DUPLICATE_ID',
        path: itemPath(index, 'id'),
        problem,
        fix: 'Give each item its own id.',
      });
    }
  }
  const readable = new Map(items.map((placed) => [placed.item.id, placed]));
  let edges = 0;
  for (const placed of items) {
    edges += depsOf(placed.item).length;
    problems.push(...referenceProblems(placed, known), ...selectProblems(placed, readable));
  }
  if (edges > limits.edges) {
    const problem = `the items have ${edges} dependencies, more than ${limits.edges}`;
    problems.push({ code: 'SPEC_LIMIT', path: 'spec.items', problem, fix: 'Let items wait for one that joins many.' });
  }
  return [...problems, ...orderProblems(items, limits)];
}

function referenceProblems({ index, item }: PlacedItem, known: ReadonlyMap<string, number>): Refusal[] {
  const named: [path: string, id: string][] = [
    ...(item.dependsOn ?? []).map((id, n): [string, string] => [itemPath(index, 'dependsOn', n), id]),
    ...Object.entries(item.needs ?? {}).flatMap(([key, need]) =>
      sourcesOf(need).map((id, n): [string, string] => [sourcePath(index, key, need, n), id]),
    ),
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
    if (known.has(id)) return [];
    const near = known.size > MAX_SUGGESTION_POOL ? null : nearest(id, [...known.keys()]);
    const fix = near === null ? 'Name an item of this run.' : `Write \`${near}\`, or name another item of this run.`;
    return [{ code: 'SPEC_UNKNOWN_REFERENCE', path, problem: `there is no item ${quote(id)}`, fix }];
  });
}

function sourcePath(index: number, key: string, need: Need, n: number): string {
  return need.oneOf === undefined ? itemPath(index, 'needs', key, 'from') : itemPath(index, 'needs', key, 'oneOf', n);
}

/** What is selected or asked for must be captured upstream. */
function selectProblems({ index, item }: PlacedItem, readable: ReadonlyMap<string, PlacedItem>): Refusal[] {
  const selected = Object.entries(item.needs ?? {}).flatMap(([key, need]) =>
    sourcesOf(need).map((from) => {
      const what = need.select === 'patch' ? ('patch' as const) : ('outputs' as const);
      return { from, what, path: itemPath(index, 'needs', key, 'select') };
    }),
  );
  const asked = testsOf(item.when, ['when'])
    .filter(({ written }) => written.output !== undefined)
    .map(({ written, path }) => ({
      from: written.from ?? '',
      what: 'outputs' as const,
      path: itemPath(index, ...path, 'output'),
    }));
  return [...selected, ...asked].flatMap(({ from, what, path }): Refusal[] => {
    const upstream = readable.get(from)?.item;
    if (upstream === undefined || from === item.id) return [];
    if (upstream.pipeline?.some((block) => block.block === 'capture' && block.what === what)) return [];
    const problem = `the item ${quote(from)} captures no ${what}`;
    const add = `Add \`{ block: capture, what: ${what} }\` to the pipeline of ${from}.`;
    const fix = upstream.pipeline === undefined ? `Name an item that runs something: ${quote(from)} is a gate.` : add;
    return [{ code: 'SPEC_INVALID', path, problem, fix }];
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
