/**
 * A flow becomes an ordinary run spec. Pure: the same documents always give the same bytes, and nothing is read but what is
 * handed in.
 */
import { canonicalize } from '@waybill/verify';
import { compileItems } from './compile-plan.ts';
import type { Refusal } from './errors.ts';
import { type Flow, flowSchema } from './flow.ts';
import { agentProblems, selectProblems } from './flow-agents.ts';
import { flowLinkProblems, tasksById } from './flow-links.ts';
import { distinct, type FlowFiles, gatherParts } from './flow-parts.ts';
import { type FlowNode, isObject, readTree } from './flow-tree.ts';
import { orderOf } from './item-order.ts';
import { LIMITS } from './limits.ts';
import { sourcesOf } from './link-items.ts';
import type { RunSpec } from './spec.ts';
import { byteLength } from './spec-fields.ts';
import { bounded, formatPath, quote, refusalsOf } from './spec-issue.ts';
import { type Unrolled, unrollFlow } from './unroll-flow.ts';

export type CompiledFlow =
  | {
      ok: true;
      run: RunSpec;
      /** Path of the task that each item comes from, in the order of the items. */
      origins: string[];
      /** What the time goes by. */
      steps: number;
    }
  | { ok: false; refusals: Refusal[] };

/**
 * @param document as it was read from the text of the flow
 * @param files what it includes, read as far as that was possible
 */
export function compileFlow(document: unknown, files: FlowFiles): CompiledFlow {
  const parsed = flowSchema.safeParse(document, { reportInput: true });
  const tree = readTree(document);
  const tasks = tasksById(tree);
  const parts = gatherParts(document, files);
  const refusals = [
    ...(parsed.success ? [] : refusalsOf(parsed.error.issues)),
    ...tree.refusals,
    ...parts.refusals,
    ...agentProblems(tree, parts, hasSource(document)),
    ...flowLinkProblems(tree, tasks),
    ...selectProblems(tree, tasks, parts),
  ];
  if (!parsed.success || refusals.length > 0) return refuse(refusals);
  const unrolled = unrollFlow(tree, tasks, parts);
  if (unrolled.refusals.length > 0) return refuse(unrolled.refusals);
  return judge(parsed.data, unrolled);
}

function refuse(refusals: readonly Refusal[]): CompiledFlow {
  return { ok: false, refusals: bounded(distinct(refusals)) };
}

function hasSource(document: unknown): boolean {
  const spec = isObject(document) ? document.spec : undefined;
  return isObject(spec) && spec.source !== undefined;
}

/** What a run spec is held to, told with the paths of the flow. */
function judge({ metadata, spec }: Flow, { items, origins, steps }: Unrolled): CompiledFlow {
  const run: RunSpec = { apiVersion: 'waybill/v1', kind: 'Run', metadata, spec: { ...spec, items } };
  const circles = circleProblems(run, origins);
  if (circles.length > 0) return refuse(circles);
  const compiled = compileItems(run);
  const paths = origins.map(({ path }) => formatPath(path));
  if (!compiled.ok) return refuse(compiled.refusals.map((refusal) => ledBack(refusal, paths)));
  const sizeBytes = byteLength(canonicalize(run));
  if (sizeBytes <= LIMITS.specBytes) return { ok: true, run, origins: paths, steps };
  const problem = `the run spec that it becomes has ${sizeBytes} bytes, more than ${LIMITS.specBytes}`;
  const fix = 'Split the flow, or move scripts into the source.';
  return refuse([{ code: 'SPEC_TOO_LARGE', path: 'tasks', problem, fix }]);
}

/** From a place in the run spec to the place in the flow that it comes from. */
function ledBack(refusal: Refusal, paths: readonly string[]): Refusal {
  const [, index, rest = ''] = /^spec\.items\[(\d+)\](.*)$/s.exec(refusal.path) ?? [];
  if (index !== undefined) return { ...refusal, path: `${paths[Number(index)] ?? 'tasks'}${rest}` };
  return refusal.path === 'spec.items' ? { ...refusal, path: 'tasks' } : refusal;
}

/** Tasks side by side that need each other: order alone makes no circle, so each has a need to name. */
function circleProblems(run: RunSpec, origins: readonly FlowNode[]): Refusal[] {
  const place = new Map(run.spec.items.map(({ id }, n) => [id, n]));
  const deps = run.spec.items.map(({ dependsOn = [], needs = {} }) =>
    [...new Set([...dependsOn, ...Object.values(needs).flatMap(sourcesOf)])].map((id) => place.get(id) ?? -1),
  );
  return orderOf(deps).cycles.map((members) => {
    const named = members.map((n) => quote(run.spec.items[n]?.id ?? '')).join(' waits for ');
    const paths = members.flatMap((member, n) => {
      const next = members[(n + 1) % members.length] ?? member;
      return needBetween(run, origins, member, next);
    });
    return {
      code: 'SPEC_CYCLE',
      path: formatPath(paths[0] ?? origins[members[0] ?? 0]?.path ?? ['tasks']),
      problem: `the tasks wait for each other in a circle: ${named}`,
      fix: 'Remove one of these needs.',
    };
  });
}

function needBetween(
  run: RunSpec,
  origins: readonly FlowNode[],
  member: number,
  next: number,
): (readonly PropertyKey[])[] {
  const id = run.spec.items[next]?.id;
  const key = Object.entries(run.spec.items[member]?.needs ?? {}).find(([, { from }]) => from === id)?.[0];
  let owner: FlowNode | null = origins[member] ?? null;
  while (owner !== null && key !== undefined && !Object.hasOwn(owner.task.needs ?? {}, key)) owner = owner.parent;
  return owner === null || key === undefined ? [] : [[...owner.path, 'needs', key, 'from']];
}
