/** The honest story with controls in it: the run is paused and resumed, and an item is passed over. */
import type { EventData, RunEvent } from '../../packages/verify/src/record/events.ts';
import { find, OTHER, set } from './forged.ts';
import { PRINCIPAL } from './story.ts';

export function asked(verb: EventData['control.accepted']['verb'], item?: string): RunEvent {
  const about = item === undefined ? {} : { item };
  return { type: 'control.accepted', data: { verb, ...about, principal: PRINCIPAL, control: OTHER } };
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
