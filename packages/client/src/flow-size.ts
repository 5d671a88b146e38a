/** How large a flow may become: refused at the task that makes it too large, before it is. */
import type { Refusal } from './errors.ts';
import type { FlowTasks } from './flow-links.ts';
import { mostSources, roundsOf } from './flow-rounds.ts';
import { type FlowNode, type FlowTree, isMending, needsOf } from './flow-tree.ts';
import type { Limits } from './limits.ts';
import { mostBranches } from './link-growth.ts';
import { formatPath } from './spec-issue.ts';

/** The innermost task that alone becomes more items than a run may have. */
export function tooMany(tree: FlowTree, limits: Limits): Refusal | null {
  const counts = new Map<FlowNode, number>();
  const sum = (nodes: readonly FlowNode[]): number => nodes.reduce((all, node) => all + (counts.get(node) ?? 0), 0);
  const say = (path: readonly PropertyKey[], count: number, fix: string): Refusal => {
    const problem = `it becomes ${count} items, more than ${limits.items}`;
    return { code: 'SPEC_LIMIT', path: formatPath(path), problem, fix };
  };
  for (const node of tree.nodes.toReversed()) {
    // A gate is checked once more than it is mended.
    const { forEach } = node.task;
    const own = 1 + (forEach === undefined ? 0 : mostBranches(forEach));
    const count = node.id === null ? sum(node.children) * roundsOf(node) + (isMending(node) ? 1 : 0) : own;
    const bound = node.kind === 'loop' || isMending(node) ? [...node.path, node.kind, 'max'] : null;
    if (count > limits.items) return say(bound ?? node.path, count, bound === null ? 'Split the flow.' : 'Allow less.');
    counts.set(node, count);
  }
  const all = sum(tree.roots);
  return all > limits.items ? say(['tasks'], all, 'Split the flow.') : null;
}

export function tooDense(node: FlowNode, waits: number, limits: Limits): Refusal {
  const problem = `the task waits for ${waits} others, which makes more than ${limits.edges} dependencies in all`;
  const fix = 'Put a task in between that all of them lead to.';
  return { code: 'SPEC_LIMIT', path: formatPath(node.path), problem, fix };
}

export function tooLong(node: FlowNode, limits: Limits): Refusal {
  const problem = `with its rounds the id is longer than ${limits.nameChars} characters`;
  return { code: 'SPEC_INVALID', path: formatPath([...node.path, 'id']), problem, fix: 'Use a shorter id.' };
}

/** Each need that takes from more rounds than one may name, once. */
export function tooManySources({ nodes }: FlowTree, tasks: FlowTasks, limits: Limits): Refusal[] {
  return nodes.flatMap((owner) =>
    needsOf(owner).flatMap(({ key, need, from }): Refusal[] => {
      const targets = from.flatMap(({ id }) => tasks.get(id) ?? []);
      const isOfRoundBefore = need.round === 'previous';
      const count = targets.reduce((sum, target) => sum + mostSources(owner, target, isOfRoundBefore), 0);
      if (count <= limits.sourcesPerNeed) return [];
      const path = formatPath([...owner.path, 'needs', key]);
      const problem = `with all rounds it has ${count} sources, more than ${limits.sourcesPerNeed}`;
      return [{ code: 'SPEC_LIMIT', path, problem, fix: 'Name fewer tasks, or allow fewer rounds.' }];
    }),
  );
}
