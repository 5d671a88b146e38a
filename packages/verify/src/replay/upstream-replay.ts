/**
 * Replays what items made of how others ended: conditions, failures that are let pass, alternatives. Whatever an item went on
 * without must stay as it was, so such ends are final.
 */
import { mustFind, mustHold } from '../contradiction.ts';
import type { Digest } from '../crypto/digest.ts';
import {
  ABSENT,
  conditionHolds,
  type EndState,
  type Operand,
  type StateTest,
  testsOf,
  type ValueTest,
} from '../record/condition.ts';
import type { EventData, RecordedOutput } from '../record/events.ts';
import { reviewDigest } from '../record/review.ts';
import type { BookedItem } from './booked-item.ts';
import type { PlanBook } from './plan-book.ts';
import { firstDone, type Meaning, meaningOf, type UpstreamEnd } from './upstream.ts';

/** An item that its own condition left out. */
const CONDITION_FALSE = 'condition_false';
const LEFT_OUT: ReadonlySet<string> = new Set([CONDITION_FALSE, 'upstream_skipped']);
const ENDS: ReadonlySet<string> = new Set(['done', 'failed', 'skipped', 'cancelled', 'denied']);

type Closed = EventData['item.closed']['items'][number];

export class UpstreamReplay {
  readonly #plan: PlanBook;
  readonly #stateOf: (id: string) => string;
  /** Of items that conditions ask for values. */
  readonly #outputs = new Map<string, readonly RecordedOutput[]>();
  readonly #decisions = new Map<string, boolean>();
  readonly #leftOut = new Set<string>();
  /** Somebody went on without them. */
  readonly #passed = new Set<string>();

  constructor(plan: PlanBook, stateOf: (id: string) => string) {
    this.#plan = plan;
    this.#stateOf = stateOf;
  }

  settled({ item, next, outputs }: Pick<EventData['attempt.settled'], 'item' | 'next' | 'outputs'>): void {
    if (next === 'done' && this.#plan.isAsked(item)) this.#outputs.set(item, outputs);
  }

  ended(id: string, state: EndState, reason: string): void {
    if (state === 'skipped' && LEFT_OUT.has(reason)) this.#leftOut.add(id);
  }

  decide({ item: id, holds, operands }: EventData['item.decided']): void {
    mustHold(this.#stateOf(id) === 'pending', `item ${id} is decided while ${this.#stateOf(id)}`);
    const when = mustFind(this.#booked(id).when, `item ${id} is decided and has no condition`);
    mustHold(!this.#decisions.has(id), `item ${id} is decided twice`);
    this.mustBeFree(id);
    const tests = testsOf(when);
    mustHold(operands.length === tests.length, `the decision of item ${id} asks other values than were planned`);
    for (const [n, test] of tests.entries()) this.#mustBeAnswered(id, test, operands[n] as Operand);
    mustHold(conditionHolds(when, operands) === holds, `the condition of item ${id} comes out the other way`);
    this.#decisions.set(id, holds);
  }

  /** All that it depends on has ended, in ways that it goes on after. */
  mustBeFree(id: string): void {
    const booked = this.#booked(id);
    for (const dep of booked.deps) this.mustLetPass(id, dep);
    for (const { key, from } of booked.needs) {
      const giver = firstDone(from, (one) => this.#stateOf(one) === 'done');
      mustHold(giver !== null, `item ${id} becomes ready and nothing that is done gives it ${key}`);
    }
  }

  /** It is done, or has ended in a way that the item goes on after. */
  mustLetPass(id: string, dep: string): void {
    const state = this.#stateOf(dep);
    if (state === 'done') return;
    const isPassed = ENDS.has(state) && meaningOf(this.#booked(id), this.#endOf(dep)) === 'let_pass';
    mustHold(isPassed, `item ${id} becomes ready before ${dep} is done`);
    this.#passed.add(dep);
  }

  /** What a gate is about, as it stands; undefined where it names nothing. */
  underReview(id: string): Digest | undefined {
    const reviews = this.#booked(id).gate?.reviews;
    return reviews && reviewDigest(reviews.map((item) => ({ item, outputs: this.#leftBy(item) })));
  }

  #leftBy(id: string): readonly RecordedOutput[] | null {
    return this.#stateOf(id) === 'done' ? (this.#outputs.get(id) ?? []) : null;
  }

  mustBeDecided(id: string): void {
    const isRight = this.#booked(id).when === undefined || this.#decisions.get(id) === true;
    mustHold(isRight, `item ${id} becomes ready and its condition was not found to hold`);
  }

  mustBeReopenable(id: string): void {
    mustHold(!this.#leftOut.has(id), `item ${id} is opened again and was left out by a condition`);
    mustHold(!this.#passed.has(id), `item ${id} is opened again and others have gone on without it`);
  }

  /** Once all of one event have ended. */
  mustBeCaused({ id, state, reason, cause }: Closed): void {
    const isFalse = this.#decisions.get(id) === false;
    const isOwn = state === 'skipped' && reason === CONDITION_FALSE && cause === undefined;
    mustHold(isFalse === isOwn, `item ${id} is ${state} for reason ${reason}, which its condition denies`);
    if (cause === undefined) return;
    const causeState = this.#stateOf(cause);
    const booked = this.#booked(id);
    const isUpstream = booked.deps.includes(cause) || booked.branches?.includes(cause) === true;
    mustHold(isUpstream, `item ${id} names ${cause} as cause and does not depend on it`);
    const isUnmet = ENDS.has(causeState) && causeState !== 'done';
    mustHold(isUnmet, `item ${id} is ${state} because of ${cause}, which is ${causeState}`);
    const end = this.#endOf(cause);
    const meaning = meaningOf(booked, end);
    const expected = meaning === 'let_pass' ? (this.#meaningOfAll(booked, cause) ?? meaning) : meaning;
    const meant = expected === 'let_pass' ? 'that alone keeps it from nothing' : expected;
    mustHold(reason === expected, `item ${id} is ${state} for reason ${reason} because of ${cause}: ${meant}`);
  }

  /**
   * Of several of which any could have given something, and none is done, nor will be: a condition left all of them out, or something
   * went wrong with the cause. Null where that is not so of any need.
   */
  #meaningOfAll({ needs }: BookedItem, cause: string): Meaning | null {
    const isGone = (id: string): boolean => ENDS.has(this.#stateOf(id)) && this.#stateOf(id) !== 'done';
    const exhausted = needs.filter(({ from }) => from.includes(cause) && from.every(isGone));
    if (exhausted.length === 0) return null;
    if (!this.#leftOut.has(cause)) return 'upstream_failed';
    return exhausted.some(({ from }) => from.every((id) => this.#leftOut.has(id))) ? 'upstream_skipped' : null;
  }

  #mustBeAnswered(id: string, test: StateTest | ValueTest, operand: Operand): void {
    const at = `the decision of item ${id}`;
    mustHold(operand.from === test.from, `${at} asks ${operand.from}, the plan ${test.from}`);
    if ('state' in test) {
      const isState = 'state' in operand && operand.state === this.#stateOf(test.from);
      mustHold(isState, `${at} has another state of ${test.from}`);
      return;
    }
    const isOutput = 'output' in operand && operand.output === test.output;
    mustHold(isOutput, `${at} asks ${test.from} for something else than was planned`);
    const { sha256, value } = operand;
    const left = this.#stateOf(test.from) === 'done' ? (this.#outputs.get(test.from) ?? []) : [];
    const made = left.find(({ name }) => name === `outputs/${test.output}`);
    mustHold(sha256 === (made?.sha256 ?? null), `${at} reads another file than ${test.from} left`);
    mustHold(sha256 !== null || value === ABSENT, `${at} reads a value of a file that is not there`);
  }

  #endOf(id: string): UpstreamEnd {
    const lettingPass = this.#booked(id).onError === 'continue';
    return { id, state: this.#stateOf(id) as EndState, isLeftOut: this.#leftOut.has(id), lettingPass };
  }

  #booked(id: string): BookedItem {
    return mustFind(this.#plan.items.get(id), `item ${id} is not in the plan`);
  }
}
