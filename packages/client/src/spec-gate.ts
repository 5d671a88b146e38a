/** `gate`: an item that is no work but a decision, by so many of those that it names. */
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import { isPrincipal } from './object-names.ts';
import { closed, duration, find, itemId } from './spec-fields.ts';
import { quote } from './spec-issue.ts';

const reviewer = z.string().superRefine((text, context) => {
  if (isPrincipal(text)) return;
  const problem = `${quote(text)} is not the name of a principal`;
  find(context, 'SPEC_INVALID', problem, 'Write it as receipts and statuses name it.');
});

export const gate = closed({
  approvals: z
    .int()
    .min(1)
    .max(LIMITS.reviewersPerGate)
    .optional()
    .describe('How many of the reviewers must approve; 1.'),
  reviewers: z
    .array(reviewer)
    .min(1)
    .max(LIMITS.reviewersPerGate)
    .optional()
    .describe('Principals, each with one verdict. Without them it is whoever submitted the run.'),
  expires: duration(LIMITS.minDeadlineMs, LIMITS.maxDeadlineMs)
    .optional()
    .describe('From the moment at which it waits. Without enough approvals by then it is denied.'),
  reviews: z
    .array(itemId)
    .min(1)
    .max(LIMITS.reviewsPerGate)
    .optional()
    .describe('Items whose outputs are decided about; they become dependencies, and a verdict may name their digest.'),
}).superRefine(({ approvals = 1, reviewers = [''], reviews = [] }, context) => {
  const again = reviews.findIndex((one, n) => reviews.indexOf(one) < n);
  if (again !== -1)
    find(context, 'SPEC_INVALID', `${quote(reviews[again] ?? '')} is named twice`, 'Keep one of them.', [
      'reviews',
      again,
    ]);
  const second = reviewers.find((one, n) => reviewers.indexOf(one) < n);
  if (second !== undefined) {
    const at = ['reviewers', reviewers.lastIndexOf(second)];
    find(context, 'SPEC_INVALID', `${quote(second)} is named twice`, 'Keep one of them: each has one verdict.', at);
  } else if (reviewers.length > 0 && approvals > reviewers.length) {
    const problem = `it asks for ${approvals} approvals of ${reviewers.length} reviewers`;
    find(context, 'SPEC_INVALID', problem, 'Name more reviewers, or ask for fewer approvals.', ['approvals']);
  }
});
