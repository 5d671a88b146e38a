/** What an attempt says of itself, without the secrets that its blocks may have put there. */
import { MAX_QUESTION_CHARS, MAX_USAGE_PROBLEM } from '#core/mailbox-protocol.ts';
import type { PipelineEnd } from './pipeline.ts';
import type { Redactor } from './redactor.ts';

/** In the place of what a block calls a model, or a host, and a secret is in it. */
const REDACTED = 'redacted';

/** Files and names of files are no part of this: an attempt that left a secret there has ended for it. */
export function secretFree(end: PipelineEnd, redactor: Redactor): PipelineEnd {
  const called = (name: string): string => (redactor.holds(name) ? REDACTED : name);
  const { question, usageProblem, egress } = end;
  return {
    ...end,
    usage: end.usage.map((entry) => ({
      ...entry,
      requested: called(entry.requested),
      ...(entry.served === undefined ? {} : { served: called(entry.served) }),
    })),
    ...(egress === undefined
      ? {}
      : {
          egress: {
            ...egress,
            seen: egress.seen.map(({ host, ...seen }) => (host === undefined ? seen : { ...seen, host: called(host) })),
          },
        }),
    ...(question === undefined ? {} : { question: redactor.text(question).slice(0, MAX_QUESTION_CHARS) }),
    ...(usageProblem === undefined ? {} : { usageProblem: redactor.text(usageProblem).slice(0, MAX_USAGE_PROBLEM) }),
  };
}
