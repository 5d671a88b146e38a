/** The tree of a flow becomes items: loops one round after the other, order as edges. Linear in items and edges. */
import type { Refusal } from './errors.ts';
import { type Work, workOf } from './flow-agents.ts';
import { commonLoops } from './flow-links.ts';
import type { FlowParts } from './flow-parts.ts';
import type { FlowNode, FlowTree } from './flow-tree.ts';
import { LIMITS, type Limits } from './limits.ts';
import type { ItemSpec } from './spec.ts';
import { formatPath } from './spec-issue.ts';

export interface Unrolled {
  items: ItemSpec[];
  /** Where in the flow each item comes from, in the order of `items`. */
  origins: FlowNode[];
  refusals: Refusal[];
  /** Tasks visited and edges made: what the time goes by. */
  steps: number;
}

/** One task in its rounds: which, of every loop around it, outermost first. */
type Rounds = readonly number[];

interface Unrolling extends Unrolled {
  parts: FlowParts;
  tasks: ReadonlyMap<string, FlowNode>;
  work: Map<FlowNode, Work>;
  edges: number;
  limits: Limits;
}

/** Of a flow without problems. Refuses one that would become too large, before it does. */
export function unrollFlow(
  tree: FlowTree,
  tasks: ReadonlyMap<string, FlowNode>,
  parts: FlowParts,
  limits: Limits = LIMITS,
): Unrolled {
  const unrolling: Unrolling = {
    items: [],
    origins: [],
    refusals: [],
    steps: 0,
    parts,
    tasks,
    work: new Map(),
    edges: 0,
    limits,
  };
  const large = tooMany(tree, limits);
  if (large === null) inOrder(tree.roots, [], [], unrolling);
  else unrolling.refusals.push(large);
  return unrolling;
}

/** The innermost task that alone becomes more items than a run may have. */
function tooMany(tree: FlowTree, limits: Limits): Refusal | null {
  const counts = new Map<FlowNode, number>();
  const sum = (nodes: readonly FlowNode[]): number => nodes.reduce((all, node) => all + (counts.get(node) ?? 0), 0);
  const say = (path: readonly PropertyKey[], count: number, fix: string): Refusal => {
    const problem = `it becomes ${count} items, more than ${limits.items}`;
    return { code: 'SPEC_LIMIT', path: formatPath(path), problem, fix };
  };
  for (const node of tree.nodes.toReversed()) {
    const rounds = node.kind === 'loop' ? (node.task.loop?.max ?? 1) : 1;
    const count = node.id === null ? sum(node.children) * rounds : 1;
    if (count > limits.items && node.kind === 'loop')
      return say([...node.path, 'loop', 'max'], count, 'Allow fewer rounds.');
    if (count > limits.items) return say(node.path, count, 'Split the flow.');
    counts.set(node, count);
  }
  const all = sum(tree.roots);
  return all > limits.items ? say(['tasks'], all, 'Split the flow.') : null;
}

/** @returns the ids that whatever follows has to wait for */
function inOrder(nodes: readonly FlowNode[], before: string[], rounds: Rounds, unrolling: Unrolling): string[] {
  return nodes.reduce((waiting, node) => unroll(node, waiting, rounds, unrolling), before);
}

function unroll(node: FlowNode, before: string[], rounds: Rounds, unrolling: Unrolling): string[] {
  unrolling.steps += 1;
  if (node.kind === 'sequential') return inOrder(node.children, before, rounds, unrolling);
  if (node.kind === 'parallel') return node.children.flatMap((child) => unroll(child, before, rounds, unrolling));
  if (node.kind !== 'loop') return addItem(node, before, rounds, unrolling);
  let waiting = before;
  for (let round = 1; round <= (node.task.loop?.max ?? 1); round++) {
    waiting = inOrder(node.children, waiting, [...rounds, round], unrolling);
  }
  return waiting;
}

function addItem(node: FlowNode, before: string[], rounds: Rounds, unrolling: Unrolling): string[] {
  const { items, origins, refusals, limits, work, parts } = unrolling;
  const id = idIn(node, rounds);
  const isOver = unrolling.edges > limits.edges;
  unrolling.edges += before.length;
  unrolling.steps += before.length;
  if (unrolling.edges > limits.edges) {
    // Said once; from here on no edge is made.
    if (!isOver) refusals.push(tooDense(node, before.length, limits));
    return [id];
  }
  const known = work.get(node) ?? workOf(node, parts);
  work.set(node, known);
  const needs = needsOf(node, rounds, unrolling);
  const handed = needs === undefined ? {} : { needs };
  items.push({ id, ...known, ...handed, ...(before.length === 0 ? {} : { dependsOn: before }) });
  origins.push(node);
  return [id];
}

function tooDense(node: FlowNode, waits: number, limits: Limits): Refusal {
  const problem = `the task waits for ${waits} others, which makes more than ${limits.edges} dependencies in all`;
  const fix = 'Put a task in between that all of them lead to.';
  return { code: 'SPEC_LIMIT', path: formatPath(node.path), problem, fix };
}

/** `fix` in the first rounds of all loops, else with every round: `fix~2`, `fix~1~3`. */
function idIn({ id }: FlowNode, rounds: Rounds): string {
  return rounds.every((round) => round === 1) ? (id ?? '') : [id, ...rounds].join('~');
}

/** Those of the groups around it too; what stands at the task itself wins. */
function needsOf(node: FlowNode, rounds: Rounds, unrolling: Unrolling): ItemSpec['needs'] {
  const needs: NonNullable<ItemSpec['needs']> = {};
  const owners: FlowNode[] = [];
  for (let at: FlowNode | null = node; at !== null; at = at.parent) owners.unshift(at);
  for (const owner of owners) {
    for (const [key, { from, select, round }] of Object.entries(owner.task.needs ?? {})) {
      unrolling.steps += 1;
      delete needs[key];
      const target = unrolling.tasks.get(from);
      const source = target && sourceOf(owner, target, rounds, round === 'previous');
      if (source != null) needs[key] = { from: source, select };
    }
  }
  return Object.keys(needs).length === 0 ? undefined : needs;
}

/** In the rounds that both share; of loops that only the target stands in, the last round. Null: there is no round before. */
function sourceOf(owner: FlowNode, target: FlowNode, rounds: Rounds, isOfRoundBefore: boolean): string | null {
  const shared = commonLoops(owner, target);
  const common = rounds.slice(0, shared);
  if (isOfRoundBefore) {
    const before = (common.at(-1) ?? 1) - 1;
    if (before === 0) return null;
    common[shared - 1] = before;
  }
  return idIn(target, [...common, ...target.loops.slice(shared).map((loop) => loop.task.loop?.max ?? 1)]);
}
