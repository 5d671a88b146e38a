/**
 * The tasks of a flow as a tree, read from whatever the document holds: what is not well-formed is left out, since the
 * schema speaks of it, so that everything else can still be judged.
 */
import type { Refusal } from './errors.ts';
import type { FlowNeed, FlowTask, TaskKind } from './flow.ts';
import { SETTING_KEYS, TASK_KINDS } from './flow.ts';
import { formatPath } from './spec-issue.ts';

export interface FlowNode {
  path: readonly PropertyKey[];
  /** A gate is a group: of its check, and of what mends it. */
  kind: TaskKind | 'check';
  /** Of a task that runs something: an agent, a shape or a check. */
  id: string | null;
  /** What of the task is said of this node; well-formed only once the schema has let the document pass. */
  task: FlowTask;
  parent: FlowNode | null;
  /** Among the children of its parent. */
  place: number;
  /** What it stands in that has rounds, outermost first. */
  loops: readonly FlowNode[];
  children: readonly FlowNode[];
}

/** One reference from a task to another. */
export interface FlowReference {
  path: readonly PropertyKey[];
  id: string;
}

export interface FlowTree {
  /** Top-level tasks. */
  roots: readonly FlowNode[];
  /** Every task, parents before children, in the order of the document. */
  nodes: readonly FlowNode[];
  refusals: Refusal[];
}

/** People need none of it; a deadline they have. */
const IDLE_KEYS = [...SETTING_KEYS.filter((key) => key !== 'deadline'), 'needs', 'reads', 'preset'];
const KINDS_TEXT = TASK_KINDS.map((kind) => `\`${kind}\``).join(', ');

export function readTree(document: unknown): FlowTree {
  const tree = { nodes: [] as FlowNode[], refusals: [] as Refusal[] };
  const around = { parent: null, loops: [] };
  return { ...tree, roots: readTasks((document as { tasks?: unknown } | null)?.tasks, ['tasks'], around, tree) };
}

type Around = Pick<FlowNode, 'parent' | 'loops'>;
type Growing = { nodes: FlowNode[]; refusals: Refusal[] };

/** Recursive: how deep a document may be nested has been bounded by its reader. */
function readTasks(
  value: unknown,
  path: readonly PropertyKey[],
  around: Around,
  tree: Growing,
  firstPlace = 0,
): FlowNode[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((task: unknown, n) => readTask(task, [...path, n], firstPlace + n, around, tree));
}

function readTask(
  value: unknown,
  path: readonly PropertyKey[],
  place: number,
  around: Around,
  tree: Growing,
): FlowNode[] {
  if (!isObject(value)) return [];
  const kinds = TASK_KINDS.filter((kind) => value[kind] !== undefined);
  tree.refusals.push(...formProblems(value, path, kinds));
  const [kind] = kinds;
  if (kind === undefined) return [];
  const isRun = kind === 'agent' || kind === 'uses' || kind === 'approval';
  const task = kind === 'gate' ? { when: value.when, gate: value.gate } : value;
  const node: FlowNode = { ...around, path, kind, id: isRun ? idOf(value) : null, task, place, children: [] };
  tree.nodes.push(node);
  node.children = kind === 'gate' ? readGate(node, value, tree) : readChildren(node, tree);
  return [node];
}

function idOf({ id }: FlowTask): string | null {
  return typeof id === 'string' ? id : null;
}

function readChildren(node: FlowNode, tree: Growing): FlowNode[] {
  const { kind, task, path, loops } = node;
  if (kind === 'sequential' || kind === 'parallel') {
    return readTasks(task[kind], [...path, kind], { parent: node, loops }, tree);
  }
  if (kind !== 'loop') return [];
  return readTasks(task.loop?.body, [...path, 'loop', 'body'], { parent: node, loops: [...loops, node] }, tree);
}

/** The check first; what mends it follows in the same round. Everything but the condition is said of the check alone. */
function readGate(node: FlowNode, task: FlowTask, tree: Growing): FlowNode[] {
  const { path } = node;
  const around = { parent: node, loops: isMending(node) ? [...node.loops, node] : node.loops };
  const { when: _, ...own } = task;
  const check: FlowNode = { ...around, path, kind: 'check', id: idOf(task), task: own, place: 0, children: [] };
  tree.nodes.push(check);
  return [check, ...readTasks(task.gate?.fix, [...path, 'gate', 'fix'], around, tree, 1)];
}

/** A gate with rounds: red, mended, checked again. */
export function isMending({ kind, task }: FlowNode): boolean {
  return kind === 'gate' && task.gate?.fix !== undefined;
}

/** Whether only the run itself will show which of its rounds was the last. */
export function isOpenEnded(node: FlowNode): boolean {
  return isMending(node) || (node.kind === 'loop' && node.task.loop?.until !== undefined);
}

/** Exactly one kind; an id where something runs, and nowhere else; arguments for agents alone. */
function formProblems(
  task: Record<string, unknown>,
  path: readonly PropertyKey[],
  kinds: readonly TaskKind[],
): Refusal[] {
  const say = (at: readonly PropertyKey[], problem: string, fix: string): Refusal => {
    return { code: 'SPEC_INVALID', path: formatPath(at), problem, fix };
  };
  if (kinds.length !== 1) {
    const problem =
      kinds.length === 0
        ? 'the task says nothing of what it does'
        : `the task has ${kinds.map((kind) => `\`${kind}\``).join(' and ')}`;
    return [say(path, problem, `Write exactly one of ${KINDS_TEXT}.`)];
  }
  const [kind] = kinds;
  const isRun = kind === 'agent' || kind === 'uses' || kind === 'gate' || kind === 'approval';
  const problems: Refusal[] = [];
  if (isRun && task.id === undefined)
    problems.push(say([...path, 'id'], 'the value is missing', 'Add it; it is a name.'));
  if (!isRun && task.id !== undefined) {
    problems.push(say([...path, 'id'], `a ${kind} group has no id: nothing can refer to it`, 'Remove it.'));
  }
  if (kind !== 'agent' && task.input !== undefined) {
    problems.push(say([...path, 'input'], `only an agent takes arguments, not a ${kind}`, 'Remove it.'));
  }
  if (kind !== 'uses' && task.with !== undefined) {
    problems.push(say([...path, 'with'], `only a shape has parameters, not a ${kind}`, 'Remove it.'));
  }
  if (kind !== 'agent' && kind !== 'uses' && task.forEach !== undefined) {
    problems.push(
      say([...path, 'forEach'], `only an agent happens once for each, not a ${kind}`, 'Put it at an agent.'),
    );
  }
  for (const key of kind === 'approval' ? IDLE_KEYS : []) {
    if (task[key] === undefined) continue;
    problems.push(say([...path, key], `nothing acts on the ${key} of an approval`, 'Remove it.'));
  }
  const { fix, max } = isObject(task.gate) ? task.gate : {};
  if (fix !== undefined && max === undefined) {
    problems.push(say([...path, 'gate', 'max'], 'nothing says how often it may be mended', 'Add `max`.'));
  }
  if (fix === undefined && max !== undefined) {
    problems.push(say([...path, 'gate', 'max'], 'there is nothing that could mend it', 'Add `fix`, or remove `max`.'));
  }
  return problems;
}

/** What a node needs: by its keys, each with the tasks in order of preference and their places in the document. */
export interface FlowSources {
  key: string;
  need: FlowNeed;
  from: FlowReference[];
}

export function needsOf({ path, task }: FlowNode): FlowSources[] {
  if (!isObject(task.needs)) return [];
  return Object.entries(task.needs).flatMap(([key, need]: [string, unknown]): FlowSources[] => {
    if (!isObject(need)) return [];
    const at = [...path, 'needs', key];
    const named: [path: PropertyKey[], id: unknown][] = Array.isArray(need.oneOf)
      ? need.oneOf.map((id: unknown, n) => [[...at, 'oneOf', n], id])
      : [need.each === undefined ? [[...at, 'from'], need.from] : [[...at, 'each'], need.each]];
    const from = named.flatMap(([place, id]) => (typeof id === 'string' ? [{ path: place, id }] : []));
    return [{ key, need: need as unknown as FlowNeed, from }];
  });
}

/** What people decide about, where the task is theirs to decide. */
export function reviewsOf({ path, kind, task }: FlowNode): FlowReference[] {
  const reviews: unknown = kind === 'approval' && isObject(task.approval) ? task.approval.reviews : undefined;
  if (!Array.isArray(reviews)) return [];
  const at = [...path, 'approval', 'reviews'];
  return reviews.flatMap((id: unknown, n) => (typeof id === 'string' ? [{ path: [...at, n], id }] : []));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
