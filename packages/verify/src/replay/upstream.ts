/** What the end of an item means to one that depends on it. The engine decides by it, and the verifier holds runs to it. */
import { type EndState, type PlannedCondition, testsOf } from '../record/condition.ts';

/** What a dependent says of those that it depends on. */
export interface Dependent {
  needs: readonly { from: readonly string[]; onError?: 'stop' }[];
  when?: PlannedCondition;
  /** Whose outputs it becomes many by. */
  forEach?: { from: string };
}

export interface UpstreamEnd {
  id: string;
  state: EndState;
  /** It ended as skipped because a condition did not hold, its own or one upstream; nothing went wrong. */
  isLeftOut: boolean;
  /** Its plan says that others go on when it fails. */
  lettingPass: boolean;
}

/**
 * `met`: it is done. `let_pass`: it is not, and the dependent goes on. The others are the reason for which the
 * dependent is skipped.
 */
export type Meaning = 'met' | 'let_pass' | 'upstream_failed' | 'upstream_skipped';

/**
 * A dependent that takes an output from this item alone cannot do without it. One that asks for its state, or has another
 * item to take from, goes on however it ended, unless that need says `stop`. One that only waits for it goes on where the plan lets a failure pass, and
 * where a condition left the item out.
 */
export function meaningOf({ needs, when, forEach }: Dependent, end: UpstreamEnd): Meaning {
  const { id, state, isLeftOut, lettingPass } = end;
  if (state === 'done') return 'met';
  if (forEach?.from === id || needs.some(({ from }) => from.length === 1 && from[0] === id))
    return isLeftOut ? 'upstream_skipped' : 'upstream_failed';
  const isAlternative = needs.some(({ from, onError }) => onError !== 'stop' && from.includes(id));
  const isAsked = when !== undefined && testsOf(when).some((test) => test.from === id && 'state' in test);
  const isOrdered = isLeftOut || (state === 'failed' && lettingPass);
  return isAlternative || isAsked || isOrdered ? 'let_pass' : 'upstream_failed';
}

/** The first of the items that can give what is needed, in the order of the plan; null where none can. */
export function firstDone(from: readonly string[], isDone: (id: string) => boolean): string | null {
  return from.find(isDone) ?? null;
}
