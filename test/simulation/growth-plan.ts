/** Runs of a workload that grow: items that become as many as another leaves outputs, and what is added to runs that are open-ended. */
import type { Random } from '../support/random.ts';
import { cancelOf, controlOf, extendOf, type ItemDraft } from '../support/run-spec.ts';
import type { Asked, Subject } from './deed.ts';
import { lettingOut } from './egress-plan.ts';
import { type Around, pinnedAddition } from './pin-plan.ts';
import { gateOf, itemOf, type Place, sourceOf } from './traits.ts';

const MINUTE_MS = 60_000;
const DATA = { output: 'data' };

/** The items of a run and, of some runs, a split before them, which some of them wait for. */
export function grown(place: Place, items: readonly ItemDraft[]): ItemDraft[] {
  const random = sourceOf(place, 'growth');
  if (!random.chance(0.25)) return [...items];
  const added = mapReduce(place, 'g');
  const waiting = items.map(({ dependsOn = [], ...item }): ItemDraft => {
    const more = random.chance(0.1) ? ['g-map'] : [];
    return dependsOn.length + more.length === 0 ? item : { ...item, dependsOn: [...dependsOn, ...more] };
  });
  return [...added, ...waiting];
}

/** One that splits into none, some, or more than may be, one that becomes as many, and those that join these. */
function mapReduce(place: Place, name: string): ItemDraft[] {
  const random = sourceOf(place, `split ${name}`);
  const [split, map, reduce] = [`${name}-split`, `${name}-map`, `${name}-reduce`];
  const shards = random.chance(0.04) ? 90 + random.below(30) : random.below(random.chance(0.3) ? 40 : 6);
  const max = Math.max(1, shards + (random.chance(0.15) ? -1 : random.below(3)));
  const { needs = {}, ...joining } = itemOf(place, reduce, [split]);
  const { env = {}, ...splitting } = itemOf(place, split);
  return [
    { ...splitting, env: { ...env, SHARDS: `${shards}` } },
    { ...itemOf(place, map, [split]), forEach: { from: split, outputs: 'shards/', max } },
    { ...joining, needs: { ...needs, parts: { each: map, select: DATA } } },
    { ...itemOf(place, `${name}-after`), dependsOn: [map] },
  ];
}

/** Many while it is open, some of them wrong or twice; and that no more come, which some say twice and some never. */
export function additions(random: Random, subject: Subject, place: Place): Asked[] {
  const { runId, items, isOpenEnded, principal } = subject;
  if (!isOpenEnded && !random.chance(0.05)) return [];
  const soon = (): number => random.below(random.chance(0.6) ? MINUTE_MS : 6 * MINUTE_MS);
  const known = [...items];
  const letOut = (more: readonly ItemDraft[]): ItemDraft[] =>
    lettingOut(random, { seed: place.seed, queue: subject.queue }, more);
  const asked = Array.from({ length: 1 + random.below(5) }, (_, n): Asked[] => {
    const more = addition(random, place, n, known);
    known.push(...more);
    const around = pinnedAddition(random, (subject.document as { spec: Around }).spec, letOut(more));
    const document = extendOf(runId, around.items, around.around);
    const first = { document, afterMs: soon(), key: `@control/${principal}/add-${place.run}-${n}.json` };
    const again = random.chance(0.2) ? [{ ...first, afterMs: soon() }] : [];
    return [first, ...again, ...(random.chance(0.2) ? [{ document, afterMs: soon() }] : [])];
  });
  const closes = random.chance(0.7) ? 1 + random.below(3) : 0;
  const close = { document: controlOf('close', runId) };
  return [...asked.flat(), ...Array.from({ length: closes }, () => ({ ...close, afterMs: MINUTE_MS + soon() }))];
}

function addition(random: Random, place: Place, n: number, known: readonly ItemDraft[]): ItemDraft[] {
  const one = (): string => known[random.below(known.length)]?.id ?? 'nobody';
  if (random.chance(0.15)) return mapReduce(place, `x${n}`);
  const makers = known.filter(({ gate, forEach }) => !gate && !forEach && random.chance(0.2)).map(({ id }) => id);
  const items = Array.from({ length: 1 + random.below(random.chance(0.1) ? 30 : 4) }, (_, m): ItemDraft => {
    const id = `x${n}-${m}`;
    const item = random.chance(0.05) ? gateOf(place, id, makers) : itemOf(place, id, makers);
    return random.chance(0.4) ? { ...item, dependsOn: [one()] } : item;
  });
  const wrong: ItemDraft[] = [{ id: 'wrong', dependsOn: ['nobody'] }, { id: one() }, { id: 'g-map~1' }];
  return random.chance(0.2) ? [...items, wrong[random.below(wrong.length)] as ItemDraft] : items;
}

/** Of items that may come to be, at any time. */
export function branchesSteered(random: Random, { runId, items }: Subject): Asked[] {
  const templates = items.filter(({ forEach }) => forEach !== undefined);
  return templates.flatMap(({ id }) =>
    Array.from({ length: random.below(4) }, () => {
      const branch = `${id}~${1 + random.below(4)}`;
      const wishes = [cancelOf(runId, branch), controlOf('skip', runId, branch), controlOf('retry', runId, branch)];
      const document = wishes[random.below(wishes.length)] as object;
      return { document, afterMs: random.below(random.chance(0.7) ? MINUTE_MS : 6 * MINUTE_MS) };
    }),
  );
}
