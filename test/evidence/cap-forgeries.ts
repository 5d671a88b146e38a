/** Sums and caps that cannot be right, sealed by someone who holds every key. */
import type { SettledCost } from '../../packages/verify/src/record/cost.ts';
import type { EventData, RunEvent } from '../../packages/verify/src/record/events.ts';
import { type Forged, find, first, forged, set } from './forged.ts';
import { CAP, claimOf, denyTable, PRICES, payFor, payFreely, reached, settledOf, sumUp, USAGE } from './paid-story.ts';

export const OF_CAPS: Forged[] = [
  rule('an attempt is claimed beyond the cap', (s) => set(claimOf(s, 'table'), { reservedMicroUsd: 130_001 })),
  rule('what runs and what is claimed is together beyond the cap', (s) => {
    set(claimOf(s, 'slow'), { reservedMicroUsd: 600_001 });
    recost(settledOf(s, 'slow'), { assumedMicroUsd: 600_001 });
  }),
  rule('the cap was lower than what was claimed', (s) => set(find(s, 'run.opened'), { capMicroUsd: 599_999 })),
  rule('an attempt reserves by no price table', (s) => {
    Reflect.deleteProperty(s.find(({ type }) => type === 'attempt.claimed')?.data ?? {}, 'prices');
  }),
  rule('an attempt costs less than its parts', (s) => set(costOf(settledOf(s, 'lint')), { microUsd: 19_999 })),
  rule('an attempt costs less than its agent says', (s) =>
    set(first(settledOf(s, 'build').claimed.usage ?? []), { costMicroUsd: 260_001 }),
  ),
  rule('a model is charged that nobody used', (s) => set(first(costOf(settledOf(s, 'build')).models), { model: 'x' })),
  rule('an attempt that was lost costs less than it had reserved', (s) =>
    recost(settledOf(s, 'slow'), { assumedMicroUsd: 199_999 }),
  ),
  rule('an attempt that was lost costs nothing', (s) => Reflect.deleteProperty(settledOf(s, 'slow'), 'cost')),
  freely('an attempt whose result could not be read costs nothing', 'slow', { assumedMicroUsd: 0 }),
  freely('an attempt whose result could not be read costs less than reserved', 'slow', { assumedMicroUsd: 199_999 }),
  freely('an attempt is cut below the most that one is charged', 'build', { cutMicroUsd: 2_000_001 }),
  freely('an attempt is cut above the most that one is charged', 'build', { cutMicroUsd: 1_999_999 }),
  freely('an attempt is cut that is within what one is charged', 'lint', { cutMicroUsd: 1 }),
  rule(
    'an attempt is cut, and what was cut is charged',
    (s) => {
      set(costOf(settledOf(s, 'build')), { microUsd: 12_010_000 });
      sumUp(s);
    },
    payFreely,
  ),
  rule(
    'an attempt is charged beyond the most that one is, and nothing is cut',
    (s) => {
      const cost = costOf(settledOf(s, 'build'));
      Reflect.deleteProperty(cost, 'cutMicroUsd');
      set(cost, { microUsd: 12_010_000 });
      sumUp(s);
    },
    payFreely,
  ),
  rule('an attempt that was never started leaves a result', (s) => set(settledOf(s, 'lint'), { neverStarted: true })),
  rule('an attempt that was never dispatched costs something', (s) => {
    s.splice(
      s.findIndex(({ type, data }) => type === 'attempt.dispatched' && data.item === 'slow'),
      1,
    );
    set(find(s, 'run.completed').counts, { unsandboxed: 0 });
  }),
  rule('an attempt that was never claimed costs something', (s) => {
    const settled = structuredClone(settledOf(s, 'lint'));
    s.splice(4, 0, { type: 'attempt.settled', data: settled });
  }),
  rule('an attempt is charged twice', (s) => {
    const again = structuredClone(settledOf(s, 'lint'));
    s.splice(-1, 0, { type: 'attempt.settled', data: again });
    set(find(s, 'run.completed').counts, { costMicroUsd: 900_000 });
  }),
  rule('a run says that it cost less', (s) => set(find(s, 'run.completed').counts, { costMicroUsd: 879_999 })),
  rule('a run says that it cost nothing', (s) =>
    Reflect.deleteProperty(find(s, 'run.completed').counts, 'costMicroUsd'),
  ),
  rule('nobody is told that half of the cap is spent', (s) => s.splice(placeOf(s, 'cap.reached'), 1)),
  rule('nobody is told that most of the cap is spent', (s) =>
    s.splice(
      s.findLastIndex(({ type }) => type === 'cap.reached'),
      1,
    ),
  ),
  rule('half of the cap is reached twice', (s) => s.splice(placeOf(s, 'cap.reached'), 0, reached(50, 540_000))),
  rule('a part of the cap is reached before it is spent', (s) => {
    const [early] = s.splice(placeOf(s, 'cap.reached'), 1);
    s.splice(placeOf(s, 'attempt.settled'), 0, early as RunEvent);
  }),
  rule('another part of the cap is reached than is spent', (s) => set(find(s, 'cap.reached', 1), { percent: 100 })),
  rule('a cap is reached with another sum', (s) => set(find(s, 'cap.reached'), { spentMicroUsd: 540_001 })),
  rule('another cap is reached than the run has', (s) => set(find(s, 'cap.reached'), { limitMicroUsd: CAP + 1 })),
  rule('an item is denied that the cap would pay for', (s) => set(denied(s), { neededMicroUsd: 130_000 }), denyTable),
  rule('an item is denied for its cap and nobody says what it needed', denialWithout('neededMicroUsd'), denyTable),
  rule(
    'an item is denied for a cap that the run does not have',
    (s) => {
      Reflect.deleteProperty(find(s, 'run.opened'), 'capMicroUsd');
      s.splice(0, s.length, ...s.filter(({ type }) => type !== 'cap.reached'));
    },
    denyTable,
  ),
  rule('an item fails for its cap', (s) => set(denied(s), { state: 'failed' }), denyTable),
  shape('an attempt costs more than can be counted', (s) => set(costOf(settledOf(s, 'lint')), { microUsd: 1e13 + 1 })),
  shape('nothing is cut, and is said to be', (s) => recost(settledOf(s, 'build'), { cutMicroUsd: 0 })),
  shape('an attempt costs less than nothing', (s) => recost(settledOf(s, 'lint'), { computeMicroUsd: -1 })),
  shape('an attempt says that it used nothing', (s) => set(settledOf(s, 'build').claimed, { usage: [] })),
  shape('a cap is reached that is none of a run', (s) => set(find(s, 'cap.reached'), { cap: 'day' as 'run' })),
  shape('a cost names no price table', (s) => Reflect.deleteProperty(costOf(settledOf(s, 'lint')), 'prices')),
  shape('a model is called by what is no name', (s) =>
    set(settledOf(s, 'build').claimed, { usage: [{ ...USAGE, requested: 'a\nb' }] }),
  ),
];

function rule(title: string, edit: (story: RunEvent[]) => unknown, pay: (story: RunEvent[]) => void = payFor): Forged {
  return told(title, edit, pay, 'state-machine TRANSITION_IMPOSSIBLE');
}

function shape(title: string, edit: (story: RunEvent[]) => unknown): Forged {
  return told(title, edit, payFor, 'well-formed SHAPE', 3);
}

function told(
  title: string,
  edit: (s: RunEvent[]) => unknown,
  pay: (s: RunEvent[]) => void,
  check: string,
  exit: Forged['exit'] = 1,
): Forged {
  const story = (s: RunEvent[]): void => {
    pay(s);
    edit(s);
  };
  return forged(title, { story }, [check], { exit });
}

function costOf({ cost }: EventData['attempt.settled']): SettledCost {
  return cost ?? { microUsd: 0, computeMicroUsd: 0, models: [], assumedMicroUsd: 0, prices: PRICES };
}

/** Its sum is that of its parts again. */
function recost(settled: EventData['attempt.settled'], edit: Partial<SettledCost>): void {
  const cost = { ...costOf(settled), ...edit };
  const ofModels = cost.models.reduce((sum, { microUsd }) => sum + microUsd, 0);
  const microUsd = ofModels - (cost.cutMicroUsd ?? 0) + cost.computeMicroUsd + cost.assumedMicroUsd;
  set(settled, { cost: { ...cost, microUsd } });
}

/** Every sum is right but for what one attempt should have cost. */
function freely(title: string, item: string, edit: Partial<SettledCost>): Forged {
  const forge = (story: RunEvent[]): void => {
    recost(settledOf(story, item), edit);
    sumUp(story);
  };
  return rule(title, forge, payFreely);
}

function placeOf(story: readonly RunEvent[], type: RunEvent['type']): number {
  return story.findIndex((event) => event.type === type);
}

function denied(story: readonly RunEvent[]): EventData['item.closed']['items'][number] {
  return first(find(story, 'item.closed', 1).items);
}

function denialWithout(key: 'neededMicroUsd'): (story: RunEvent[]) => void {
  return (story) => void Reflect.deleteProperty(denied(story), key);
}
