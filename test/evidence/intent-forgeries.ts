/** Intents that could not have been judged so, sealed by someone who holds every key. */
import type { PlannedItem, RunEvent } from '../../packages/verify/src/record/events.ts';
import { type Forged, find, first, forged, OTHER, OTHER_RUN, set } from './forged.ts';
import { judged, write } from './intent-story.ts';

export const OF_INTENTS: Forged[] = [
  rule('intents are judged by nobody', (s) => s.splice(placeOf(s), 1)),
  rule('intents are judged twice', (s) => s.splice(placeOf(s), 0, structuredClone(s[placeOf(s)] as RunEvent))),
  rule('intents are judged before they are there', (s) => {
    const [event] = s.splice(placeOf(s), 1);
    s.splice(-2, 0, event as RunEvent);
  }),
  rule('one of two intents is judged', (s) => find(s, 'intents.judged').intents.pop()),
  rule('an intent is judged that nobody left', (s) => find(s, 'intents.judged').intents.push(judged(1, 'deny'))),
  rule('another intent is judged than was left', (s) =>
    set(first(find(s, 'intents.judged').intents), { sha256: OTHER }),
  ),
  rule('intents are judged in another order', (s) => find(s, 'intents.judged').intents.reverse()),
  rule('an intent is allowed for the reason of a denial', (s) =>
    set(first(find(s, 'intents.judged').intents), { reason: 'kind_not_allowed' }),
  ),
  rule('an intent is denied for the reason of an allowance', (s) =>
    set(first(find(s, 'intents.judged').intents), { verdict: 'deny' }),
  ),
  rule('of two intents of one kind one policy allows the first and denies the second', (s) => {
    for (const intent of find(s, 'intents.judged').intents) set(intent, { kind: 'publish.file' });
  }),
  rule('the intents of another attempt are judged', (s) => set(find(s, 'intents.judged'), { id: OTHER_RUN })),
  rule('the intents of another item are judged', (s) => set(find(s, 'intents.judged'), { item: 'build' })),
  rule(
    'an item leaves intents whose plan does not let it',
    () => {},
    (item) => Reflect.deleteProperty(item, 'effect'),
  ),
  {
    ...rule('an intent was not evaluated and yet passes', (s) =>
      Object.assign(first(find(s, 'intents.judged').intents), { verdict: 'not_evaluated' }),
    ),
    failing: ['well-formed SHAPE'],
    exit: 3,
  },
];

function placeOf(story: readonly RunEvent[]): number {
  return story.findIndex(({ type }) => type === 'intents.judged');
}

function rule(title: string, edit: (story: RunEvent[]) => unknown, plan?: (item: PlannedItem) => unknown): Forged {
  const story = (s: RunEvent[]): void => {
    write(s, plan);
    edit(s);
  };
  return forged(title, { story }, ['intents INTENT_UNJUDGED']);
}
