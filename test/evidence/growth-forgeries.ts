/** Runs that could not have grown so, sealed by someone who holds every key. */
import type { EventData, PlannedItem, RunEvent } from '../../packages/verify/src/record/events.ts';
import { entryOf } from './branching-story.ts';
import { type Forged, find, first, forged, OTHER, set } from './forged.ts';
import { asked, end, grown } from './grown-story.ts';
import { digest } from './naive-evidence.ts';
import { asked as steered } from './steered-story.ts';

const PLAN = 'plan PLAN_MISMATCH';
const REPLAY = 'state-machine TRANSITION_IMPOSSIBLE';
const MANIFESTS = 'manifests MANIFEST_MISMATCH';
const HAND_OFF = 'hand-off INPUT_MISMATCH';
/** What is not in the plan can have done nothing either. */
const UNPLANNED = [PLAN, REPLAY, MANIFESTS];

export const OF_GROWTH: Forged[] = [
  rule('one of the many is missing', [...UNPLANNED, HAND_OFF], (s) => {
    spawned(s).pop();
  }),
  rule('one more is made than there were outputs', [...UNPLANNED, HAND_OFF], (s) => {
    spawned(s).push({ id: 'map~3', spec: digest('more') });
  }),
  rule('one of the many has another name', [...UNPLANNED, HAND_OFF], (s) => set(first(spawned(s)), { id: 'map~7' })),
  rule('two of the many have changed places', [...UNPLANNED, HAND_OFF], (s) => {
    spawned(s).reverse();
  }),
  rule('one of the many is another than was sealed', [...UNPLANNED, HAND_OFF], (s) =>
    set(first(spawned(s)), { spec: OTHER }),
  ),
  doing('one of the many does something else', OTHER),
  doing('one of the many does what its template does by itself', digest('spec of map')),
  rule('an item becomes many that was to stay one', [...UNPLANNED, HAND_OFF], (s) =>
    set(find(s, 'items.spawned'), { item: 'sum' }),
  ),
  rule('an item becomes many twice', [PLAN], (s) => again(s, 'items.spawned')),
  rule('an item becomes many before their outputs are there', [...UNPLANNED, HAND_OFF], (s) =>
    move(s, 'items.spawned', 4),
  ),
  rule(
    'an item becomes more than its plan allows',
    [...UNPLANNED, HAND_OFF],
    () => {},
    (plan) => {
      set(entryOf(plan, 'map'), { forEach: { from: 'split', outputs: 'shards/', as: 'item', max: 1 } });
    },
  ),
  rule(
    'an item becomes many by an item that it does not wait for',
    [PLAN],
    () => {},
    (plan) => {
      entryOf(plan, 'map').deps = [];
    },
  ),
  rule('an item becomes many after the run was stopped', [REPLAY], (s) => {
    s.splice(at(s, 'items.spawned'), 0, steered('cancel'), { type: 'run.stopping', data: { reason: 'cancelled' } });
  }),
  rule('an item that became many is claimed', [REPLAY], (s) => {
    s.splice(at(s, 'items.spawned'), 0, { type: 'item.ready', data: { items: ['none'] } });
  }),
  rule('an item is done before what it became', [REPLAY], (s) => {
    const [done] = s.splice(endAt(s, 'map'), 1);
    s.splice(endAt(s, 'many'), 0, done as RunEvent);
  }),
  rule('an item is done and became none of what there was', [REPLAY], (s) =>
    set(endOf(s, 'many'), { state: 'done', reason: 'no_outputs' }),
  ),
  rule('an item that found nothing fails for too much', [REPLAY], (s) =>
    set(endOf(s, 'none'), { state: 'failed', reason: 'too_many_outputs' }),
  ),
  rule('an item that became many is done for another reason', [REPLAY], (s) =>
    set(endOf(s, 'map'), { reason: 'approved' }),
  ),
  rule('an item that became many is denied', [REPLAY], (s) =>
    set(endOf(s, 'none'), { state: 'denied', reason: 'rejected' }),
  ),
  rule('one that was to stay one fails for too many outputs', [REPLAY], (s) => {
    s.splice(-1, 0, end('sum', 'failed', 'too_many_outputs'));
  }),
  rule('an item with too many outputs is tried again', [REPLAY], (s) => {
    s.splice(-1, 0, steered('retry', 'many'));
  }),
  rule(
    'an item takes from fewer than there are',
    [HAND_OFF],
    () => {},
    undefined,
    (entry) => entry.needs.pop(),
  ),
  rule(
    'an item takes from the many in another order',
    [HAND_OFF],
    () => {},
    undefined,
    (entry) => {
      const [one, two] = entry.needs as [PlannedItem['needs'][number], PlannedItem['needs'][number]];
      [one.from, two.from] = [two.from, one.from];
    },
  ),
  rule(
    'a plan takes from each of what does not become many',
    [PLAN, HAND_OFF],
    () => {},
    (plan) => {
      const sum = entryOf(plan, 'sum');
      sum.deps = ['split'];
      first(sum.needs).from = ['split'];
    },
  ),
  rule('items are added that nobody asked for', [REPLAY], (s) => {
    s.splice(at(s, 'control.accepted', 1), 1);
  }),
  rule('items are added that were asked for by another object', [REPLAY], (s) => {
    for (const n of [0, 1]) set(find(s, 'run.extended', n), { control: OTHER });
  }),
  rule('items were asked for and do not come', [REPLAY], (s) => {
    s.splice(-2, 1, asked('extend', OTHER));
  }),
  rule('a part of what was added is missing', UNPLANNED, (s) => {
    s.splice(at(s, 'run.extended'), 1);
  }),
  rule('an item is added that is there', UNPLANNED, (s) => set(first(find(s, 'run.extended').items), { id: 'split' })),
  rule('an item is added that waits for what comes later', [PLAN, REPLAY], (s) => {
    first(find(s, 'run.extended', 1).items).deps = ['later-still'];
  }),
  rule('more items are added than there may be', [PLAN], (s) =>
    set(find(s, 'run.opened'), { openEnded: { mostItems: 14 } }),
  ),
  rule('items are added to a run that was opened with all of them', [REPLAY], (s) =>
    Reflect.deleteProperty(find(s, 'run.opened'), 'openEnded'),
  ),
  rule('items are added after the run was closed', [REPLAY], (s) => {
    const close = s.splice(-2, 1);
    s.splice(at(s, 'run.extended') - 1, 0, ...close);
  }),
  rule('a run is closed twice', [REPLAY], (s) => {
    s.splice(-1, 0, asked('close'));
  }),
  rule('a run is closed before what was asked for has come', [REPLAY], (s) => {
    const close = s.splice(-2, 1);
    s.splice(at(s, 'run.extended', 1), 0, ...close);
  }),
  rule('a run ends that nobody has closed', [REPLAY], (s) => {
    s.splice(-2, 1);
  }),
  rule('a run that was opened with all of its items is closed', [REPLAY], (s) => {
    Reflect.deleteProperty(find(s, 'run.opened'), 'openEnded');
    s.splice(at(s, 'run.extended') - 1, 11);
  }),
];

/** Its manifest is signed for that. */
function doing(title: string, spec: PlannedItem['spec']): Forged {
  const forgery = grown((s) => set(first(spawned(s)), { spec }));
  const dispatchedAs = structuredClone([...(forgery.dispatchedAs ?? [])]);
  set(entryOf(dispatchedAs, 'map~1'), { spec });
  return forged(title, { ...forgery, dispatchedAs }, [...UNPLANNED, HAND_OFF]);
}

function rule(
  title: string,
  failing: string[],
  edit: (story: RunEvent[]) => unknown,
  plan?: (plan: PlannedItem[]) => void,
  dispatchedSum?: (entry: PlannedItem) => unknown,
): Forged {
  const forgery = grown(edit, plan);
  const dispatchedAs = structuredClone([...(forgery.dispatchedAs ?? [])]);
  dispatchedSum?.(entryOf(dispatchedAs, 'sum'));
  return forged(title, { ...forgery, dispatchedAs }, failing);
}

function spawned(story: readonly RunEvent[]): EventData['items.spawned']['items'] {
  return find(story, 'items.spawned').items;
}

function at(story: readonly RunEvent[], type: RunEvent['type'], n = 0): number {
  return story.flatMap((event, place) => (event.type === type ? [place] : []))[n] ?? -1;
}

function again(story: RunEvent[], type: RunEvent['type']): void {
  story.splice(at(story, type) + 1, 0, structuredClone(story[at(story, type)] as RunEvent));
}

function move(story: RunEvent[], type: RunEvent['type'], to: number): void {
  const [moved] = story.splice(at(story, type), 1);
  story.splice(to, 0, moved as RunEvent);
}

function endAt(story: readonly RunEvent[], item: string): number {
  return story.findIndex(({ type, data }) => type === 'item.closed' && data.items[0]?.id === item);
}

function endOf(story: readonly RunEvent[], item: string): EventData['item.closed']['items'][number] {
  return first((story[endAt(story, item)] as Extract<RunEvent, { type: 'item.closed' }>).data.items);
}
