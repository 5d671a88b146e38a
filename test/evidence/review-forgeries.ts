/** Gates about outputs: what was looked at has to be what was left. Sealed by someone who holds every key. */
import type { EventData, Pseudonym, RunEvent } from '../../packages/verify/src/record/events.ts';
import { reviewDigest } from '../../packages/verify/src/record/review.ts';
import { entryOf } from './branching-story.ts';
import { type Forged, find, first, forged, OTHER, set } from './forged.ts';
import { ADA, BOB, EVE, putUpGates } from './gated-story.ts';
import { digest } from './naive-evidence.ts';
import { asked } from './steered-story.ts';
import { PRINCIPAL } from './story.ts';

/** The honest story in which `gate` is about what `check` and `slow` left, the second nothing; who rejects it has not looked. */
export function putUpReview(story: RunEvent[], edit: (reviews: string[]) => void = () => {}): void {
  putUpGates(story, (plan) => {
    const reviews = ['check', 'slow'];
    edit(reviews);
    set(entryOf(plan, 'gate'), {
      deps: ['check', 'slow'],
      when: { from: 'slow', state: 'cancelled' },
      gate: { approvals: 2, reviewers: 3, expiresMs: 3_600_000, reviews },
    });
  });
  const place = story.findIndex(({ type }) => type === 'item.suspended');
  const operands = [{ from: 'slow', state: 'cancelled' as const }];
  story.splice(place, 0, { type: 'item.decided', data: { item: 'gate', holds: true, operands } });
  set(suspended(story), { reviewed: UNDER_REVIEW, expiresAt: timeAfter(suspended(story).expiresAt) });
  const quiet = find(story, 'item.suspended').items[2];
  if (quiet) set(quiet, { expiresAt: timeAfter(quiet.expiresAt) });
  for (const reviewer of [ADA, EVE]) set(verdictOf(story, reviewer), { reviewed: UNDER_REVIEW });
}

const TABLE = { name: 'outputs/table.csv', kind: 'output', sha256: digest('a,b\n') };
const UNDER_REVIEW = reviewDigest([
  { item: 'check', outputs: [TABLE] },
  { item: 'slow', outputs: null },
]);

export const OF_REVIEWS: Forged[] = [
  rule('a gate is about something else than was left to it', (s) => set(suspended(s), { reviewed: OTHER })),
  rule('a gate that is about something says nothing of it', (s) => Reflect.deleteProperty(suspended(s), 'reviewed')),
  rule('a gate that is about nothing says something of it', (s) =>
    set(first(find(s, 'item.suspended').items.slice(1)), { reviewed: OTHER }),
  ),
  rule('a reviewer has looked at something else', (s) => set(verdictOf(s, ADA), { reviewed: OTHER })),
  rule('a reviewer who rejects has looked at something else', (s) => set(verdictOf(s, BOB), { reviewed: OTHER })),
  rule('a verdict on a gate that is about nothing says what was looked at', (s) =>
    set(verdictOf(s, PRINCIPAL), { reviewed: OTHER }),
  ),
  rule('a reviewer approves without a word of what was looked at', (s) =>
    Reflect.deleteProperty(verdictOf(s, EVE), 'reviewed'),
  ),
  rule('a skip says what was looked at', (s) =>
    s.splice(-1, 0, {
      type: 'control.accepted',
      data: { ...find([asked('retry', 'lint')], 'control.accepted'), reviewed: OTHER },
    }),
  ),
  forged(
    'a gate is about an item that it does not wait for',
    { story: (s) => putUpReview(s, (reviews) => reviews.splice(0, 1, 'build')) },
    ['plan PLAN_MISMATCH', 'state-machine TRANSITION_IMPOSSIBLE'],
  ),
];

function rule(title: string, edit: (story: RunEvent[]) => unknown): Forged {
  const story = (s: RunEvent[]): void => {
    putUpReview(s);
    edit(s);
  };
  return forged(title, { story }, ['state-machine TRANSITION_IMPOSSIBLE']);
}

function suspended(story: readonly RunEvent[]): EventData['item.suspended']['items'][number] {
  return first(find(story, 'item.suspended').items);
}

function verdictOf(story: readonly RunEvent[], by: Pseudonym): EventData['control.accepted'] {
  const verdicts = story.flatMap((event) => (event.type === 'control.accepted' ? [event.data] : []));
  return first(verdicts.filter(({ verb, principal }) => (verb === 'approve' || verb === 'reject') && principal === by));
}

/** One event later. */
function timeAfter(time = ''): string {
  return new Date(Date.parse(time) + 1_000).toISOString();
}
