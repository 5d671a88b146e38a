/** Items that could not have been added so, sealed by someone who holds every key. Each run is whole but for that. */
import type { EventData, PlannedItem, RunEvent } from '../../packages/verify/src/record/events.ts';
import { closed } from './branching-story.ts';
import { type Forged, find, first, forged, set } from './forged.ts';
import { asked, grown } from './grown-story.ts';
import type { Forgery } from './honest-bundle.ts';
import { digest } from './naive-evidence.ts';
import { asked as steered } from './steered-story.ts';

const PLAN = 'plan PLAN_MISMATCH';
const REPLAY = 'state-machine TRANSITION_IMPOSSIBLE';
const MANIFESTS = 'manifests MANIFEST_MISMATCH';
const SECOND = digest('a second extension');
const NOT_WANTED = { state: 'cancelled', reason: 'cancelled' } as const;

export const OF_EXTENSIONS: Forged[] = [
  rule('items are added after the run was stopped', [REPLAY], (s) => stop(s, 'before')),
  rule('the parts of what is added disagree on how many they are', [PLAN, REPLAY, MANIFESTS], (s) =>
    set(find(s, 'run.extended'), { parts: 7 }),
  ),
  rule('what is added goes on in what is added later', [PLAN, REPLAY], goOn),
];

/** The same edits as far as they are honest. */
export const HONEST_EXTENSIONS: readonly [title: string, honest: Forgery][] = [
  ['a run is stopped after items were added', grown((s) => stop(s, 'behind'))],
  ['the entries of an item stand in two parts of one extension', grown(goOnAtOnce)],
];

/** Stops the run before or behind the parts of its extension; what is left is cancelled. */
function stop(s: RunEvent[], where: 'before' | 'behind'): void {
  const tail = s.splice(placeOf(s, 'run.extended'));
  const added = tail.slice(0, 2);
  const stopping: RunEvent[] = [steered('cancel'), { type: 'run.stopping', data: { reason: 'cancelled' } }];
  const left = ['late', 'later', 'sum'].map((id) => ({ id, ...NOT_WANTED }));
  s.push(...(where === 'before' ? [...stopping, ...added] : [...added, ...stopping]), closed(...left));
  s.push(...tail.slice(-1));
  const end = find(s, 'run.completed');
  set(end, { state: 'cancelled' });
  set(end.counts, { done: 8, cancelled: 4, attempts: 9 });
}

function goOnAtOnce(s: RunEvent[]): void {
  const [one, two] = [find(s, 'run.extended'), find(s, 'run.extended', 1)];
  const [later] = two.items.splice(0) as [PlannedItem];
  one.items.push({ ...later, deps: ['late'], more: true });
  two.items.push({ ...structuredClone(later), deps: ['split'] });
}

/** The entries of `later` end in another extension, whose item it waits for. */
function goOn(s: RunEvent[]): void {
  const added = find(s, 'run.extended', 1);
  const later = first(added.items);
  const future = { ...structuredClone(later), id: 'zfuture', spec: digest('spec of zfuture'), deps: [] };
  const rest = { ...structuredClone(later), deps: [future.id] };
  added.items = [{ ...later, more: true }];
  const more: EventData['run.extended'] = { control: SECOND, part: 0, parts: 1, items: [rest, future] };
  s.splice(placeOf(s, 'run.extended', 1) + 1, 0, asked('extend', SECOND), { type: 'run.extended', data: more });
  const ran = s.findIndex(({ type, data }) => type === 'item.ready' && data.items[0] === 'later');
  const skipped = { id: 'later', state: 'skipped', reason: 'upstream_failed', cause: future.id } as const;
  s.splice(ran, 4, steered('cancel', future.id), closed({ id: future.id, ...NOT_WANTED }, skipped));
  set(find(s, 'run.opened'), { openEnded: { mostItems: 16 } });
  const { counts } = find(s, 'run.completed');
  set(counts, { items: 16, done: 10, cancelled: 2, skipped: counts.skipped + 1, attempts: 11 });
}

function rule(title: string, failing: string[], edit: (story: RunEvent[]) => unknown): Forged {
  return forged(title, grown(edit), failing);
}

function placeOf(story: readonly RunEvent[], type: RunEvent['type'], n = 0): number {
  return story.flatMap((event, place) => (event.type === type ? [place] : []))[n] ?? -1;
}
