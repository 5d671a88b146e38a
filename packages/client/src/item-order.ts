/** Order in a graph given as lists of dependencies by number. Linear, without recursion. */
export interface ItemOrder {
  /** Nodes in the longest chain among those that lie on or behind no cycle. */
  depth: number;
  /** Each cycle as its members, each depending on the next; every knot of the graph shows in at least one. */
  cycles: number[][];
}

/** A tangle can hold more cycles than anyone can read. */
const MAX_CYCLES = 20;

export function orderOf(deps: readonly (readonly number[])[]): ItemOrder {
  const dependents: number[][] = deps.map(() => []);
  const unmet = deps.map((list) => list.length);
  for (const [node, list] of deps.entries()) for (const dep of list) dependents[dep]?.push(node);

  const chain = deps.map(() => 1);
  const free = unmet.flatMap((count, node) => (count === 0 ? [node] : []));
  let depth = 0;
  // Grows while it is read: every node enters once.
  for (const node of free) {
    const reached = chain[node] ?? 1;
    depth = Math.max(depth, reached);
    for (const dependent of dependents[node] ?? []) {
      chain[dependent] = Math.max(chain[dependent] ?? 1, reached + 1);
      unmet[dependent] = (unmet[dependent] ?? 0) - 1;
      if (unmet[dependent] === 0) free.push(dependent);
    }
  }
  if (free.length === deps.length) return { depth, cycles: [] };
  return { depth, cycles: findCycles(deps, new Set(free)) };
}

/** A walk along dependencies that comes back to itself is a cycle. `done` are the nodes that lie on none. */
function findCycles(deps: readonly (readonly number[])[], done: Set<number>): number[][] {
  const cycles: number[][] = [];
  for (let start = 0; start < deps.length; start++) {
    if (done.has(start)) continue;
    const path = [{ node: start, next: 0 }];
    const placeInPath = new Map([[start, 0]]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const dep = deps[top.node]?.[top.next++];
      if (dep === undefined) {
        path.pop();
        placeInPath.delete(top.node);
        done.add(top.node);
        continue;
      }
      if (done.has(dep)) continue;
      const seenAt = placeInPath.get(dep);
      if (seenAt !== undefined) {
        cycles.push(path.slice(seenAt).map(({ node }) => node));
        if (cycles.length === MAX_CYCLES) return cycles;
        continue;
      }
      placeInPath.set(dep, path.length);
      path.push({ node: dep, next: 0 });
    }
  }
  return cycles;
}
