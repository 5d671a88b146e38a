/** What an attempt says of itself, without the secrets that its blocks may have put there. */
import { MAX_QUESTION_CHARS, MAX_USAGE_PROBLEM } from '#core/mailbox-protocol.ts';
import type { PipelineEnd } from './pipeline.ts';
import type { Redactor } from './redactor.ts';

/** In the place of what a block calls a model, and a secret is in it. */
const REDACTED = 'redacted';

/** No part of this are files and their names, for which an attempt has ended, and hosts, which were shown without secrets from the first. */
export function secretFree(end: PipelineEnd, redactor: Redactor): PipelineEnd {
  const called = (name: string): string => (redactor.holds(name) ? REDACTED : name);
  const { question, usageProblem } = end;
  return {
    ...end,
    usage: end.usage.map((entry) => ({
      ...entry,
      requested: called(entry.requested),
      ...(entry.served === undefined ? {} : { served: called(entry.served) }),
    })),
    ...(question === undefined ? {} : { question: redactor.text(question).slice(0, MAX_QUESTION_CHARS) }),
    ...(usageProblem === undefined ? {} : { usageProblem: redactor.text(usageProblem).slice(0, MAX_USAGE_PROBLEM) }),
  };
}
