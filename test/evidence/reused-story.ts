/**
 * The honest story with pure items: `twin` takes over what `pure` made of the patch of `build`, `old` what another run made,
 * and `reader` is given what `old` took over.
 */
import type { EventData, PlannedItem, RecordedOutput, RunEvent } from '../../packages/verify/src/record/events.ts';
import { find, first, set } from './forged.ts';
import { OLD_RECIPE } from './honest-attestations.ts';
import { digest, jcs, sha256 } from './naive-evidence.ts';
import { claim, claimed, dispatched, PATCH, PLAN, planDigest, RUN, settled } from './story.ts';

type Reused = EventData['item.reused'];

const MADE: RecordedOutput = { name: 'outputs/made', kind: 'output', sha256: digest('made'), sizeBytes: 4 };
const OLD: RecordedOutput = { name: 'outputs/old', kind: 'output', sha256: digest('old'), sizeBytes: 3 };
const NEEDS: PlannedItem['needs'] = [{ key: 'patch', from: ['build'], select: 'patch' }];
/** Given to `pure` and `twin` as it was when the run was submitted. */
const READ = { key: 'words', sha256: digest('words'), sizeBytes: 5 };
const RECIPE = digest('what a pure item does');
const SANDBOXED = { executable: digest('the worker'), isolation: 'bubblewrap' } as const;
const OLD_RUN = 'd0'.repeat(16);

const ITEMS: PlannedItem[] = [
  planned('old', { recipe: OLD_RECIPE }),
  planned('pure', { deps: ['build'], needs: NEEDS, recipe: RECIPE, reads: [READ] }),
  planned('reader', { deps: ['old'], needs: [{ key: 'old', from: ['old'], select: { output: 'old' } }] }),
  planned('twin', { deps: ['build', 'pure'], needs: NEEDS, recipe: RECIPE, reads: [READ] }),
];

function planned(id: string, more: Partial<PlannedItem>): PlannedItem {
  return { id, spec: digest(`spec of ${id}`), deps: [], needs: [], locks: [], maxAttempts: 1, ...more };
}

/** As docs/formats/reuse.md has it. */
function keyOf(
  recipe: string,
  inputs: { key: string; sha256: string }[],
  { executable, isolation }: Pick<Reused, 'executable' | 'isolation'> = SANDBOXED,
): `sha256:${string}` {
  const facts = { recipe, executable, isolation, source: digest('a source'), inputs };
  return digest(`waybill-reuse/v1\n${jcs(facts)}`);
}

/** The first attempt at an item of a run. */
export function sourceIn(run: string, item: string): Reused['from'] {
  return { run, item, attempt: 1, id: sha256(`${run}\0${item}\0${1}`).toString('hex').slice(0, 32) };
}

function taken(item: string, from: [run: string, item: string], key: Reused['key'], output: RecordedOutput): RunEvent {
  const source = sourceIn(...from);
  const frame = { item, key, ...SANDBOXED };
  // The digest of the provenance is known once that is written.
  return { type: 'item.reused', data: { ...frame, outputs: [{ ...output }], from: source, provenance: digest('') } };
}

/** @param edit of the plan of the pure items, before it is sealed */
export function takeOver(story: RunEvent[], edit: (plan: PlannedItem[]) => unknown = () => {}): void {
  const plan = structuredClone(ITEMS);
  edit(plan);
  const opened = find(story, 'run.opened');
  const edges = plan.reduce((sum, { deps }) => sum + deps.length, 0);
  set(opened, { plan: planDigest([...PLAN, ...plan]), items: 10, edges: opened.edges + edges });
  find(story, 'run.planned', 1).items.push(...plan);
  const key = keyOf(RECIPE, [
    { key: 'patch', sha256: PATCH.sha256 },
    { key: READ.key, sha256: READ.sha256 },
  ]);
  story.splice(
    -1,
    0,
    { type: 'item.ready', data: { items: ['pure'] } },
    claimed(claim('pure', 1)),
    dispatched('pure', 1, 'bubblewrap'),
    settled('pure', 1, { outputs: [MADE] }),
    taken('twin', [RUN, 'pure'], key, MADE),
    taken('old', [OLD_RUN, 'relic'], keyOf(OLD_RECIPE, []), OLD),
    { type: 'item.ready', data: { items: ['reader'] } },
    claimed(claim('reader', 1)),
    dispatched('reader', 1, 'bubblewrap'),
    settled('reader', 1, {}),
  );
  set(find(story, 'run.completed').counts, { items: 10, done: 7, attempts: 8, reused: 2 });
}

/** The same story, whose result of another run was made in another way. */
export function takeOverMade(story: RunEvent[], isolation: 'none' | 'in-process'): void {
  takeOver(story);
  const executable = isolation === 'in-process' ? isolation : SANDBOXED.executable;
  set(reusedIn(story, 1), { isolation, executable, key: keyOf(OLD_RECIPE, [], { executable, isolation }) });
}

/** The n-th result of the story that is used again. */
export function reusedIn(story: readonly RunEvent[], n: number): Reused {
  return first(story.filter(({ type }) => type === 'item.reused').slice(n)).data as Reused;
}
