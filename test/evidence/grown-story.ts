/**
 * The honest story as a run that grew: `map` becomes two items by what `split` left, `sum` takes from both, `none` finds nothing
 * to become, `many` too much; `late` and `later` are added while it goes on, and then it is closed.
 */
import type { EventData, PlannedItem, RecordedOutput, RunEvent } from '../../packages/verify/src/record/events.ts';
import { closed } from './branching-story.ts';
import { find, set } from './forged.ts';
import type { Forgery } from './honest-bundle.ts';
import { digest, jcs } from './naive-evidence.ts';
import { claim, claimed, dispatched, PLAN, PRINCIPAL, planDigest, settled } from './story.ts';

const SUM = { output: 'sum.json' };
export const EXTENSION: `sha256:${string}` = digest('an extension');

const PLANNED: PlannedItem[] = [
  planned('many', { deps: ['split'], forEach: { from: 'split', outputs: 'shards/', as: 'item', max: 1 } }),
  planned('map', { deps: ['split'], forEach: { from: 'split', outputs: 'shards/', as: 'item', max: 2 } }),
  planned('none', { deps: ['split'], forEach: { from: 'split', outputs: 'nothing/', as: 'item', max: 2 } }),
  planned('split', {}),
  planned('sum', { deps: ['map'], needs: [{ key: 'parts', from: ['map'], select: SUM, each: true }] }),
];

const ADDED: PlannedItem[] = [
  planned('late', { deps: ['split'], needs: [{ key: 'shard', from: ['split'], select: { output: 'shards/b' } }] }),
  planned('later', { deps: ['late'] }),
];

function planned(id: string, more: Partial<PlannedItem>): PlannedItem {
  return { id, spec: digest(`spec of ${id}`), deps: [], needs: [], locks: [], maxAttempts: 1, ...more };
}

function branchOf(id: string, place: number, path: string): `sha256:${string}` {
  return digest(`waybill-branch/v1\n${jcs({ output: path, place, spec: digest(`spec of ${id}`) })}`);
}

function output(name: string, text: string): RecordedOutput {
  return { name: `outputs/${name}`, kind: 'output', sha256: digest(text), sizeBytes: text.length };
}

function ran(item: string, outputs: RecordedOutput[] = []): RunEvent[] {
  const how: Partial<EventData['attempt.settled']> = { outputs };
  return [
    { type: 'item.ready', data: { items: [item] } },
    claimed(claim(item, 1)),
    dispatched(item, 1, 'bubblewrap'),
    settled(item, 1, how),
  ];
}

export function asked(verb: 'extend' | 'close', control: `sha256:${string}` = EXTENSION): RunEvent {
  return { type: 'control.accepted', data: { verb, principal: PRINCIPAL, control } };
}

export function end(id: string, state: 'done' | 'failed', reason: string): RunEvent {
  return closed({ id, state, reason });
}

/** What was dispatched as no event says it in full: the engine found it by the rules, and so does the verifier. */
export const DISPATCHED: readonly PlannedItem[] = [
  ...['a', 'b'].map((name, n) =>
    planned(`map~${n + 1}`, {
      spec: branchOf('map', n + 1, `shards/${name}`),
      needs: [{ key: 'item', from: ['split'], select: { output: `shards/${name}` } }],
    }),
  ),
  planned('sum', {
    needs: [
      { key: 'parts.001', from: ['map~1'], select: SUM },
      { key: 'parts.002', from: ['map~2'], select: SUM },
    ],
  }),
];

/** @param edit of the plan of the extra items, before it is sealed */
export function grow(story: RunEvent[], edit: (plan: PlannedItem[]) => void = () => {}): void {
  const plan = structuredClone(PLANNED);
  edit(plan);
  const opened = find(story, 'run.opened');
  const edges = plan.reduce((sum, { deps }) => sum + deps.length, 0);
  const more = { openEnded: { mostItems: 15 }, items: 11, edges: opened.edges + edges };
  set(opened, { plan: planDigest([...PLAN, ...plan]), ...more });
  find(story, 'run.planned', 1).items.push(...plan);
  const items = DISPATCHED.slice(0, 2).map(({ id, spec }) => ({ id, spec }));
  const shards = [output('shards/b', 'b'), output('notes', 'n'), output('shards/a', 'a')];
  const [late, later] = structuredClone(ADDED) as [PlannedItem, PlannedItem];
  story.splice(
    -1,
    0,
    ...ran('split', shards),
    { type: 'items.spawned', data: { item: 'map', items } },
    end('none', 'done', 'no_outputs'),
    end('many', 'failed', 'too_many_outputs'),
    ...ran('map~1', [output('sum.json', '1')]),
    ...ran('map~2', [output('sum.json', '2')]),
    end('map', 'done', 'all_done'),
    asked('extend'),
    { type: 'run.extended', data: { control: EXTENSION, part: 0, parts: 2, items: [late] } },
    { type: 'run.extended', data: { control: EXTENSION, part: 1, parts: 2, items: [later] } },
    ...ran('late'),
    ...ran('later'),
    ...ran('sum'),
    asked('close', digest('a close')),
  );
  set(find(story, 'run.completed').counts, { items: 15, done: 11, failed: 2, attempts: 12 });
}

/** A forgery of the grown story, or that story itself. */
export function grown(edit: (story: RunEvent[]) => unknown = () => {}, plan?: (plan: PlannedItem[]) => void): Forgery {
  const story = (s: RunEvent[]): void => {
    grow(s, plan);
    edit(s);
  };
  return { story, dispatchedAs: DISPATCHED };
}
