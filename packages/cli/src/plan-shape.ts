/** The shape of a plan's graph: levels, one tree to show it as, and its longest chains. Linear in items and edges. */

/** What is needed of an item to know the shape. */
export interface ShapeItem {
  id: string;
  deps: readonly string[];
  timeoutMs: number;
}

export interface TreeNode {
  id: string;
  depth: number;
  /** Dependencies other than the one it is shown under. */
  also: string[];
}

export interface Chain {
  ids: string[];
  timeoutMs: number;
}

export interface PlanShape {
  /** Level n needs something of level n-1 and nothing later; order of the plan within a level. */
  levels: string[][];
  /** Every item once, under the deepest of its dependencies. */
  tree: TreeNode[];
  /** The chain with the most items. */
  longest: Chain;
  /** The chain that takes longest when every item uses one attempt's whole timeout. */
  slowest: Chain;
}

interface Reached {
  level: number;
  finishMs: number;
  parent?: string;
  slowestParent?: string;
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
  let result: Reached = { level: 0, finishMs: item.timeoutMs };
  for (const dep of item.deps) {
    const before = reached.get(dep);
    if (before === undefined) continue;
    if (before.level >= result.level) result = { ...result, level: before.level + 1, parent: dep };
    const finishMs = before.finishMs + item.timeoutMs;
    if (finishMs > result.finishMs) result = { ...result, finishMs, slowestParent: dep };
  }
  return result;
}

function chainTo(
  end: string | undefined,
  before: (id: string) => string | undefined,
  timeouts: Map<string, number>,
): Chain {
  const ids: string[] = [];
  for (let id = end; id !== undefined; id = before(id)) ids.push(id);
  return { ids: ids.reverse(), timeoutMs: ids.reduce((sum, id) => sum + (timeouts.get(id) ?? 0), 0) };
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
    const { level = 0, finishMs = 0 } = reached.get(id) ?? {};
    levels[level] ??= [];
    levels[level].push(id);
    if (deepest === undefined || level > (reached.get(deepest)?.level ?? 0)) deepest = id;
    if (latest === undefined || finishMs > (reached.get(latest)?.finishMs ?? 0)) latest = id;
  }
  const timeouts = new Map(items.map(({ id, timeoutMs }) => [id, timeoutMs]));
  return {
    levels,
    tree: treeOf(items, reached),
    longest: chainTo(deepest, (id) => reached.get(id)?.parent, timeouts),
    slowest: chainTo(latest, (id) => reached.get(id)?.slowestParent, timeouts),
  };
}
