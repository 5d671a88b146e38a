/** Questions and answers that could not have been so, sealed by someone who holds every key. */
import type { EventData, RunEvent } from '../../packages/verify/src/record/events.ts';
import type { ManifestInput } from '../../packages/verify/src/record/statement.ts';
import { MAX_QUESTIONS } from '../../packages/verify/src/record/talk.ts';
import { type Forged, find, first, forged, OTHER, set } from './forged.ts';
import type { Forgery } from './honest-bundle.ts';
import { digest } from './naive-evidence.ts';
import { asked } from './steered-story.ts';
import { claim, claimed, dispatched, PRINCIPAL, settled } from './story.ts';

type Settled = EventData['attempt.settled'];

const IMPOSSIBLE = ['state-machine TRANSITION_IMPOSSIBLE'];
/** What the next attempt is given does not add up either. */
const MISGIVEN = [...IMPOSSIBLE, 'hand-off INPUT_MISMATCH'];
const QUESTION = digest('Which?');
const ANSWER = digest('This.');
const ASKS: Partial<Settled> = {
  outcome: 'deferred',
  reason: 'needs_input',
  next: 'suspended',
  question: QUESTION,
  claimed: { outcome: 'deferred', reason: 'needs_input', exit: 20, blocks: [] },
};
const RED: Partial<Settled> = {
  outcome: 'failed',
  reason: 'out_of_memory',
  next: 'failed',
  spent: true,
  result: null,
  claimed: { blocks: [] },
};

/** The honest story in which `lint` asks before it fails. */
export function askOnce(story: RunEvent[], rounds = 1): void {
  const end = story.findIndex(({ type, data }) => type === 'attempt.settled' && data.item === 'lint');
  const talk = Array.from({ length: rounds }, (_, n): RunEvent[] => [
    settled('lint', n + 1, structuredClone(ASKS)),
    answer(),
    { type: 'item.ready', data: { items: ['lint'] } },
    claimed(claim('lint', n + 2)),
    dispatched('lint', n + 2, 'bubblewrap'),
  ]);
  story.splice(end, 1, ...talk.flat(), settled('lint', rounds + 1, RED));
  set(find(story, 'run.completed').counts, { attempts: 6 + rounds, retries: 1 + rounds });
}

export const OF_TALK: Forged[] = [
  rule('an item goes on and nobody answered it', (s) => s.splice(placeOf(s, 'control.accepted'), 1)),
  rule('an item is answered twice', (s) => s.splice(placeOf(s, 'control.accepted'), 0, answer()), MISGIVEN),
  rule('an item is answered that asks nothing', (s) => s.splice(-1, 0, answer())),
  rule('nobody is answered', (s) => Reflect.deleteProperty(dataAt(s, 'control.accepted'), 'item')),
  rule('an answer says nothing', (s) => Reflect.deleteProperty(dataAt(s, 'control.accepted'), 'answer')),
  rule('a retry says something', (s) => s.splice(-1, 0, controlWith('retry', 'lint'))),
  rule('an answer comes after the run was stopped', (s) =>
    s.splice(placeOf(s, 'control.accepted'), 0, asked('cancel'), {
      type: 'run.stopping',
      data: { reason: 'cancelled' },
    }),
  ),
  rule('an item that asks is claimed', (s) => s.splice(placeOf(s, 'control.accepted'), 2)),
  rule('an attempt that asks counts', (s) => set(dataAt(s, 'attempt.settled'), { spent: true })),
  rule('an attempt asks for another reason', (s) => set(dataAt(s, 'attempt.settled'), { reason: 'stuck' })),
  rule('an attempt asks that its worker says has failed', (s) =>
    set(dataAt(s, 'attempt.settled').claimed, { outcome: 'failed', reason: 'exit_nonzero' }),
  ),
  rule(
    'an item waits for an answer to no question',
    (s) => Reflect.deleteProperty(dataAt(s, 'attempt.settled'), 'question'),
    MISGIVEN,
  ),
  rule('an attempt that has failed asks', (s) => set(lastOfLint(s), { question: QUESTION })),
  rule('an item asks more often than it may', (s) => s, IMPOSSIBLE, MAX_QUESTIONS + 1),
  rule('a run ends while an item asks', (s) => {
    const place = placeOf(s, 'control.accepted');
    s.splice(place, 5);
    set(find(s, 'run.completed').counts, { attempts: 6, retries: 1 });
  }),
  given('an attempt is not given the answer', (inputs) => inputs.pop()),
  given('an attempt is given another answer', (inputs) => set(last(inputs), { sha256: OTHER })),
  given('an attempt is given another question', (inputs) => set(first(inputs), { sha256: OTHER })),
  given('an answer comes from another item', (inputs) => set(last(inputs).from, { item: 'build' })),
  given('an answer is of another attempt', (inputs) => set(last(inputs).from, { attempt: 2 })),
  given('an answer passes for a question', (inputs) => set(last(inputs).from, { output: 'question' })),
];

/** The control of a bound: as often as an item may ask. */
export const askAsOftenAsMayBe = (story: RunEvent[]): void => askOnce(story, MAX_QUESTIONS);

function rule(title: string, edit: (story: RunEvent[]) => unknown, failing: string[] = IMPOSSIBLE, rounds = 1): Forged {
  const story = (s: RunEvent[]): void => {
    askOnce(s, rounds);
    edit(s);
  };
  return forged(title, { story }, failing);
}

function given(title: string, edit: (inputs: ManifestInput[]) => unknown): Forged {
  const manifest: Forgery['manifest'] = ({ predicate: { item, attempt, inputs } }) => {
    if (item === 'lint' && attempt === 2) edit(inputs);
  };
  return forged(title, { story: (s) => askOnce(s), manifest }, ['hand-off INPUT_MISMATCH']);
}

function answer(): RunEvent {
  return controlWith('answer', 'lint');
}

function controlWith(verb: EventData['control.accepted']['verb'], item: string): RunEvent {
  return { type: 'control.accepted', data: { verb, item, principal: PRINCIPAL, control: OTHER, answer: ANSWER } };
}

/** Of the question, or of the answer to it. */
function placeOf(story: readonly RunEvent[], type: 'attempt.settled' | 'control.accepted'): number {
  return story.findIndex(
    (event) =>
      event.type === type && ('question' in event.data || ('verb' in event.data && event.data.verb === 'answer')),
  );
}

function dataAt<T extends 'attempt.settled' | 'control.accepted'>(story: readonly RunEvent[], type: T): EventData[T] {
  return (story[placeOf(story, type)] as RunEvent).data as EventData[T];
}

function lastOfLint(story: readonly RunEvent[]): Settled {
  const ends = story.flatMap((event) => (event.type === 'attempt.settled' ? [event.data] : []));
  return last(ends.filter(({ item }) => item === 'lint'));
}

function last<T>(list: readonly T[]): T {
  return first(list.slice(-1));
}
