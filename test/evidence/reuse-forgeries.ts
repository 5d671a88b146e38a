/** Results that could not have been used again so, sealed by someone who holds every key, or who holds none. */
import type { TrustFile } from '../../packages/verify/src/keys/trust.ts';
import type { EventData, PlannedItem, RunEvent } from '../../packages/verify/src/record/events.ts';
import type { ProvenancePredicate } from '../../packages/verify/src/record/provenance.ts';
import type { DispatchPredicate } from '../../packages/verify/src/record/statement.ts';
import { entryOf } from './branching-story.ts';
import { type Forged, find, first, forged, OTHER, OTHER_RUN, set } from './forged.ts';
import { type Forgery, STRANGER, trustFile } from './honest-bundle.ts';
import { dsse, type Envelope } from './naive-evidence.ts';
import { reusedIn, sourceIn, takeOver } from './reused-story.ts';
import { asked } from './steered-story.ts';
import { PATCH, RUN } from './story.ts';

type Reused = EventData['item.reused'];
type Build = ProvenancePredicate['buildDefinition'];

const TWIN = 0;
const OLD = 1;

export const OF_REUSE: Forged[] = [
  told('a result is used again without a provenance', { reused: (s, { item }) => (item === 'old' ? null : s) }, [
    'reuse REUSE_UNPROVEN',
  ]),
  told('the provenance of a reused result is signed by a stranger', { reusedEnvelope: byStranger }, [
    'reuse-signatures SIGNATURE_UNTRUSTED',
  ]),
  told(
    'the provenance of a reused result is signed by a key of later times',
    { reusedEnvelope: byStranger },
    ['reuse-signatures KEY_RANGE'],
    { trust: withStranger({ from: 9 }) },
  ),
  told(
    'the provenance of a reused result is signed by a key that was revoked before the run',
    { reusedEnvelope: byStranger },
    ['reuse-signatures KEY_RANGE'],
    { trust: withStranger({ from: 0, to: 1, revoked: 'key_compromise' }) },
  ),
  written('stands under the key of something else', (data) => set(data, { key: OTHER })),
  written('would have been made by another image', (data) => set(data, { executable: OTHER })),
  written('would have been made outside of the sandbox', (data) => set(data, { isolation: 'none' })),
  written('is another one than its provenance names', (data) => set(first(data.outputs), { sha256: OTHER })),
  written('is more than its provenance names', ({ outputs }) => outputs.push({ ...PATCH })),
  written('names another provenance', (data) => set(data, { provenance: OTHER })),
  written('names another run', (data) => set(data.from, sourceIn(OTHER_RUN, 'relic'))),
  written('names another item', (data) => set(data.from, sourceIn(data.from.run, 'lint'))),
  made('comes from an attempt with a foreign id', OLD, (data) => set(data.from, { id: OTHER_RUN })),
  made('comes from an attempt that never was in this run', OLD, (data) => set(data, { from: sourceIn(RUN, 'relic') })),
  made('is not what the attempt of this run left', TWIN, (data) => set(first(data.outputs), { sha256: OTHER })),
  made('has another size than the attempt of this run left', TWIN, (data) =>
    set(first(data.outputs), { sizeBytes: 9 }),
  ),
  ofProvenance('an attempt that failed', ({ internalParameters }) => set(internalParameters, { outcome: 'failed' })),
  ofProvenance('another deployment', ({ internalParameters }) => set(internalParameters, { origin: 'else.example' })),
  ofProvenance('an attempt without a sandbox', ({ internalParameters }) =>
    set(internalParameters, { isolation: 'none' }),
  ),
  ofProvenance('another recipe', ({ externalParameters }) => set(externalParameters, { recipe: OTHER })),
  ofProvenance('an item that was not pure', ({ externalParameters }) =>
    Reflect.deleteProperty(externalParameters, 'recipe'),
  ),
  ofProvenance('another image', (build) => set(dependency(build, 'executable'), { sha256: OTHER.slice(7) })),
  ofProvenance('another source', (build) => set(dependency(build, 'source'), { sha256: OTHER.slice(7) })),
  ofProvenance('one input more', ({ resolvedDependencies }) =>
    resolvedDependencies.push({ name: 'inputs/more', digest: { sha256: OTHER.slice(7) } }),
  ),
  told('a result was made of another input than the item is given', {}, ['reuse REUSE_MISMATCH'], {}, (plan) =>
    set(first(entryOf(plan, 'twin').needs), { select: { output: 'notes.md' } }),
  ),
  reading('reads another file than its plan pins', ({ reads }) => set(first(reads ?? []), { sha256: OTHER })),
  reading('reads a file of another size', ({ reads }) => set(first(reads ?? []), { sizeBytes: 6 })),
  reading('reads its file under another name', ({ reads }) => set(first(reads ?? []), { key: 'others' })),
  reading('reads a file more', ({ reads }) => reads?.push({ key: 'x', sha256: OTHER, sizeBytes: 1 })),
  reading('reads nothing', (predicate) => Reflect.deleteProperty(predicate, 'reads')),
  told('a result was made of another file than the plan pins for the item', {}, ['reuse REUSE_MISMATCH'], {}, (plan) =>
    set(first(entryOf(plan, 'twin').reads ?? []), { sha256: OTHER }),
  ),
  rule('an item uses a result again that lacks an output of its plan', () => {}, {
    plan: (plan) => set(entryOf(plan, 'old'), { outputs: [{ name: 'other', kind: 'text' }] }),
  }),
  rule('an item uses a result again that was not planned as pure', () => {}, {
    plan: (plan) => Reflect.deleteProperty(entryOf(plan, 'old'), 'recipe'),
    failing: ['state-machine TRANSITION_IMPOSSIBLE', 'reuse REUSE_MISMATCH'],
  }),
  rule(
    'an item uses a result again before what it waits for is done',
    (s) => {
      const [event] = s.splice(placeOf(s, 'old'), 1);
      const ready = s.findLastIndex(({ type, data }) => type === 'item.ready' && data.items.includes('pure'));
      s.splice(ready, 0, event as RunEvent);
    },
    { plan: (plan) => set(entryOf(plan, 'old'), { deps: ['pure'] }) },
  ),
  rule('an item uses a result again in a run that is paused', (s) => s.splice(placeOf(s, 'old'), 0, asked('pause'))),
  rule('an item uses a result again that was to be passed over', (s) =>
    s.splice(placeOf(s, 'old'), 0, asked('skip', 'old')),
  ),
  rule('an item uses a result again twice', (s) => {
    const at = placeOf(s, 'old');
    s.splice(at, 0, structuredClone(s[at] as RunEvent));
  }),
  rule('an item uses a result again whose name does not say its kind', (s) =>
    set(first(reusedIn(s, OLD).outputs), { kind: 'patch' }),
  ),
  rule('a run counts another number of results that were used again', (s) =>
    set(find(s, 'run.completed').counts, { reused: 1 }),
  ),
];

function placeOf(story: readonly RunEvent[], item: string): number {
  return story.findIndex(({ type, data }) => type === 'item.reused' && data.item === item);
}

function told(
  title: string,
  forgery: Forgery,
  failing: string[],
  more: Partial<Forged> = {},
  plan?: (plan: PlannedItem[]) => unknown,
): Forged {
  const story = (s: RunEvent[]): void => {
    takeOver(s, plan);
    forgery.story?.(s);
  };
  return forged(title, { ...forgery, story }, failing, more);
}

/** Edited in the event alone: its provenance is the honest one. */
function written(title: string, edit: (data: Reused) => unknown): Forged {
  const event: Forgery['event'] = (line) => {
    if (line.type === 'item.reused' && line.data.item === 'old') edit(line.data);
  };
  return told(`a result that is used again ${title}`, { event }, ['reuse REUSE_MISMATCH']);
}

/** Edited before what is signed about it is written: that of another run says the same. */
function made(title: string, n: number, edit: (data: Reused) => unknown): Forged {
  return told(`a result that is used again ${title}`, { story: (s) => void edit(reusedIn(s, n)) }, [
    'reuse REUSE_MISMATCH',
  ]);
}

function ofProvenance(title: string, edit: (build: Build) => unknown): Forged {
  const reused: Forgery['reused'] = (statement, { item }) => {
    if (item === 'old') edit(statement.predicate.buildDefinition);
    return statement;
  };
  return told(`a result is used again with the provenance of ${title}`, { reused }, ['reuse REUSE_MISMATCH']);
}

/** Edited in the manifest alone of an item that reads something. */
function reading(title: string, edit: (predicate: DispatchPredicate) => unknown): Forged {
  const manifest: Forgery['manifest'] = ({ predicate }) => {
    if (predicate.item === 'reader') edit(predicate);
  };
  const pinned = (plan: PlannedItem[]): unknown =>
    set(entryOf(plan, 'reader'), { reads: [{ key: 'words', sha256: PATCH.sha256, sizeBytes: 5 }] });
  return told(`an attempt ${title}`, { manifest }, ['hand-off INPUT_MISMATCH'], {}, pinned);
}

function rule(
  title: string,
  story: (story: RunEvent[]) => unknown,
  {
    plan,
    failing = ['state-machine TRANSITION_IMPOSSIBLE'],
  }: { plan?: (plan: PlannedItem[]) => unknown; failing?: string[] } = {},
): Forged {
  return told(title, { story: (s) => void story(s) }, failing, {}, plan);
}

function dependency({ resolvedDependencies }: Build, name: string): { sha256: string } {
  return first(resolvedDependencies.filter((each) => each.name === name)).digest;
}

export function byStranger(envelope: Envelope): void {
  Object.assign(envelope, dsse(JSON.parse(Buffer.from(envelope.payload, 'base64').toString()), STRANGER));
}

/** The auditor's keys, and one more for statements. */
export function withStranger(range: { from: number; to?: number; revoked?: string }): TrustFile {
  const file = trustFile();
  const { keyid, spki } = STRANGER;
  const key = { use: 'attest', alg: 'ecdsa-p256-sha256', keyid, spki: spki.toString('base64'), ...range } as const;
  return { ...file, keys: [...file.keys, key] };
}
