/**
 * Gates of a flow that could be passed without an answer. What needs something that a condition left out is left out too, and lets
 * what follows happen: right for work, and no way past a check, unless the author has said when it does not count.
 */
import type { Refusal } from './errors.ts';
import { ownerOf } from './flow-growth.ts';
import { conditionalOf } from './flow-order.ts';
import type { FlowNode } from './flow-tree.ts';
import { sourcesOf } from './item-sources.ts';
import { LeftOut } from './left-out.ts';
import { formatPath, quote } from './spec-issue.ts';
import type { Origin, Unrolled } from './unroll-flow.ts';

/** Each place once, of items without circles. */
export function gateProblems({ items, origins }: Pick<Unrolled, 'items' | 'origins'>): Refusal[] {
  const conditional = conditionalOf({ items, origins });
  const leftOut = new LeftOut(conditional);
  const nodes = new Map(items.map(({ id }, n) => [id, origins[n]?.node]));
  const refusals = new Map<string, Refusal>();
  for (const [n, one] of conditional.entries()) {
    const node = gateAt(origins[n]);
    if (node === null) continue;
    for (const [key, need] of Object.entries(one.item.needs ?? {})) {
      const path = pathOf(node, key);
      if (refusals.has(path) || !leftOut.mayLackFor(one, need)) continue;
      const sources = sourcesOf(need).flatMap((id) => nodes.get(id) ?? []);
      refusals.set(path, unasked(node, key, [...new Set(sources)], path));
    }
  }
  return [...refusals.values()];
}

function gateAt(origin: Origin | undefined): FlowNode | null {
  return origin?.node.kind === 'check' ? origin.node : null;
}

function ownerOfNeed(gate: FlowNode, key: string): FlowNode {
  return ownerOf(gate, formatPath(['item', 'needs', key]).slice('item'.length));
}

function pathOf(gate: FlowNode, key: string): string {
  return formatPath([...ownerOfNeed(gate, key).path, 'needs', key]);
}

function unasked(gate: FlowNode, key: string, sources: readonly FlowNode[], path: string): Refusal {
  const ids = sources.map(({ id }) => id ?? '');
  const named =
    ids.length === 1 ? `${quote(ids[0] ?? '')} does not leave it` : `none of ${ids.map(quote).join(' and ')} leaves it`;
  const problem = `where ${named}, the gate ${quote(gate.id ?? '')} would be passed without being asked`;
  // What only happens in its own rounds, or in the round before, no condition of it can ask.
  const isOfRoundBefore = ownerOfNeed(gate, key).task.needs?.[key]?.round !== undefined;
  const rounds = gate.parent?.loops ?? [];
  const canAsk = !isOfRoundBefore && sources.every(({ loops }) => loops.every((loop) => rounds.includes(loop)));
  const tests = ids.map((from) => `{ from: ${from}, state: done }`);
  const when = tests.length === 1 ? tests[0] : `{ any: [${tests.join(', ')}] }`;
  const asking = canAsk ? `; or say at the gate when it counts: \`when: ${when}\`` : '';
  const fix = `Add a task that is never left out, with \`oneOf\`${asking}.`;
  return { code: 'SPEC_INVALID', path, problem, fix };
}
