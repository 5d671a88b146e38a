/**
 * A flow becomes an ordinary run spec. Pure: the same documents always give the same bytes, and nothing is read but what is
 * handed in.
 */
import { canonicalize, type Digest } from '@waybill/verify';
import { byteLength } from './byte-length.ts';
import { compileItems } from './compile-plan.ts';
import type { Refusal } from './errors.ts';
import { expandUses, filesOfShapes, ledToUse, NO_PACKS, shapedProblems } from './expand-uses.ts';
import { type Flow, flowSchema } from './flow.ts';
import { agentProblems, captureProblems } from './flow-agents.ts';
import { testsOf } from './flow-conditions.ts';
import { gateProblems } from './flow-gates.ts';
import { forEachOf, growthProblems, ownerOf } from './flow-growth.ts';
import { inputProblems, ledToPrompt } from './flow-inputs.ts';
import { flowLinkProblems, lineage, tasksById } from './flow-links.ts';
import { keepOrder } from './flow-order.ts';
import { type FlowFiles, type FlowParts, gatherParts } from './flow-parts.ts';
import { isObject, needsOf, readTree } from './flow-tree.ts';
import { orderOf } from './item-order.ts';
import { depsOf } from './item-sources.ts';
import { LIMITS } from './limits.ts';
import type { PlanItem } from './plan.ts';
import type { ItemSpec, RunSpec } from './spec.ts';
import { bounded, formatPath, quote, refusalsOf } from './spec-issue.ts';
import { typeProblems } from './typed-links.ts';
import { type Origin, type Unrolled, unrollFlow } from './unroll-flow.ts';
import type { UsedPacks } from './use-shape.ts';

export type CompiledFlow =
  | {
      ok: true;
      run: RunSpec;
      /** What the run spec compiles to. */
      items: PlanItem[];
      /** Path of the task that each item comes from, in the order of the items. */
      origins: string[];
      /** From a place in the run spec to that in the flow which it comes from. */
      ledBack: (refusal: Refusal) => Refusal;
      /** Files of packs that items are given, by digest. */
      packFiles: ReadonlyMap<Digest, Uint8Array>;
      /** What the time goes by. */
      steps: number;
    }
  | { ok: false; refusals: Refusal[] };

/**
 * @param document as it was read from the text of the flow
 * @param files what it includes, read as far as that was possible
 */
export function compileFlow(document: unknown, files: FlowFiles, packs: UsedPacks = NO_PACKS): CompiledFlow {
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
    ...growthProblems(tree, tasks),
    ...captureProblems(tree, tasks, parts),
  ];
  if (!parsed.success || refusals.length > 0) return refuse(refusals);
  const said = inputProblems(tree, parts);
  if (said.length > 0) return refuse(said);
  const unrolled = unrollFlow(tree, tasks, parts);
  if (unrolled.refusals.length > 0) return refuse(unrolled.refusals);
  const dense = keepOrder(unrolled, LIMITS);
  if (dense.length > 0) return refuse(dense);
  return judge(parsed.data, unrolled, parts, packs);
}

function refuse(refusals: readonly Refusal[]): CompiledFlow {
  return { ok: false, refusals: bounded(refusals) };
}

function hasSource(document: unknown): boolean {
  const spec = isObject(document) ? document.spec : undefined;
  return isObject(spec) && spec.source !== undefined;
}

/** What a run spec is held to, told with the paths of the flow. */
function judge(
  { metadata, spec }: Flow,
  { items: unrolled, origins, steps }: Unrolled,
  parts: FlowParts,
  packs: UsedPacks,
): CompiledFlow {
  const expanded = expandUses(unrolled, packs);
  const toFlow = (refusal: Refusal): Refusal => ledBack(ledToUse(refusal, expanded), origins, parts);
  const misused = [...expanded.refusals, ...(expanded.refusals.length > 0 ? [] : shapedProblems(expanded))];
  if (misused.length > 0) return refuse(misused.map(toFlow));
  const items = expanded.items as ItemSpec[];
  const run: RunSpec = { apiVersion: 'waybill/v1', kind: 'Run', metadata, spec: { ...spec, items } };
  const circles = circleProblems(run, origins);
  if (circles.length > 0) return refuse(circles);
  const compiled = compileItems(run);
  const mistyped = compiled.ok ? typeProblems(run.spec, expanded.used) : [];
  if (mistyped.length > 0) return refuse(mistyped.map(toFlow));
  if (!compiled.ok) return refuse(compiled.refusals.map(toFlow));
  const sizeBytes = byteLength(canonicalize(run, { numbers: 'any' }));
  if (sizeBytes > LIMITS.specBytes) {
    const problem = `the run spec that it becomes has ${sizeBytes} bytes, more than ${LIMITS.specBytes}`;
    const fix = 'Split the flow, or move scripts into the source.';
    return refuse([{ code: 'SPEC_TOO_LARGE', path: 'tasks', problem, fix }]);
  }
  const unasked = gateProblems({ items: unrolled, origins });
  if (unasked.length > 0) return refuse(unasked);
  return {
    ok: true,
    run,
    items: compiled.items,
    origins: origins.map(({ node }) => formatPath(node.path)),
    ledBack: toFlow,
    packFiles: filesOfShapes(expanded),
    steps,
  };
}

/** From a place in the run spec to the place in the flow that it comes from. */
function ledBack(refusal: Refusal, origins: readonly Origin[], parts: FlowParts): Refusal {
  if (refusal.path === 'spec.items') return { ...refusal, path: 'tasks' };
  const [, index, rest = ''] = /^spec\.items\[(\d+)\](.*)$/s.exec(refusal.path) ?? [];
  const origin = index === undefined ? undefined : origins[Number(index)];
  if (origin === undefined) return refusal;
  const { node, asked } = origin;
  // Conditions of groups, rounds and the task itself are one there; the largest is the one to mend.
  const largest = asked.toSorted((a, b) => testsOf(b.condition, []).length - testsOf(a.condition, []).length)[0];
  if (rest.startsWith('.when') && largest !== undefined) return { ...refusal, path: formatPath(largest.path) };
  if (/^\.pipeline\[0\]\.prompt$/.test(rest)) return ledToPrompt(refusal, node, parts);
  const own = node.kind === 'approval' ? rest.replace(/^\.gate/, '.approval') : rest;
  return { ...refusal, path: `${formatPath(ownerOf(node, rest).path)}${own}` };
}

/** Tasks side by side that ask or need each other: order alone makes no circle, so each has a reference to name. */
function circleProblems(run: RunSpec, origins: readonly Origin[]): Refusal[] {
  const place = new Map(run.spec.items.map(({ id }, n) => [id, n]));
  const deps = run.spec.items.map((item) => depsOf(item).map((id) => place.get(id) ?? -1));
  return orderOf(deps).cycles.map((members) => {
    const named = [...members, members[0] ?? 0].map((n) => quote(run.spec.items[n]?.id ?? '')).join(' waits for ');
    const paths = members.flatMap((member, n) =>
      referencesTo(origins[member], origins[members[(n + 1) % members.length] ?? member]),
    );
    return {
      code: 'SPEC_CYCLE',
      path: formatPath(paths[0] ?? origins[members[0] ?? 0]?.node.path ?? ['tasks']),
      problem: `the tasks wait for each other in a circle: ${named}`,
      fix: 'Remove one of these references.',
    };
  });
}

/** Where the task, or a group that it stands in, refers to the other. */
function referencesTo(from: Origin | undefined, to: Origin | undefined): (readonly PropertyKey[])[] {
  if (from === undefined) return [];
  return lineage(from.node)
    .toReversed()
    .flatMap((at) => {
      const needed = needsOf(at).flatMap((sources) => sources.from);
      const asked = testsOf(at.task.when, [...at.path, 'when']).map(({ id, path }) => ({
        id,
        path: [...path, 'from'],
      }));
      return [...needed, ...forEachOf(at), ...asked].flatMap(({ id, path }) => (id === to?.node.id ? [path] : []));
    });
}
