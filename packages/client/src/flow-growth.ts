/** Tasks of a flow that happen once for each output of another, who takes from them, and what tasks read from outside. */
import type { Refusal } from './errors.ts';
import { testsOf } from './flow-conditions.ts';
import { askedProblem, commonLoops, type FlowTasks, lineage, openEndProblem } from './flow-links.ts';
import { sourcesIn } from './flow-rounds.ts';
import { type FlowNode, type FlowReference, type FlowTree, isObject, needsOf } from './flow-tree.ts';
import { DEFAULTS } from './limits.ts';
import type { ItemSpec } from './spec.ts';
import { formatPath, quote } from './spec-issue.ts';

/** The task whose outputs it happens for: one, or none. */
export function forEachOf({ path, task }: FlowNode): FlowReference[] {
  const from: unknown = isObject(task.forEach) ? task.forEach.from : undefined;
  return typeof from === 'string' ? [{ path: [...path, 'forEach', 'from'], id: from }] : [];
}

export function growthProblems(tree: FlowTree, tasks: FlowTasks): Refusal[] {
  return tree.nodes.flatMap((node) => [
    ...forEachOf(node).flatMap((reference) => {
      const wrong = askedProblem(node, reference, tasks);
      return wrong.length > 0 ? wrong : staysOne(reference, tasks);
    }),
    ...inputProblems(node),
    ...needsOf(node).flatMap(({ from }) =>
      from.flatMap((reference) =>
        reference.path.at(-1) === 'each' ? each(node, reference, tasks) : staysOne(reference, tasks),
      ),
    ),
    ...[
      ...testsOf(node.task.when, [...node.path, 'when']),
      ...testsOf(node.kind === 'loop' ? node.task.loop?.until : undefined, [...node.path, 'loop', 'until']),
    ]
      .filter(({ ofOutput }) => ofOutput)
      .flatMap(({ id, path }) => staysOne({ id, path: [...path, 'from'] }, tasks)),
  ]);
}

/** What is taken or asked for must be of a task that leaves it itself. */
function staysOne({ id, path }: FlowReference, tasks: FlowTasks): Refusal[] {
  if (tasks.get(id)?.task.forEach === undefined) return [];
  const problem = `the task ${quote(id)} becomes many and leaves nothing itself`;
  const fix = `Take what they leave with \`each: ${id}\` in a need, or name another task.`;
  return [{ code: 'SPEC_INVALID', path: formatPath(path), problem, fix }];
}

/** One of each: of a task that becomes many, in a round that can be told beforehand. */
function each(owner: FlowNode, reference: FlowReference, tasks: FlowTasks): Refusal[] {
  const { id, path } = reference;
  const target = tasks.get(id);
  if (target === undefined) return [];
  if (target.task.forEach !== undefined) return openEndProblem(target, commonLoops(owner, target), reference);
  const fix = `Write \`from: ${id}\`, or give that task \`forEach\`.`;
  return [{ code: 'SPEC_INVALID', path: formatPath(path), problem: `the task ${quote(id)} stays one`, fix }];
}

/** Its own output is an input too, and no other file may be called so. */
function inputProblems(node: FlowNode): Refusal[] {
  if (!isObject(node.task.forEach)) return [];
  const { as = DEFAULTS.branchKey } = node.task.forEach;
  if (typeof as !== 'string') return [];
  return lineage(node).flatMap((owner) =>
    (['needs', 'reads'] as const).flatMap((where): Refusal[] => {
      const files: unknown = owner.task[where];
      if (!isObject(files) || !Object.hasOwn(files, as)) return [];
      const path = formatPath([...owner.path, where, as]);
      const problem = `the input ${as} is that of \`forEach\` at ${formatPath(node.path)}`;
      return [{ code: 'SPEC_INVALID', path, problem, fix: 'Use another key, or another `as`.' }];
    }),
  );
}

/** What it is done for, in this round, and what it and the groups around it read; what stands at the task itself wins. */
export function grownIn(
  node: FlowNode,
  rounds: readonly number[],
  tasks: FlowTasks,
): Pick<ItemSpec, 'forEach' | 'reads'> {
  const { forEach } = node.task;
  const target = tasks.get(forEach?.from ?? '');
  const [from] = target === undefined ? [] : sourcesIn(node, target, rounds, false);
  const reads = Object.assign({}, ...lineage(node).map(({ task }) => task.reads)) as NonNullable<ItemSpec['reads']>;
  return {
    ...(Object.keys(reads).length === 0 || node.kind === 'approval' ? {} : { reads }),
    ...(forEach === undefined || from === undefined ? {} : { forEach: { ...forEach, from } }),
  };
}

/** The task, or the group that it stands in, that says what a path below its item is about: `.needs.file`, or `.needs` alone. */
export function ownerOf(node: FlowNode, below: string): FlowNode {
  const isAbout = (owner: FlowNode): boolean =>
    (['needs', 'reads'] as const).some((where) => {
      const keys = Object.keys(owner.task[where] ?? {}).map((key) => formatPath(['x', where, key]).slice(1));
      const isWithin = (own: string): boolean => below.startsWith(`${own}.`) || below.startsWith(`${own}[`);
      return below === `.${where}` ? keys.length > 0 : keys.some((own) => below === own || isWithin(own));
    });
  return lineage(node).findLast(isAbout) ?? node;
}
