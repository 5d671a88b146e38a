/** Controls of people who may not steer the run, sealed by someone who holds every key. */
import type { EventData, RunEvent } from '../../packages/verify/src/record/events.ts';
import { type Forged, forged } from './forged.ts';
import { grown } from './grown-story.ts';
import type { Forgery } from './honest-bundle.ts';
import { sendBack } from './sent-back-forgeries.ts';
import { asked, retryLint, steer } from './steered-story.ts';
import { askOnce } from './talk-forgeries.ts';

type Verb = EventData['control.accepted']['verb'];

const EVE = `hmac-sha256:${'e5'.repeat(32)}` as const;

/** Each is honest, and has the verb in it. */
const STEERED: readonly [verb: Verb, honest: Forgery][] = [
  ['answer', { story: (s) => askOnce(s) }],
  ['cancel', { story: (s) => s.splice(-1, 0, asked('cancel')) }],
  ['close', grown()],
  ['extend', grown()],
  ['pause', { story: steer }],
  ['requeue', { story: sendBack }],
  ['resume', { story: steer }],
  ['retry', { story: retryLint }],
  ['skip', { story: steer }],
];

export const HONEST_STEERING: readonly [title: string, honest: Forgery][] = STEERED.map(([verb, honest]) => [
  `the owner asks for: ${verb}`,
  honest,
]);

export const OF_CONTROLS: Forged[] = STEERED.map(([verb, honest]) => {
  const story = (s: RunEvent[]): void => {
    honest.story?.(s);
    for (const { type, data } of s) if (type === 'control.accepted' && data.verb === verb) data.principal = EVE;
  };
  return forged(`a stranger asks for: ${verb}`, { ...honest, story }, ['state-machine TRANSITION_IMPOSSIBLE']);
});
