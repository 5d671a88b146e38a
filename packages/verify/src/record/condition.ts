/**
 * Conditions: whether an item runs at all, asked of what came before it. A closed set of operators over how items ended and
 * over single values of JSON files that they left. Texts are known here by their digests alone, so that a condition and
 * what it was asked of can be sealed, and anybody can decide it again.
 */
import { type Digest, digestOf } from '../crypto/digest.ts';
import { canonicalize } from '../json/jcs.ts';
import { digest, itemId, ordinal, outputName } from '../json/scalars.ts';
import { choose, closed, listOf, nullable, oneOf, type Shape, text } from '../json/shape.ts';

export type EndState = 'done' | 'failed' | 'skipped' | 'cancelled' | 'denied';

/**
 * A value as it is sealed: null, true, false and safe integers as they are; other numbers as their text (`79.5`); texts as
 * `sha256:` and the digest of their canonical JSON; a list or an object as `composite`; nothing at that place, or no such
 * file, as `absent`; a file that is no JSON or too large as `unreadable`.
 */
export type SealedValue = null | boolean | number | string;

export type Operator = 'equals' | 'in' | 'lessThan' | 'atMost' | 'moreThan' | 'atLeast' | 'exists';

export interface StateTest {
  from: string;
  state: EndState;
}

export interface ValueTest {
  from: string;
  /** A path under outputs/ of a JSON file. */
  output: string;
  /** JSON pointer into it; empty for the whole. */
  at: string;
  op: Operator;
  /** A list for `in`, true or false for `exists`, else one value. */
  value: SealedValue | SealedValue[];
}

export type PlannedCondition =
  | { all: PlannedCondition[] }
  | { any: PlannedCondition[] }
  | { not: PlannedCondition }
  | { atLeastOf: { n: number; of: PlannedCondition[] } }
  | StateTest
  | ValueTest;

/** What one test was asked of. */
export type Operand =
  | { from: string; state: EndState }
  | { from: string; output: string; sha256: Digest | null; value: SealedValue };

export const ABSENT = 'absent';
export const UNREADABLE = 'unreadable';
const MAX_NESTING = 8;
const DECIMAL = /^-?\d+(?:\.\d+)?(?:e[+-]\d+)?$/;
const SEALED_TEXT = /^(?:sha256:[0-9a-f]{64}|-?\d+(?:\.\d+)?(?:e[+-]\d+)?|absent|composite|unreadable)$/;

export function sealedValue(value: unknown): SealedValue {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return digestOf(canonicalize(value));
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : String(value);
  return value === undefined ? ABSENT : 'composite';
}

/** All tests, in the order in which they are written. */
export function testsOf(condition: PlannedCondition): (StateTest | ValueTest)[] {
  if ('all' in condition) return condition.all.flatMap(testsOf);
  if ('any' in condition) return condition.any.flatMap(testsOf);
  if ('atLeastOf' in condition) return condition.atLeastOf.of.flatMap(testsOf);
  return 'not' in condition ? testsOf(condition.not) : [condition];
}

/** @param operands one for each test, in the order of testsOf. Throws RangeError where they are of other tests. */
export function conditionHolds(condition: PlannedCondition, operands: readonly Operand[]): boolean {
  const left = operands[Symbol.iterator]();
  // Every test is asked, so that each meets its own operand.
  const holds = (one: PlannedCondition): boolean => {
    if ('all' in one) return one.all.map(holds).every(Boolean);
    if ('any' in one) return one.any.map(holds).some(Boolean);
    if ('atLeastOf' in one) return one.atLeastOf.of.map(holds).filter(Boolean).length >= one.atLeastOf.n;
    if ('not' in one) return !holds(one.not);
    return testHolds(one, left.next().value);
  };
  const answer = holds(condition);
  if (left.next().done !== true) throw new RangeError('there are more operands than tests');
  return answer;
}

function testHolds(test: StateTest | ValueTest, operand: Operand | undefined): boolean {
  if ('state' in test) {
    if (operand === undefined || !('state' in operand) || operand.from !== test.from)
      throw new RangeError(`the state of ${test.from} was not asked for`);
    return operand.state === test.state;
  }
  const isOwn = operand !== undefined && 'output' in operand;
  if (!isOwn || operand.from !== test.from || operand.output !== test.output)
    throw new RangeError(`${test.output} of ${test.from} was not asked for`);
  return compare(test, operand.value);
}

function compare({ op, value: wanted }: ValueTest, value: SealedValue): boolean {
  if (op === 'exists') return (value !== ABSENT && value !== UNREADABLE) === wanted;
  if (op === 'in') return Array.isArray(wanted) && wanted.includes(value);
  if (op === 'equals') return value === wanted;
  const [a, b] = [numberOf(value), Array.isArray(wanted) ? null : numberOf(wanted)];
  if (a === null || b === null) return false;
  if (op === 'lessThan') return a < b;
  if (op === 'atMost') return a <= b;
  return op === 'moreThan' ? a > b : a >= b;
}

function numberOf(value: SealedValue): number | null {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && DECIMAL.test(value) ? Number(value) : null;
}

const endState = oneOf<EndState>('done', 'failed', 'skipped', 'cancelled', 'denied');
const pointer: Shape<string> = text(/^(?:\/[^/]*)*$/, 'a JSON pointer');

const scalar: Shape<SealedValue> = (value) => {
  if (value === null || typeof value === 'boolean' || Number.isSafeInteger(value)) return undefined;
  return typeof value === 'string' && SEALED_TEXT.test(value) ? undefined : ' is not a sealed value';
};
const scalars = listOf(scalar, 1);

const valueTest = closed<ValueTest>({
  from: itemId,
  output: outputName,
  at: pointer,
  op: oneOf('equals', 'in', 'lessThan', 'atMost', 'moreThan', 'atLeast', 'exists'),
  value: (value) => (Array.isArray(value) ? scalars(value) : scalar(value)),
});
const stateTest = closed<StateTest>({ from: itemId, state: endState });

type Quorum = Extract<PlannedCondition, { atLeastOf: unknown }>;

export const plannedCondition: Shape<PlannedCondition> = (value) => conditionProblem(value, 0);

function conditionProblem(value: unknown, depth: number): string | undefined {
  if (depth > MAX_NESTING) return ' is nested too deep';
  const inner: Shape<PlannedCondition> = (one) => conditionProblem(one, depth + 1);
  const shape = choose<PlannedCondition>((one) => {
    if ('all' in one) return closed<{ all: PlannedCondition[] }>({ all: listOf(inner, 1) });
    if ('any' in one) return closed<{ any: PlannedCondition[] }>({ any: listOf(inner, 1) });
    if ('not' in one) return closed<{ not: PlannedCondition }>({ not: inner });
    if ('atLeastOf' in one) return closed<Quorum>({ atLeastOf: quorumOf(inner) });
    return 'state' in one ? stateTest : valueTest;
  });
  return shape(value);
}

/** Each counts once, or one of them would be two. */
function quorumOf(inner: Shape<PlannedCondition>): Shape<Quorum['atLeastOf']> {
  const shape = closed<Quorum['atLeastOf']>({ n: ordinal, of: listOf(inner, 1) });
  return (value) => {
    const problem = shape(value);
    if (problem !== undefined) return problem;
    const { n, of } = value as Quorum['atLeastOf'];
    if (n > of.length) return ' asks for more than there are';
    return new Set(of.map((one) => canonicalize(one))).size < of.length ? ' counts one of them twice' : undefined;
  };
}

export const operand: Shape<Operand> = choose(
  (one): Shape<Operand> =>
    ('state' in one
      ? closed<Extract<Operand, { state: EndState }>>({ from: itemId, state: endState })
      : closed<Extract<Operand, { output: string }>>({
          from: itemId,
          output: outputName,
          sha256: nullable(digest),
          value: scalar,
        })) as Shape<Operand>,
);
