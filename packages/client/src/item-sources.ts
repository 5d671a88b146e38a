/** Whom an item names: what it takes from them, and what it asks of them. */
import { mostBranches } from './link-growth.ts';
import type { ItemSpec } from './spec.ts';
import { membersOf, type WrittenCondition } from './spec-conditions.ts';

/** All that it waits for: sorted, unique. */
export function depsOf(item: ItemSpec): string[] {
  const deps = new Set(item.dependsOn);
  for (const need of Object.values(item.needs ?? {})) for (const source of sourcesOf(need)) deps.add(source);
  if (item.forEach !== undefined) deps.add(item.forEach.from);
  for (const { written } of testsOf(item.when, [])) deps.add(written.from ?? '');
  for (const reviewed of item.gate?.reviews ?? []) deps.add(reviewed);
  return [...deps].sort();
}

/** With those of the items that it becomes: each is waited for, and waits for no more than it does. */
export function edgesOf(item: ItemSpec): number {
  const deps = depsOf(item).length;
  return item.forEach === undefined ? deps : deps + mostBranches(item.forEach) * (deps + 1);
}

export type Need = NonNullable<ItemSpec['needs']>[string];

/** In the order of preference. */
export function sourcesOf({ from, oneOf, each }: Need): string[] {
  return oneOf ?? [from ?? each ?? ''];
}

/** What a condition asks, each with its path. Its nesting has been bounded by its reader. */
export function testsOf(
  written: WrittenCondition | undefined,
  path: readonly PropertyKey[],
): { written: WrittenCondition; path: PropertyKey[] }[] {
  if (written === undefined) return [];
  const members = membersOf(written);
  if (members.length === 0) return [{ written, path: [...path] }];
  return members.flatMap(([at, one]) => testsOf(one, [...path, ...at]));
}
