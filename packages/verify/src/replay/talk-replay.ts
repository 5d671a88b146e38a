/** Replays questions: an attempt that asked leaves its item suspended until somebody answers, and an answer is given once. */
import { mustHold } from '../contradiction.ts';
import type { EventData } from '../record/events.ts';
import { MAX_QUESTIONS } from '../record/talk.ts';

type Settled = EventData['attempt.settled'];

export class TalkReplay {
  /** How many questions each item has asked, and whether the last is answered. */
  readonly #asked = new Map<string, { count: number; isAnswered: boolean }>();

  /** Who asks is suspended, and nobody else is; asking counts for nothing, and was what the worker claimed. */
  settled({ item, outcome, reason, next, spent, result, question, claimed }: Settled, at: string): void {
    const isAsking = next === 'suspended';
    mustHold(isAsking === (question !== undefined), `${at} leads to ${next}, which its question denies`);
    if (!isAsking) return;
    mustHold(outcome === 'deferred' && reason === 'needs_input', `${at} asks and is ${outcome} for reason ${reason}`);
    const isClaimed = claimed.outcome === 'deferred' && claimed.reason === 'needs_input';
    mustHold(result !== null && isClaimed, `${at} asks and its worker claims otherwise`);
    mustHold(!spent, `${at} asks and yet counts`);
    const count = (this.#asked.get(item)?.count ?? 0) + 1;
    mustHold(count <= MAX_QUESTIONS, `item ${item} asks more than ${MAX_QUESTIONS} times`);
    this.#asked.set(item, { count, isAnswered: false });
  }

  /** @param isSuspended as it stands; a gate is, too */
  answered(item: string, isSuspended: boolean): void {
    const talk = this.#asked.get(item);
    mustHold(isSuspended && talk?.isAnswered === false, `item ${item} is answered and asks nothing`);
    this.#asked.set(item, { ...talk, isAnswered: true });
  }

  mustBeAnswered(item: string): void {
    mustHold(this.#asked.get(item)?.isAnswered === true, `item ${item} becomes ready again and nobody answered it`);
  }

  /** Its question does not stand any more, answered or not. */
  mustNotBeAnswered(item: string): void {
    const isWasted = this.#asked.get(item)?.isAnswered === true;
    mustHold(!isWasted, `item ${item} was answered and is closed before it becomes ready`);
  }
}
