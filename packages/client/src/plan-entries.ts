/** The plan in the form in which it is sealed. */
import { canonicalize, type Digest, digestOf, recipeOf } from '@waybill/verify';
import { LIMITS } from './limits.ts';
import type { Plan, PlanEntry, PlanItem } from './plan.ts';
import { sealedTypes } from './spec-outputs.ts';

/** One entry per item, or several in a row when it has more than 500 dependencies; needs and locks stand in the first. */
export function planEntries(plan: Pick<Plan, 'items' | 'itemDigests'>): PlanEntry[] {
  return plan.items.flatMap((item, n) => entriesOf(item, plan.itemDigests[n] as Digest));
}

/** SHA-256 over JCS(entry) and a newline, of every entry in order. */
export function planDigest(items: PlanItem[], itemDigests: Digest[]): Digest {
  const lines = planEntries({ items, itemDigests }).map((entry) => `${canonicalize(entry)}\n`);
  return digestOf(lines.join(''));
}

/** Dependencies of all items together. */
export function planEdges(plan: Pick<Plan, 'items'>): number {
  return plan.items.reduce((sum, { deps }) => sum + deps.length, 0);
}

function entriesOf(item: PlanItem, spec: Digest): PlanEntry[] {
  const { id, deps, needs, locks, retry, when, onError, gate, forEach, effect, reads } = item;
  const entries: PlanEntry[] = [];
  const perEntry = LIMITS.depsPerPlanEntry;
  for (let from = 0; from === 0 || from < deps.length; from += perEntry) {
    const hasMore = from + perEntry < deps.length;
    entries.push({
      id,
      spec,
      deps: deps.slice(from, from + perEntry),
      needs: from === 0 ? needs : [],
      locks: from === 0 ? locks : [],
      maxAttempts: retry.maxAttempts,
      ...(from === 0 && when !== undefined ? { when } : {}),
      ...(from === 0 && onError !== undefined ? { onError } : {}),
      // Names of people stand in no record.
      ...(from === 0 && gate !== undefined ? { gate: { ...gate, reviewers: gate.reviewers.length } } : {}),
      ...(from === 0 && reads !== undefined ? { reads } : {}),
      ...(from === 0 && effect === 'write' ? { effect } : {}),
      ...(from === 0 && effect === 'pure' ? { recipe: recipeOf(item) } : {}),
      ...(from === 0 && forEach !== undefined ? { forEach } : {}),
      ...(from === 0 ? sealedTypes(item) : {}),
      ...(hasMore ? { more: true as const } : {}),
    });
  }
  return entries;
}
