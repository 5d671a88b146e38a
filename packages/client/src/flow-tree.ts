/**
 * The tasks of a flow as a tree, read from whatever the document holds: what is not well-formed is left out, since the
 * schema speaks of it, so that everything else can still be judged.
 */
import type { Refusal } from './errors.ts';
import type { FlowNeed, FlowTask, TaskKind } from './flow.ts';
import { TASK_KINDS } from './flow.ts';
import { formatPath } from './spec-issue.ts';

export interface FlowNode {
  path: readonly PropertyKey[];
  kind: TaskKind;
  /** Of a task that runs something. */
  id: string | null;
  /** As written; well-formed only once the schema has let the document pass. */
  task: FlowTask;
  parent: FlowNode | null;
  /** Among the children of its parent. */
  place: number;
  /** Loops that it stands in, outermost first. */
  loops: readonly FlowNode[];
  children: readonly FlowNode[];
}

/** One reference from a task to another. */
export interface FlowReference {
  owner: FlowNode;
  path: readonly PropertyKey[];
  id: string;
  isOfRoundBefore: boolean;
}

export interface FlowTree {
  /** Top-level tasks. */
  roots: readonly FlowNode[];
  /** Every task, parents before children, in the order of the document. */
  nodes: readonly FlowNode[];
  refusals: Refusal[];
}

const KINDS_TEXT = TASK_KINDS.map((kind) => `\`${kind}\``).join(', ');

export function readTree(document: unknown): FlowTree {
  const tree = { nodes: [] as FlowNode[], refusals: [] as Refusal[] };
  const around = { parent: null, loops: [] };
  return { ...tree, roots: readTasks((document as { tasks?: unknown } | null)?.tasks, ['tasks'], around, tree) };
}

type Around = Pick<FlowNode, 'parent' | 'loops'>;
type Growing = { nodes: FlowNode[]; refusals: Refusal[] };

/** Recursive: how deep a document may be nested has been bounded by its reader. */
function readTasks(value: unknown, path: readonly PropertyKey[], around: Around, tree: Growing): FlowNode[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((task: unknown, n) => readTask(task, [...path, n], n, around, tree));
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
  const id = typeof value.id === 'string' ? value.id : null;
  const node: FlowNode = { ...around, path, kind, id, task: value as FlowTask, place, children: [] };
  tree.nodes.push(node);
  node.children = readChildren(node, tree);
  return [node];
}

function readChildren(node: FlowNode, tree: Growing): FlowNode[] {
  const { kind, task, path, loops } = node;
  if (kind === 'sequential' || kind === 'parallel') {
    return readTasks(task[kind], [...path, kind], { parent: node, loops }, tree);
  }
  if (kind !== 'loop') return [];
  return readTasks(task.loop?.body, [...path, 'loop', 'body'], { parent: node, loops: [...loops, node] }, tree);
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
  const isRun = kind === 'agent' || kind === 'gate';
  const problems: Refusal[] = [];
  if (isRun && task.id === undefined)
    problems.push(say([...path, 'id'], 'the value is missing', 'Add it; it is a name.'));
  if (!isRun && task.id !== undefined) {
    problems.push(say([...path, 'id'], `a ${kind} group has no id: nothing can refer to it`, 'Remove it.'));
  }
  if (kind !== 'agent' && task.input !== undefined) {
    problems.push(say([...path, 'input'], `only an agent takes arguments, not a ${kind}`, 'Remove it.'));
  }
  return problems;
}

/** What the task itself refers to. */
export function referencesOf(owner: FlowNode): FlowReference[] {
  const { needs } = owner.task;
  if (!isObject(needs)) return [];
  return Object.entries(needs as Record<string, FlowNeed>).flatMap(([key, need]): FlowReference[] => {
    if (!isObject(need) || typeof need.from !== 'string') return [];
    const path = [...owner.path, 'needs', key, 'from'];
    return [{ owner, path, id: need.from, isOfRoundBefore: need.round === 'previous' }];
  });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
