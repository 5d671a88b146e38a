/** The honest story with controls in it: the run is paused and resumed, and an item is passed over. */
import type { EventData, RunEvent } from '../../packages/verify/src/record/events.ts';
import { find, OTHER, set } from './forged.ts';
import { claim, claimed, dispatched, PRINCIPAL, settled } from './story.ts';

export function asked(verb: EventData['control.accepted']['verb'], item?: string): RunEvent {
  const about = item === undefined ? {} : { item };
  return { type: 'control.accepted', data: { verb, ...about, principal: PRINCIPAL, control: OTHER } };
}

export function reopened(...items: string[]): RunEvent {
  return { type: 'item.reopened', data: { items } };
}

/** What depends on the item that failed is passed over before it could fail for that. */
export function steer(story: RunEvent[]): void {
  const claims = story.findIndex(({ type }) => type === 'attempt.claimed');
  story.splice(claims, 0, asked('pause'), asked('resume'));
  const closes = story.findIndex(({ type }) => type === 'item.closed');
  story.splice(closes, 0, asked('pause'), asked('skip', 'report'));
  set(find(story, 'item.closed'), { items: [{ id: 'report', state: 'skipped', reason: 'skip_requested' }] });
  const ready = story.findIndex(({ type }, n) => type === 'item.ready' && n > closes);
  story.splice(ready, 0, asked('resume'));
}

/** The item that failed is tried again and succeeds; what was skipped because of it waits again, and is passed over. */
export function retryLint(story: RunEvent[]): void {
  const passedOver = { id: 'report', state: 'skipped', reason: 'skip_requested' } as const;
  story.splice(
    -1,
    0,
    asked('retry', 'lint'),
    reopened('lint'),
    reopened('report'),
    { type: 'item.ready', data: { items: ['lint'] } },
    claimed(claim('lint', 2)),
    dispatched('lint', 2, 'bubblewrap'),
    settled('lint', 2, {}),
    asked('skip', 'report'),
    { type: 'item.closed', data: { items: [passedOver] } },
  );
  const end = find(story, 'run.completed');
  set(end, { state: 'cancelled' });
  set(end.counts, { failed: 0, done: 4, attempts: 7, retries: 2, reopened: 2 });
}
