/** The shape of a plan's graph: levels, one tree to show it as, and its longest chains. Linear in items and edges. */

/** What is needed of an item to know the shape. */
export interface ShapeItem {
  id: string;
  deps: readonly string[];
  timeoutMs: number;
  /** It waits for people, who have until it expires, or as long as they like. */
  gate?: { expiresMs?: number };
}

export interface TreeNode {
  id: string;
  depth: number;
  /** Dependencies other than the one it is shown under. */
  also: string[];
}

export interface Chain {
  ids: string[];
  /** One attempt each, and what people have before a gate expires. */
  timeoutMs: number;
  /** Gates in it that do not expire: nothing of them is in `timeoutMs`. Absent where there are none. */
  unbounded?: string[];
}

export interface PlanShape {
  /** Level n needs something of level n-1 and nothing later; order of the plan within a level. */
  levels: string[][];
  /** Every item once, under the deepest of its dependencies. */
  tree: TreeNode[];
  /** The chain with the most items. */
  longest: Chain;
  /** The chain that takes longest when every item uses one attempt's whole timeout, and people all the time that they have. */
  slowest: Chain;
}

/** What may pass before an item is over: gates without an end outweigh any time. */
interface Duration {
  openGates: number;
  ms: number;
}

const NO_TIME: Duration = { openGates: 0, ms: 0 };

interface Reached {
  level: number;
  finish: Duration;
  parent?: string;
  slowestParent?: string;
}

function durationOf({ timeoutMs, gate }: ShapeItem): Duration {
  if (gate === undefined) return { openGates: 0, ms: timeoutMs };
  return gate.expiresMs === undefined ? { openGates: 1, ms: 0 } : { openGates: 0, ms: gate.expiresMs };
}

function sumOf(one: Duration, other: Duration): Duration {
  return { openGates: one.openGates + other.openGates, ms: one.ms + other.ms };
}

function isLonger(one: Duration, other: Duration): boolean {
  return one.openGates === other.openGates ? one.ms > other.ms : one.openGates > other.openGates;
}

/** Items in an order in which dependencies come first. A plan has no cycles; members of one would be left out. */
function dependenciesFirst<Item extends ShapeItem>(items: readonly Item[]): Item[] {
  const waiting = new Map(items.map((item) => [item.id, item.deps.length]));
  const dependents = new Map<string, Item[]>();
  for (const item of items) {
    for (const dep of item.deps) {
      const list = dependents.get(dep);
      if (list === undefined) dependents.set(dep, [item]);
      else list.push(item);
    }
  }
  const order = items.filter((item) => item.deps.length === 0);
  for (const done of order) {
    for (const item of dependents.get(done.id) ?? []) {
      const left = (waiting.get(item.id) ?? 0) - 1;
      waiting.set(item.id, left);
      if (left === 0) order.push(item);
    }
  }
  return order;
}

function reach(item: ShapeItem, reached: ReadonlyMap<string, Reached>): Reached {
  const own = durationOf(item);
  let result: Reached = { level: 0, finish: own };
  for (const dep of item.deps) {
    const before = reached.get(dep);
    if (before === undefined) continue;
    if (before.level >= result.level) result = { ...result, level: before.level + 1, parent: dep };
    const finish = sumOf(before.finish, own);
    if (isLonger(finish, result.finish)) result = { ...result, finish, slowestParent: dep };
  }
  return result;
}

function chainTo(
  end: string | undefined,
  before: (id: string) => string | undefined,
  durations: ReadonlyMap<string, Duration>,
): Chain {
  const ids: string[] = [];
  for (let id = end; id !== undefined; id = before(id)) ids.push(id);
  const unbounded = ids.reverse().filter((id) => (durations.get(id)?.openGates ?? 0) > 0);
  const timeoutMs = ids.reduce((sum, id) => sum + (durations.get(id)?.ms ?? 0), 0);
  return { ids, timeoutMs, ...(unbounded.length === 0 ? {} : { unbounded }) };
}

function treeOf(items: readonly ShapeItem[], reached: ReadonlyMap<string, Reached>): TreeNode[] {
  const children = new Map<string | undefined, ShapeItem[]>();
  for (const item of items) {
    const parent = reached.get(item.id)?.parent;
    const list = children.get(parent);
    if (list === undefined) children.set(parent, [item]);
    else list.push(item);
  }
  const tree: TreeNode[] = [];
  const stack = [...(children.get(undefined) ?? [])].reverse();
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { level = 0, parent } = reached.get(item.id) ?? {};
    tree.push({ id: item.id, depth: level, also: item.deps.filter((dep) => dep !== parent) });
    for (const child of (children.get(item.id) ?? []).toReversed()) stack.push(child);
  }
  return tree;
}

export function shapeOf(items: readonly ShapeItem[]): PlanShape {
  const reached = new Map<string, Reached>();
  for (const item of dependenciesFirst(items)) reached.set(item.id, reach(item, reached));
  const levels: string[][] = [];
  let deepest: string | undefined;
  let latest: string | undefined;
  for (const { id } of items) {
    const { level = 0, finish = NO_TIME } = reached.get(id) ?? {};
    levels[level] ??= [];
    levels[level].push(id);
    if (deepest === undefined || level > (reached.get(deepest)?.level ?? 0)) deepest = id;
    if (latest === undefined || isLonger(finish, reached.get(latest)?.finish ?? NO_TIME)) latest = id;
  }
  const durations = new Map(items.map((item) => [item.id, durationOf(item)]));
  return {
    levels,
    tree: treeOf(items, reached),
    longest: chainTo(deepest, (id) => reached.get(id)?.parent, durations),
    slowest: chainTo(latest, (id) => reached.get(id)?.slowestParent, durations),
  };
}
