/** What the tasks of a flow say about each other: ids, references, and whether what is needed can have happened before. */
import type { Refusal } from './errors.ts';
import { type FlowNode, type FlowReference, type FlowTree, referencesOf } from './flow-tree.ts';
import { nearest } from './nearest-word.ts';
import { formatPath, quote } from './spec-issue.ts';

/** More ids than this are not worth comparing for a suggestion. */
const MAX_SUGGESTION_POOL = 500;

/** Tasks that run something, by id; the first of two of one name. */
export function tasksById({ nodes }: FlowTree): Map<string, FlowNode> {
  const tasks = new Map<string, FlowNode>();
  for (const node of nodes) if (node.id !== null && !tasks.has(node.id)) tasks.set(node.id, node);
  return tasks;
}

export function flowLinkProblems(tree: FlowTree, tasks: ReadonlyMap<string, FlowNode>): Refusal[] {
  const twice = tree.nodes.flatMap((node): Refusal[] => {
    const first = node.id === null ? node : tasks.get(node.id);
    if (first === undefined || first === node) return [];
    const problem = `the id ${quote(node.id ?? '')} is also that of ${formatPath(first.path)}`;
    const path = formatPath([...node.path, 'id']);
    return [{ code: 'SPEC_DUPLICATE_ID', path, problem, fix: 'Give each task its own id.' }];
  });
  return [...twice, ...tree.nodes.flatMap((node) => referencesOf(node).flatMap((one) => referenceProblem(one, tasks)))];
}

function referenceProblem(reference: FlowReference, tasks: ReadonlyMap<string, FlowNode>): Refusal[] {
  const { owner, id, isOfRoundBefore } = reference;
  const path = formatPath(reference.path);
  const target = tasks.get(id);
  if (target === undefined) {
    const near = tasks.size > MAX_SUGGESTION_POOL ? null : nearest(id, [...tasks.keys()]);
    const fix = near === null ? 'Name a task of this flow that has an id.' : `Write \`${near}\`, or name another task.`;
    return [{ code: 'SPEC_UNKNOWN_REFERENCE', path, problem: `there is no task ${quote(id)}`, fix }];
  }
  if (isOfRoundBefore) {
    if (commonLoops(owner, target) > 0) return [];
    const problem = `no loop holds both this and ${quote(id)}, so there is no round before`;
    const at = formatPath([...reference.path.slice(0, -1), 'round']);
    return [{ code: 'SPEC_INVALID', path: at, problem, fix: 'Remove `round`, or move both into one loop.' }];
  }
  const problem = orderProblem(owner, target);
  if (problem === null) return [];
  const fix =
    commonLoops(owner, target) > 0
      ? 'Take what is there by then, or write `round: previous`.'
      : 'Take what is there by then, or change the order.';
  return [{ code: 'SPEC_CYCLE', path, problem, fix }];
}

/** Loops that hold both, outermost first. */
export function commonLoops(one: FlowNode, other: FlowNode): number {
  const differing = one.loops.findIndex((loop, n) => loop !== other.loops[n]);
  return differing === -1 ? Math.min(one.loops.length, other.loops.length) : differing;
}

/** Null: the target may be over when the owner begins. Between branches of a parallel group only the whole graph can tell. */
function orderProblem(owner: FlowNode, target: FlowNode): string | null {
  if (owner === target) return 'the task waits for itself';
  const above = lineage(owner);
  const line = lineage(target);
  const parting = above.findIndex((node, n) => node !== line[n]);
  if (parting === -1) return `${quote(target.id ?? '')} is a part of what waits for it`;
  const [before, after] = [line[parting], above[parting]];
  // What runs something holds no other task, so both lines go on where they part.
  if (before === undefined || after === undefined) return null;
  if (before.parent?.kind === 'parallel' || before.place < after.place) return null;
  return `${quote(target.id ?? '')} comes later`;
}

/** From the top-level task down to this one. */
function lineage(node: FlowNode): FlowNode[] {
  const line: FlowNode[] = [];
  for (let at: FlowNode | null = node; at !== null; at = at.parent) line.unshift(at);
  return line;
}
