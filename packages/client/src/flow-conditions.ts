/** Conditions of a flow: what they ask of which task, and what they are for the items of a round. */
import { isObject } from './flow-tree.ts';
import type { WrittenCondition } from './spec-conditions.ts';

/** One test of a condition, and its place in the document. */
export interface FlowTest {
  path: readonly PropertyKey[];
  id: string;
  /** It asks for a value of a file that the task left, or how it ended. */
  ofOutput: boolean;
  state: unknown;
}

/** What a condition asks, read from whatever the document holds. How deep it is nested has been bounded by its reader. */
export function testsOf(written: unknown, path: readonly PropertyKey[]): FlowTest[] {
  if (!isObject(written)) return [];
  const groups = (['all', 'any'] as const).flatMap((key) => {
    const members = written[key];
    return Array.isArray(members) ? members.flatMap((one, n) => testsOf(one, [...path, key, n])) : [];
  });
  const quorum = isObject(written.atLeastOf) && Array.isArray(written.atLeastOf.of) ? written.atLeastOf.of : [];
  groups.push(...quorum.flatMap((one, n) => testsOf(one, [...path, 'atLeastOf', 'of', n])));
  const own =
    typeof written.from === 'string'
      ? [{ path, id: written.from, ofOutput: written.output !== undefined, state: written.state }]
      : [];
  return [...own, ...groups, ...testsOf(written.not, [...path, 'not'])];
}

/** What it asks about how something ended. */
export function statesAsked(condition: WrittenCondition, path: readonly PropertyKey[] = []): FlowTest[] {
  return testsOf(condition, path).filter(({ ofOutput }) => !ofOutput);
}

/** The same condition of other names. */
export function renamed(written: WrittenCondition, nameOf: (id: string) => string): WrittenCondition {
  const { all, any, not, atLeastOf, from } = written;
  if (all !== undefined) return { all: all.map((one) => renamed(one, nameOf)) };
  if (any !== undefined) return { any: any.map((one) => renamed(one, nameOf)) };
  if (not !== undefined) return { not: renamed(not, nameOf) };
  if (atLeastOf !== undefined)
    return { atLeastOf: { n: atLeastOf.n, of: atLeastOf.of.map((one) => renamed(one, nameOf)) } };
  return from === undefined ? written : { ...written, from: nameOf(from) };
}

/** A failure of it is none that others may go on after. */
export function hasNotFailed(id: string): WrittenCondition {
  return { not: { from: id, state: 'failed' } };
}

/** It has run, whatever came of it where that may be. */
export function hasRun(id: string, mayFail: boolean): WrittenCondition {
  const done: WrittenCondition = { from: id, state: 'done' };
  return mayFail ? { any: [done, { from: id, state: 'failed' }] } : done;
}

export function allOf(conditions: readonly WrittenCondition[]): WrittenCondition | undefined {
  return conditions.length > 1 ? { all: [...conditions] } : conditions[0];
}
