/** Rounds of tasks: how many there are at most, how they are called, and in which of them something is found. */
import { commonLoops } from './flow-links.ts';
import { type FlowNode, isOpenEnded } from './flow-tree.ts';

/** How often the body of a loop happens at most, and what mends a gate. */
export function roundsOf({ kind, task }: FlowNode): number {
  return (kind === 'loop' ? task.loop?.max : task.gate?.max) ?? 1;
}

/**
 * `fix` in the first rounds of all loops, else with every round: `fix~2`, `fix~1~3`. What becomes many always has them, since the
 * items of its first round would be called like those rounds.
 */
export function idIn({ id, task }: FlowNode, rounds: readonly number[]): string {
  const isPlain = task.forEach === undefined && rounds.every((round) => round === 1);
  return isPlain ? (id ?? '') : [id, ...rounds].join('~');
}

/**
 * In the rounds that both share; of loops that only the target stands in, the last round. Where only the run will show which
 * that is, all of them, last first. None: there is no round before.
 */
export function sourcesIn(
  owner: FlowNode,
  target: FlowNode,
  rounds: readonly number[],
  isOfRoundBefore: boolean,
): string[] {
  const shared = commonLoops(owner, target);
  const common = rounds.slice(0, shared);
  if (isOfRoundBefore && shared > 0) {
    const before = (common[shared - 1] ?? 1) - 1;
    if (before === 0) return [];
    common[shared - 1] = before;
  }
  const deeper = target.loops.slice(shared);
  const all = deeper.reduce<number[][]>(
    (chosen, loop) => chosen.flatMap((one) => candidatesOf(loop, target).map((round) => [...one, round])),
    [common],
  );
  return all.map((chosen) => idIn(target, chosen));
}

/** How many `sourcesIn` finds in the last rounds of all loops, which no other round exceeds; told without making them. */
export function mostSources(owner: FlowNode, target: FlowNode, isOfRoundBefore: boolean): number {
  const shared = commonLoops(owner, target);
  const around = owner.loops[shared - 1];
  if (isOfRoundBefore && around !== undefined && lastRound(around, owner) === 1) return 0;
  return target.loops
    .slice(shared)
    .reduce((count, loop) => count * (isOpenEnded(loop) ? lastRound(loop, target) : 1), 1);
}

function candidatesOf(loop: FlowNode, target: FlowNode): number[] {
  const last = lastRound(loop, target);
  return isOpenEnded(loop) ? Array.from({ length: last }, (_, n) => last - n) : [last];
}

/** A gate is checked once more than it is mended. */
function lastRound(loop: FlowNode, node: FlowNode): number {
  return roundsOf(loop) + (node.parent === loop && node.kind === 'check' ? 1 : 0);
}
