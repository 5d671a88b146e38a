/** What an item asks of people while it is worked on, and what it is answered: the record knows texts by their digests alone. */
import type { Digest } from '../crypto/digest.ts';

/** How often one item may ask. One more is a failure. */
export const MAX_QUESTIONS = 10;

/** Lines of text: no control characters but line feeds and tabs. */
export const PLAIN_LINES: RegExp = /^(?:[\n\t]|[^\p{Cc}\p{Cs}])+$/u;

/** A question that an attempt ended with, and what came of it. */
export interface Talk {
  /** Which asked. */
  attempt: number;
  question: Digest;
  answer?: Digest;
}

/** Bytes that every later attempt of the item is given beside what it needs. */
export interface TalkInput {
  key: string;
  sha256: Digest;
  from: { attempt: number; output: 'question' | 'answer' };
}

/** Of an item all of whose questions are answered: `question-1.txt`, `answer-1.txt`, and so on. */
export function talkInputs(talk: readonly Talk[]): TalkInput[] {
  return talk.flatMap(({ attempt, question, answer }, n): TalkInput[] => [
    { key: `question-${n + 1}.txt`, sha256: question, from: { attempt, output: 'question' } },
    ...(answer === undefined
      ? []
      : [{ key: `answer-${n + 1}.txt`, sha256: answer, from: { attempt, output: 'answer' as const } }]),
  ]);
}

/** Inputs whose keys begin so are laid beside the others: an item reads them as its capabilities. */
export const CAPABILITY_KEY = 'capability.';

/** Names that no need of an item may have. */
export const TALK_KEY: RegExp = /^(?:question|answer)-\d+\.txt$/;
