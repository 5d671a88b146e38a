/** A condition in the form in which it is sealed and decided: its texts as digests, one operator and one value a test. */
import { type PlannedCondition, type SealedValue, sealedValue } from '@waybill/verify';
import type { Limits } from './limits.ts';
import { membersOf, operatorOf, type WrittenCondition } from './spec-conditions.ts';

/** Of a condition that its schema has let pass and `sizeProblem` too. */
export function plannedCondition(written: WrittenCondition): PlannedCondition {
  const { all, any, not, atLeastOf, from = '', state, output = '', at = '' } = written;
  if (all !== undefined) return { all: all.map(plannedCondition) };
  if (any !== undefined) return { any: any.map(plannedCondition) };
  if (not !== undefined) return { not: plannedCondition(not) };
  if (atLeastOf !== undefined) return { atLeastOf: { n: atLeastOf.n, of: atLeastOf.of.map(plannedCondition) } };
  if (state !== undefined) return { from, state };
  const op = operatorOf(written) ?? 'exists';
  const value = written[op];
  const sealed: SealedValue | SealedValue[] = Array.isArray(value) ? value.map(sealedValue) : sealedValue(value);
  return { from, output, at, op, value: sealed };
}

/** Null: it asks for few enough values, and is nested no deeper than can be read. */
export function sizeProblem(written: WrittenCondition, limits: Limits): string | null {
  let tests = 0;
  const open = [{ written, depth: 0 }];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const { depth } = one;
    if (depth > limits.conditionNesting) return `the condition is nested deeper than ${limits.conditionNesting}`;
    const members = membersOf(one.written);
    if (members.length === 0) tests += 1;
    for (const [, member] of members) open.push({ written: member, depth: depth + 1 });
  }
  return tests > limits.testsPerCondition
    ? `the condition asks for more than ${limits.testsPerCondition} values`
    : null;
}
