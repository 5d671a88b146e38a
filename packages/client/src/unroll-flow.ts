/** The tree of a flow becomes items: one round after the other, order as edges. Linear in items and edges. */
import type { Refusal } from './errors.ts';
import { type Work, workOf } from './flow-agents.ts';
import { allOf, hasNotFailed, hasRun, renamed, statesAsked, testsOf } from './flow-conditions.ts';
import { grownIn } from './flow-growth.ts';
import { type FlowTasks, lineage } from './flow-links.ts';
import type { FlowParts } from './flow-parts.ts';
import { idIn, roundsOf, sourcesIn } from './flow-rounds.ts';
import { tooDense, tooLong, tooMany, tooManySources } from './flow-size.ts';
import { type FlowNode, type FlowTree, isMending, needsOf, reviewsOf } from './flow-tree.ts';
import { LIMITS, type Limits } from './limits.ts';
import type { ItemSpec } from './spec.ts';
import type { WrittenCondition } from './spec-conditions.ts';
import { formatPath, quote } from './spec-issue.ts';

/** A condition of an item, and the place in the flow that it comes from. */
export interface Asked {
  condition: WrittenCondition;
  path: readonly PropertyKey[];
}

/** Where in the flow an item comes from. */
export interface Origin {
  node: FlowNode;
  asked: readonly Asked[];
}

export interface Unrolled {
  items: ItemSpec[];
  /** In the order of `items`. */
  origins: Origin[];
  refusals: Refusal[];
  /** Tasks visited and edges made: what the time goes by. */
  steps: number;
}

/** What a task is reached with. */
interface Reached {
  /** Items that it waits for. */
  before: readonly string[];
  /** Which round of every loop around it, outermost first. */
  rounds: readonly number[];
  /** What has to hold for it to run. */
  asked: readonly Asked[];
}

interface Unrolling extends Unrolled {
  parts: FlowParts;
  tasks: FlowTasks;
  work: Map<FlowNode, Work>;
  edges: number;
  limits: Limits;
}

/** Of a flow without problems. Refuses one that would become too large, before it does. */
export function unrollFlow(tree: FlowTree, tasks: FlowTasks, parts: FlowParts, limits: Limits = LIMITS): Unrolled {
  const grown = { items: [], origins: [], refusals: [], steps: 0, edges: 0 };
  const unrolling: Unrolling = { ...grown, parts, tasks, work: new Map(), limits };
  const large = tooMany(tree, limits);
  unrolling.refusals.push(...(large === null ? tooManySources(tree, tasks, limits) : [large]));
  if (unrolling.refusals.length === 0) inOrder(tree.roots, { before: [], rounds: [], asked: [] }, unrolling);
  return unrolling;
}

/** @returns the ids that whatever follows has to wait for */
function inOrder(nodes: readonly FlowNode[], reached: Reached, unrolling: Unrolling): readonly string[] {
  return nodes.reduce((before, node) => unroll(node, { ...reached, before }, unrolling), reached.before);
}

function unroll(node: FlowNode, around: Reached, unrolling: Unrolling): readonly string[] {
  unrolling.steps += 1;
  const asked = askedOf(node, around, unrolling);
  const ends = unrollWith(node, { ...around, asked }, unrolling);
  if (asked === around.asked) return ends;
  // Who asks how something ended goes on after its failure too; who comes behind must not.
  const passed = asked.slice(around.asked.length).flatMap(({ condition, path }) => statesAsked(condition, path));
  return alsoAfter(ends, around.before, new Set(passed.map(({ id }) => id)));
}

function unrollWith(node: FlowNode, reached: Reached, unrolling: Unrolling): readonly string[] {
  if (node.kind === 'parallel') return node.children.flatMap((child) => unroll(child, reached, unrolling));
  if (node.kind === 'loop') return unrollLoop(node, reached, unrolling);
  if (isMending(node)) return unrollGate(node, reached, unrolling);
  return node.id === null ? inOrder(node.children, reached, unrolling) : addItem(node, reached, unrolling);
}

/** With its own condition, of the rounds that it stands in. */
function askedOf(node: FlowNode, { asked, rounds }: Reached, unrolling: Unrolling): readonly Asked[] {
  const { when } = node.task;
  if (when === undefined) return asked;
  return [...asked, { condition: inRounds(when, rounds, unrolling), path: [...node.path, 'when'] }];
}

function alsoAfter(ends: readonly string[], before: readonly string[], passed: ReadonlySet<string>): readonly string[] {
  const more = before.filter((id) => passed.has(id) && !ends.includes(id));
  return more.length === 0 ? ends : [...ends, ...more];
}

/** @param rounds of what asks; of loops that only the one who is asked stands in, the last */
function inRounds(written: WrittenCondition, rounds: readonly number[], unrolling: Unrolling): WrittenCondition {
  unrolling.steps += testsOf(written, []).length;
  return renamed(written, (id) => {
    const target = unrolling.tasks.get(id);
    if (target === undefined) return id;
    const deeper = target.loops.slice(rounds.length).map(roundsOf);
    return idIn(target, [...rounds.slice(0, target.loops.length), ...deeper]);
  });
}

/** With `until`, a round happens when the one before has happened and has not been enough. */
function unrollLoop(node: FlowNode, reached: Reached, unrolling: Unrolling): readonly string[] {
  const until = node.task.loop?.until;
  const ends: string[] = [];
  const stopping = until === undefined ? [] : stoppingTests(node, until, unrolling);
  let { before, asked } = reached;
  for (let round = 1; round <= roundsOf(node); round++) {
    const rounds = [...reached.rounds, round];
    const first = unrolling.items.length;
    before = inOrder(node.children, { before, rounds, asked }, unrolling);
    if (until === undefined) continue;
    ends.push(...before);
    const path = [...node.path, 'loop', 'until'];
    const going = [...stopping, { not: until }].map((one) => inRounds(one, rounds, unrolling));
    asked = [{ condition: { all: [happened(first, asked, unrolling), ...going] }, path }];
  }
  // A failure in any round must stop what follows, and rounds that were left out do not tell of it.
  return until === undefined ? before : ends;
}

/** Asking how a task ended goes on after its failure too, which must end a loop unless the task says otherwise. */
function stoppingTests(node: FlowNode, until: WrittenCondition, unrolling: Unrolling): WrittenCondition[] {
  return statesAsked(until, [...node.path, 'loop', 'until']).flatMap(({ id, state, path }) => {
    const target = unrolling.tasks.get(id);
    if (target === undefined || knownWork(target, unrolling).onError === 'continue') return [];
    if (state === 'done' || state === 'failed') {
      const problem = `a failure of ${quote(id)} ends everything that follows, so no other round would come`;
      const fix = `Write \`onError: continue\` at ${id}, or use a gate with \`fix\`.`;
      unrolling.refusals.push({ code: 'SPEC_INVALID', path: formatPath([...path, 'state']), problem, fix });
    }
    return [hasNotFailed(id)];
  });
}

/** Told by an item of the round that runs whenever the round does. */
function happened(first: number, asked: readonly Asked[], unrolling: Unrolling): WrittenCondition {
  const { items, origins } = unrolling;
  let place = first;
  while (place < origins.length && origins[place]?.asked !== asked) place += 1;
  unrolling.steps += place - first;
  const item = items[place];
  return hasRun(item?.id ?? '', item?.onError === 'continue');
}

/** Checked; when red, mended and checked again; red for the last time, it is a failure as any other. */
function unrollGate(node: FlowNode, reached: Reached, unrolling: Unrolling): readonly string[] {
  const [check, ...fix] = node.children;
  const checks: string[] = [];
  if (check === undefined) return reached.before;
  let { before, asked } = reached;
  for (let round = 1; round <= roundsOf(node) + 1; round++) {
    const rounds = [...reached.rounds, round];
    const isLast = round > roundsOf(node);
    const checked = addItem(check, { before, rounds, asked }, unrolling, isLast ? {} : { onError: 'continue' });
    checks.push(...checked);
    if (isLast) break;
    const red: WrittenCondition = { from: checked[0] ?? '', state: 'failed' };
    asked = [{ condition: red, path: [...node.path, 'gate'] }];
    before = inOrder(fix, { before: checked, rounds, asked }, unrolling);
  }
  return checks;
}

function addItem(
  node: FlowNode,
  { before, rounds, asked }: Reached,
  unrolling: Unrolling,
  more: Pick<ItemSpec, 'onError'> = {},
): readonly string[] {
  const { items, origins, refusals, limits } = unrolling;
  const id = idIn(node, rounds);
  if (id.length > limits.nameChars) refusals.push(tooLong(node, limits));
  const isOver = unrolling.edges > limits.edges;
  unrolling.edges += before.length;
  unrolling.steps += before.length + 1;
  if (unrolling.edges > limits.edges) {
    // Said once; from here on no edge is made.
    if (!isOver) refusals.push(tooDense(node, before.length, limits));
    return [id];
  }
  const needs = node.kind === 'approval' ? undefined : takenBy(node, rounds, unrolling);
  const when = allOf(asked.map(({ condition }) => condition));
  items.push({
    id,
    ...knownWork(node, unrolling),
    ...more,
    ...reviewedIn(node, rounds, unrolling),
    ...(needs === undefined ? {} : { needs }),
    ...grownIn(node, rounds, unrolling.tasks),
    ...(when === undefined ? {} : { when }),
    ...(before.length === 0 ? {} : { dependsOn: [...before] }),
  });
  origins.push({ node, asked });
  // Who may take from another goes on after a failure too; who comes behind must not.
  const spare = Object.values(needs ?? {}).flatMap(({ oneOf = [], onError }) => (onError === 'stop' ? [] : oneOf));
  return alsoAfter([id], before, new Set(spare));
}

/** What an approval is about, of the rounds that it stands in. */
function reviewedIn(node: FlowNode, rounds: readonly number[], { tasks }: Unrolling): Pick<ItemSpec, 'gate'> {
  const reviews = reviewsOf(node).flatMap(({ id }) => {
    const target = tasks.get(id);
    return target === undefined ? [] : sourcesIn(node, target, rounds, false);
  });
  return reviews.length === 0 ? {} : { gate: { ...node.task.approval, reviews } };
}

/** The same in all rounds. */
function knownWork(node: FlowNode, { work, parts }: Unrolling): Work {
  const known = work.get(node) ?? workOf(node, parts);
  work.set(node, known);
  return known;
}

/** Needs of the groups around it too; what stands at the task itself wins. */
function takenBy(node: FlowNode, rounds: readonly number[], unrolling: Unrolling): ItemSpec['needs'] {
  const taken: NonNullable<ItemSpec['needs']> = {};
  for (const owner of lineage(node)) {
    for (const { key, need, from } of needsOf(owner)) {
      delete taken[key];
      const targets = from.flatMap(({ id }) => unrolling.tasks.get(id) ?? []);
      const sources = targets.flatMap((target) => sourcesIn(owner, target, rounds, need.round === 'previous'));
      unrolling.steps += sources.length;
      const [source] = sources;
      if (source === undefined) continue;
      const one = need.each === undefined ? { from: source } : { each: source };
      const chosen = sources.length > 1 ? { oneOf: sources } : one;
      // Rounds are no choice: that one failed is not made up for by what an earlier one left.
      const stopping = sources.length > 1 && need.oneOf === undefined ? { onError: 'stop' as const } : {};
      taken[key] = { ...chosen, select: need.select, ...stopping };
    }
  }
  return Object.keys(taken).length === 0 ? undefined : taken;
}
