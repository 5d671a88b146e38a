/** What the tasks of a flow say about each other: ids, references, and whether what is needed can have happened before. */
import type { Refusal } from './errors.ts';
import { type FlowTest, testsOf } from './flow-conditions.ts';
import {
  type FlowNode,
  type FlowReference,
  type FlowSources,
  type FlowTree,
  isOpenEnded,
  needsOf,
  reviewsOf,
} from './flow-tree.ts';
import { nearest } from './nearest-word.ts';
import { formatPath, quote } from './spec-issue.ts';

/** Tasks that run something, by id; the first of two of one name. */
export type FlowTasks = ReadonlyMap<string, FlowNode>;

/** More ids than this are not worth comparing for a suggestion. */
const MAX_SUGGESTION_POOL = 500;

export function tasksById({ nodes }: FlowTree): FlowTasks {
  const tasks = new Map<string, FlowNode>();
  for (const node of nodes) if (node.id !== null && !tasks.has(node.id)) tasks.set(node.id, node);
  return tasks;
}

export function flowLinkProblems(tree: FlowTree, tasks: FlowTasks): Refusal[] {
  const twice = tree.nodes.flatMap((node): Refusal[] => {
    const first = node.id === null ? node : tasks.get(node.id);
    if (first === undefined || first === node) return [];
    const problem = `the id ${quote(node.id ?? '')} is also that of ${formatPath(first.path)}`;
    const path = formatPath([...node.path, 'id']);
    return [{ code: 'SPEC_DUPLICATE_ID', path, problem, fix: 'Give each task its own id.' }];
  });
  const among = tree.nodes.flatMap((node) => [
    ...needsOf(node).flatMap((sources) => needProblems(node, sources, tasks)),
    ...testsOf(node.task.when, [...node.path, 'when']).flatMap((test) => whenProblem(node, test, tasks)),
    ...untilProblems(node, tasks),
    ...reviewsOf(node).flatMap((reference) => askedProblem(node, reference, tasks)),
  ]);
  return [...twice, ...among];
}

function needProblems(owner: FlowNode, { key, need, from }: FlowSources, tasks: FlowTasks): Refusal[] {
  const seen = new Set<string>();
  const problems = from.flatMap((reference): Refusal[] => {
    const { id } = reference;
    if (seen.has(id)) {
      const path = formatPath(reference.path);
      return [
        { code: 'SPEC_INVALID', path, problem: `the task ${quote(id)} is named twice`, fix: 'Keep one of them.' },
      ];
    }
    seen.add(id);
    const target = tasks.get(id);
    if (target === undefined) return [unknownTask(reference, tasks)];
    if (need.round === 'previous' && commonLoops(owner, target) > 0) return [];
    return orderProblems(owner, target, reference);
  });
  const targets = from.flatMap(({ id }) => tasks.get(id) ?? []);
  if (need.round !== 'previous' || targets.length === 0 || targets.some((one) => commonLoops(owner, one) > 0)) {
    return problems;
  }
  const problem = 'no loop holds both this and what it needs, so there is no round before';
  const path = formatPath([...owner.path, 'needs', key, 'round']);
  return [{ code: 'SPEC_INVALID', path, problem, fix: 'Remove `round`, or move both into one loop.' }];
}

/** A task that is asked, or looked at: over by then, and in a round that can be told beforehand. */
export function askedProblem(owner: FlowNode, reference: FlowReference, tasks: FlowTasks): Refusal[] {
  const target = tasks.get(reference.id);
  if (target === undefined) return [unknownTask(reference, tasks)];
  const order = orderProblems(owner, target, reference);
  return order.length > 0 ? order : openEndProblem(target, commonLoops(owner, target), reference);
}

function whenProblem(owner: FlowNode, test: FlowTest, tasks: FlowTasks): Refusal[] {
  return askedProblem(owner, { path: [...test.path, 'from'], id: test.id }, tasks);
}

/** Asked of what a round has done, and of nothing else; and a round that does nothing could not end. */
function untilProblems(loop: FlowNode, tasks: FlowTasks): Refusal[] {
  const until = loop.kind === 'loop' ? loop.task.loop?.until : undefined;
  if (until === undefined) return [];
  const at = [...loop.path, 'loop'];
  const problems = testsOf(until, [...at, 'until']).flatMap((test): Refusal[] => {
    const reference = { path: [...test.path, 'from'], id: test.id };
    const target = tasks.get(test.id);
    if (target === undefined) return [unknownTask(reference, tasks)];
    if (target.loops.includes(loop)) return openEndProblem(target, loop.loops.length + 1, reference);
    const problem = `the task ${quote(test.id)} is not in the body of the loop, so no round changes it`;
    return [{ code: 'SPEC_INVALID', path: formatPath(reference.path), problem, fix: 'Ask a task of the body.' }];
  });
  if (loop.children.length === 0 || loop.children.some(alwaysRuns)) return problems;
  const problem = 'every task of the body may be left out, so nothing tells whether a round has happened';
  const fix = 'Leave one task of the body without `when`.';
  return [...problems, { code: 'SPEC_INVALID', path: formatPath([...at, 'body']), problem, fix }];
}

/** Something in it runs whenever what it stands in does. */
function alwaysRuns(node: FlowNode): boolean {
  if (node.task.when !== undefined) return false;
  return node.id !== null || node.children.some(alwaysRuns);
}

/** A condition asks one item: of what has several rounds, nobody can say beforehand which is the last. */
export function openEndProblem(target: FlowNode, shared: number, { path, id }: FlowReference): Refusal[] {
  const loop = target.loops.slice(shared).find(isOpenEnded);
  if (loop === undefined) return [];
  const problem = `which round of ${quote(id)} will be the last is not known: ${formatPath(loop.path)} ends by itself`;
  const fix = 'Let a task behind it take the file and say what is to be done.';
  return [{ code: 'SPEC_INVALID', path: formatPath(path), problem, fix }];
}

function unknownTask({ path, id }: FlowReference, tasks: FlowTasks): Refusal {
  const near = tasks.size > MAX_SUGGESTION_POOL ? null : nearest(id, [...tasks.keys()]);
  const fix = near === null ? 'Name a task of this flow that has an id.' : `Write \`${near}\`, or name another task.`;
  return { code: 'SPEC_UNKNOWN_REFERENCE', path: formatPath(path), problem: `there is no task ${quote(id)}`, fix };
}

/** Loops that hold both, outermost first. */
export function commonLoops(one: FlowNode, other: FlowNode): number {
  const differing = one.loops.findIndex((loop, n) => loop !== other.loops[n]);
  return differing === -1 ? Math.min(one.loops.length, other.loops.length) : differing;
}

function orderProblems(owner: FlowNode, target: FlowNode, { path }: FlowReference): Refusal[] {
  const problem = orderProblem(owner, target);
  if (problem === null) return [];
  const fix =
    commonLoops(owner, target) > 0 && path.includes('needs')
      ? 'Take what is there by then, or write `round: previous`.'
      : 'Take what is there by then, or change the order.';
  return [{ code: 'SPEC_CYCLE', path: formatPath(path), problem, fix }];
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
export function lineage(node: FlowNode): FlowNode[] {
  const line: FlowNode[] = [];
  for (let at: FlowNode | null = node; at !== null; at = at.parent) line.unshift(at);
  return line;
}
