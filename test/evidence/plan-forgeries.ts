/** Plans that no compiler makes, sealed by someone who holds every key and runs them all the same. */
import type { PlannedItem, RunEvent } from '../../packages/verify/src/record/events.ts';
import { reviewDigest } from '../../packages/verify/src/record/review.ts';
import { entryOf } from './branching-story.ts';
import { type Forged, find, forged, OTHER, set } from './forged.ts';
import { end, putUpGates, verdict } from './gated-story.ts';
import { DISPATCHED, grow } from './grown-story.ts';
import { digest } from './naive-evidence.ts';
import { takeOver } from './reused-story.ts';
import { PRINCIPAL } from './story.ts';

const PLAN = ['plan PLAN_MISMATCH'];

export const OF_PLANS: Forged[] = [
  forged(
    'an item is pure and may ask for something outside',
    { story: (s) => takeOver(s, (plan) => set(entryOf(plan, 'old'), { effect: 'write' })) },
    PLAN,
  ),
  forged(
    'a gate is about what an item that becomes many leaves',
    { story: (s) => reviewed(s, 'map'), dispatchedAs: DISPATCHED },
    PLAN,
  ),
  ofGate('has a lock', { locks: [{ name: 'repo:web', mode: 'shared' }] }),
  ofGate('is pure', { recipe: OTHER }),
  ofGate('may ask for something outside', { effect: 'write' }),
  ofGate('reads something from outside', { reads: [{ key: 'words', sha256: OTHER, sizeBytes: 1 }] }),
  ofGate('may fail', { onError: 'continue' }),
];

/** The honest story of a run that grew, with a gate about one of its items. */
export function reviewed(story: RunEvent[], about: 'map' | 'split'): void {
  const gate = { approvals: 1, reviewers: 0, reviews: [about] };
  const seen: PlannedItem = {
    id: 'seen',
    spec: digest('seen'),
    deps: [about],
    needs: [],
    locks: [],
    maxAttempts: 1,
    gate,
  };
  grow(story, (plan) => plan.push(seen));
  set(find(story, 'run.opened'), { items: 12, openEnded: { mostItems: 16 } });
  const left = story.flatMap(({ type, data }) =>
    type === 'attempt.settled' && data.item === about ? data.outputs : [],
  );
  const under = reviewDigest([{ item: about, outputs: left }]);
  const approval = verdict('approve', 'seen', PRINCIPAL);
  set(approval.data, { reviewed: under });
  story.splice(
    -2,
    0,
    { type: 'item.suspended', data: { items: [{ id: 'seen', reviewers: [PRINCIPAL], reviewed: under }] } },
    approval,
    end('seen', 'done', 'approved'),
  );
  const { counts } = find(story, 'run.completed');
  set(counts, { items: counts.items + 1, done: counts.done + 1 });
}

/** Nothing of it shows in what happens: no gate is ever claimed. */
function ofGate(title: string, more: Partial<PlannedItem>): Forged {
  const story = (s: RunEvent[]): void => putUpGates(s, (plan) => set(entryOf(plan, 'gate'), more));
  return forged(`a gate ${title}`, { story }, PLAN);
}
