/**
 * What names of capabilities and values mean in the runs of a workload, which items name them, and what the items of a run take from
 * its defaults. The client has looked up each name once, and uploaded the bytes.
 */
import { canonicalize, digestOf } from '@waybill/verify';
import type { Random } from '../support/random.ts';
import type { ItemDraft, runOf } from '../support/run-spec.ts';
import { PRINCIPALS } from './deed.ts';
import type { Buckets } from './object-stores.ts';
import { type Place, sourceOf } from './traits.ts';

export type Spec = NonNullable<Parameters<typeof runOf>[1]>;

export interface Pins {
  capabilities: Record<string, { sha256: string; sizeBytes: number }>;
  values: Record<string, { sha256: string; env: Record<string, string> }>;
}

/** What may stand beside the items of a run, and beside those that are added to it. */
export interface Around {
  defaults?: { capabilities?: string[]; values?: string[]; env?: Record<string, string>; retry?: object };
  pins?: Pins;
}

const CAPABILITIES = ['lint', 'team'] as const;
const VALUES = ['staging', 'second'] as const;
/** Of each, registered one after the other. */
const VERSIONS = 3;
const encoder = new TextEncoder();

function folderOf(name: string, version: number): Uint8Array {
  return encoder.encode(`folder ${name}, registered as number ${version}`);
}

/** The name, as what it meant when its version was the newest. */
export function capabilityOf(name: string, version: number): Pins['capabilities'][string] {
  const bytes = folderOf(name, version);
  return { sha256: digestOf(bytes), sizeBytes: bytes.byteLength };
}

function valuesOf(name: string, version: number): Pins['values'][string] {
  const env = { FROM: name, [`OF_${name.toUpperCase()}`]: `${version}` };
  return { sha256: digestOf(canonicalize(env)), env };
}

/** By everybody, whatever of it their runs name. */
export function uploadCapabilities({ uploads }: Buckets): void {
  for (const name of CAPABILITIES)
    for (let version = 0; version < VERSIONS; version += 1) {
      const bytes = folderOf(name, version);
      for (const principal of PRINCIPALS) uploads.set(`${principal}/${digestOf(bytes)}`, bytes);
    }
}

/** Some runs have them. Of those that are open-ended some know half of the names, and what is added brings the rest. */
export function pinned(place: Place, spec: Spec, items: readonly ItemDraft[]): { spec: Spec; items: ItemDraft[] } {
  const random = sourceOf(place, 'pins');
  if (!random.chance(spec.openEnded === true ? 0.5 : 0.25)) return { spec, items: [...items] };
  const pins = pinsOf(random, random.chance(0.5) ? 2 : 1);
  const around = { pins, ...defaultsOf(random, pins, 'run') };
  const named = items.map((item) => naming(random, pins, item));
  // What the run says then is for those alone that are added.
  const isForAdded = spec.openEnded === true && random.chance(0.3);
  return { spec: { ...spec, ...around }, items: isForAdded ? named.map(takingNoDefaults) : named };
}

function takingNoDefaults(item: ItemDraft): ItemDraft {
  return item.gate === undefined ? { capabilities: [], values: [], ...item } : item;
}

/** What is added names what its run knows, and what it brings along; of what both know, the meaning of the run stays. */
export function pinnedAddition(
  random: Random,
  { pins: known }: Around,
  items: readonly ItemDraft[],
): { around: Around; items: ItemDraft[] } {
  if (!random.chance(0.5)) return { around: {}, items: [...items] };
  const own = random.chance(0.6) ? pinsOf(random, 2) : undefined;
  const all: Pins = {
    capabilities: { ...own?.capabilities, ...known?.capabilities },
    values: { ...own?.values, ...known?.values },
  };
  const around = { ...(own === undefined ? {} : { pins: own }), ...defaultsOf(random, all, 'addition') };
  return { around, items: items.map((item) => naming(random, all, item)) };
}

function pinsOf(random: Random, count: number): Pins {
  const capabilities = CAPABILITIES.slice(0, count).map((name) => [name, capabilityOf(name, random.below(VERSIONS))]);
  const values = VALUES.slice(0, count).map((name) => [name, valuesOf(name, random.below(VERSIONS))]);
  const pins = { capabilities: Object.fromEntries(capabilities), values: Object.fromEntries(values) } as Pins;
  // Nobody takes in what is not what it says.
  const [first] = Object.values(pins.values);
  if (first !== undefined && random.chance(0.01)) first.env = { FROM: 'nobody' };
  return pins;
}

function defaultsOf(random: Random, { capabilities, values }: Pins, who: string): Pick<Around, 'defaults'> {
  if (!random.chance(0.6)) return {};
  const some = (names: object): string[] => shuffled(random, Object.keys(names)).filter(() => random.chance(0.5));
  const env = { ...(random.chance(0.5) ? { FROM: who } : {}), [`DEFAULT_OF_${who.toUpperCase()}`]: who };
  const defaults = {
    ...(random.chance(0.5) ? { capabilities: some(capabilities) } : {}),
    ...(random.chance(0.5) ? { values: some(values) } : {}),
    ...(random.chance(0.7) ? { env } : {}),
    ...(random.chance(0.3) ? { retry: { maxAttempts: 2 } } : {}),
  };
  return { defaults };
}

function naming(random: Random, { capabilities, values }: Pins, item: ItemDraft): ItemDraft {
  if (item.gate !== undefined) return item;
  const some = (names: object): string[] => shuffled(random, Object.keys(names)).filter(() => random.chance(0.6));
  const unknown = random.chance(0.002) ? ['nobody'] : [];
  return {
    ...item,
    ...(random.chance(0.3) ? { capabilities: [...some(capabilities), ...unknown] } : {}),
    ...(random.chance(0.3) ? { values: some(values) } : {}),
    ...(random.chance(0.1) ? { env: { ...item.env, FROM: 'item' } } : {}),
  };
}

function shuffled(random: Random, names: readonly string[]): string[] {
  return random.chance(0.5) ? names.toReversed() : [...names];
}
