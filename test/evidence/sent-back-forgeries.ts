/** Attempts that could not have been stopped and tried again so, sealed by someone who holds every key. */
import type { EventData, RunEvent } from '../../packages/verify/src/record/events.ts';
import { type Forged, find, forged, set } from './forged.ts';
import { asked } from './steered-story.ts';
import { claim, claimed, dispatched, settled } from './story.ts';

/** The honest story in which `lint` is sent back while its first attempt runs, and its second one fails. */
export function sendBack(story: RunEvent[]): void {
  const end = story.findIndex(({ type, data }) => type === 'attempt.settled' && data.item === 'lint');
  story.splice(end, 1, asked('requeue', 'lint'), settled('lint', 1, SENT_BACK), asked('requeue', 'lint'));
  story.splice(end + 3, 0, claimed(claim('lint', 2)), dispatched('lint', 2, 'bubblewrap'), settled('lint', 2, FAILED));
  set(find(story, 'run.completed').counts, { attempts: 7, retries: 2 });
}

type Settled = Partial<EventData['attempt.settled']>;

const NOTHING: Settled = { result: null, claimed: { blocks: [] } };
const SENT_BACK: Settled = {
  ...NOTHING,
  outcome: 'cancelled',
  reason: 'requeued',
  next: 'retry',
  retryAt: '2026-11-21T05:00:09.000Z',
};
const FAILED: Settled = { ...NOTHING, outcome: 'failed', reason: 'out_of_memory', next: 'failed', spent: true };

export const OF_SENT_BACK: Forged[] = [
  rule('an attempt is stopped and tried again, and nobody asked for it', (s) => s.splice(placeOf(s), 1)),
  rule('an attempt that was sent back counts', (s) => set(endOf(s), { spent: true })),
  rule('an attempt that was sent back says another reason', (s) => set(endOf(s), { reason: 'interrupted' })),
  rule('an attempt that was sent back is lost instead', (s) => set(endOf(s), { outcome: 'lost', reason: 'no_result' })),
  rule('an item is sent back twice in one attempt', (s) => s.splice(placeOf(s), 0, asked('requeue', 'lint'))),
  rule('an item is sent back that has ended', (s) => s.splice(-1, 0, asked('requeue', 'lint'))),
  rule('an item is sent back that is not ready yet', (s) => s.splice(placeOf(s), 0, asked('requeue', 'table'))),
  rule('nothing is sent back', (s) => s.splice(placeOf(s), 0, asked('requeue'))),
  rule('an item is sent back after the run was stopped', (s) =>
    s.splice(placeOf(s), 0, asked('cancel'), { type: 'run.stopping', data: { reason: 'cancelled' } }),
  ),
];

function rule(title: string, edit: (story: RunEvent[]) => unknown): Forged {
  const story = (s: RunEvent[]): void => {
    sendBack(s);
    edit(s);
  };
  return forged(title, { story }, ['state-machine TRANSITION_IMPOSSIBLE']);
}

function placeOf(story: readonly RunEvent[]): number {
  return story.findIndex(({ type, data }) => type === 'control.accepted' && data.verb === 'requeue');
}

function endOf(story: readonly RunEvent[]): EventData['attempt.settled'] {
  return (story[placeOf(story) + 1] as Extract<RunEvent, { type: 'attempt.settled' }>).data;
}
