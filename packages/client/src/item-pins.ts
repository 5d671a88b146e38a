/**
 * Capabilities and values of items: what their names mean in a run, which its client has looked up once. What is registered later
 * changes nothing of it.
 */
import { CAPABILITY_KEY, canonicalize, digestOf } from '@waybill/verify';
import type { Refusal } from './errors.ts';
import { PIN_LIMITS } from './limits.ts';
import type { PlanItem, PlanRead } from './plan.ts';
import type { ItemSpec, RunSpec } from './spec.ts';
import { formatPath, quote } from './spec-issue.ts';
import type { Pins } from './spec-pins.ts';

type Defaults = RunSpec['spec']['defaults'];

/** What an item takes: its own list, or that of the defaults. A gate takes nothing. */
export function namesOf(kind: 'capabilities' | 'values', item: ItemSpec, defaults: Defaults): string[] {
  return item.gate === undefined ? (item[kind] ?? defaults?.[kind] ?? []) : [];
}

/** Where they are written. */
export function placeOfNames(kind: 'capabilities' | 'values', item: ItemSpec, index: number): PropertyKey[] {
  return ['spec', ...(item[kind] === undefined ? ['defaults'] : ['items', index]), kind];
}

export function pinOf<Pin>(known: Readonly<Record<string, Pin>> | undefined, one: string): Pin | undefined {
  return known !== undefined && Object.hasOwn(known, one) ? known[one] : undefined;
}

/** Values in their order, each over those before it, and over all what the spec itself says. */
export function envOf(item: ItemSpec, defaults: Defaults, given: Pins | undefined): Record<string, string> {
  const sets = namesOf('values', item, defaults).map((one) => pinOf(given?.values, one)?.env ?? {});
  return Object.assign({}, ...sets, defaults?.env, item.env) as Record<string, string>;
}

/** What of the plan says which they are; absent where the item takes none. */
export function pinnedIn(
  item: ItemSpec,
  defaults: Defaults,
  given: Pins | undefined,
): Pick<PlanItem, 'capabilities' | 'values'> {
  const named = namesOf('capabilities', item, defaults);
  const sets = namesOf('values', item, defaults).flatMap((one) => {
    const set = pinOf(given?.values, one);
    return set === undefined ? [] : [{ name: one, sha256: set.sha256 as PlanRead['sha256'] }];
  });
  return { ...(named.length === 0 ? {} : { capabilities: named }), ...(sets.length === 0 ? {} : { values: sets }) };
}

/** Their bytes travel as what the item reads, under keys that no author can write. */
export function capabilityReads(item: ItemSpec, defaults: Defaults, given: Pins | undefined): PlanRead[] {
  return namesOf('capabilities', item, defaults).flatMap((one) => {
    const pin = pinOf(given?.capabilities, one);
    if (pin === undefined) return [];
    return [{ key: `${CAPABILITY_KEY}${one}`, sha256: pin.sha256 as PlanRead['sha256'], sizeBytes: pin.sizeBytes }];
  });
}

interface Pinning {
  items: readonly ItemSpec[];
  defaults?: Defaults;
  pins?: Pins | undefined;
}

/**
 * What no client has packed or looked up, and values that are not what their digest says: nothing that runs the items could fetch it,
 * or ask.
 */
export function pinProblems({ items, defaults, pins: given }: Pinning): Refusal[] {
  const unknown = items.flatMap((item, n) =>
    (['capabilities', 'values'] as const).flatMap((kind) =>
      namesOf(kind, item, defaults)
        .filter((one) => pinOf<unknown>(given?.[kind], one) === undefined)
        .map((one): Refusal => {
          const path = formatPath(placeOfNames(kind, item, n));
          const problem = `nothing says which ${kind} ${quote(one)} is`;
          return { code: 'SOURCE_UNRESOLVED', path, problem, fix: 'Submit with the client, which looks it up.' };
        }),
    ),
  );
  const others = Object.entries(given?.values ?? {}).flatMap(([one, set]): Refusal[] => {
    if (digestOf(canonicalize(set.env)) === set.sha256) return [];
    const path = formatPath(['spec', 'pins', 'values', one]);
    const problem = 'the values are others than their digest says';
    return [{ code: 'SOURCE_INVALID', path, problem, fix: 'Submit with the client, which looks them up.' }];
  });
  return [...items.flatMap(unpackedReads), ...unknown, ...others, ...tooMuch(given)];
}

function unpackedReads({ reads = {} }: ItemSpec, index: number): Refusal[] {
  return Object.entries(reads).flatMap(([key, read]): Refusal[] => {
    if ('sha256' in read) return [];
    const path = formatPath(['spec', 'items', index, 'reads', key]);
    const problem = 'what it reads is not packed: nothing that runs the item can fetch it';
    return [{ code: 'SOURCE_UNRESOLVED', path, problem, fix: 'Submit with the client, which packs it.' }];
  });
}

/** They stand in one row of an open-ended run. */
function tooMuch(given: Pins | undefined): Refusal[] {
  if (canonicalize(given?.values ?? {}).length <= PIN_LIMITS.valuesBytes) return [];
  const problem = `the values that the run names are over ${PIN_LIMITS.valuesBytes} bytes`;
  return [{ code: 'SPEC_LIMIT', path: 'spec.pins.values', problem, fix: 'Put large values into files of the source.' }];
}

/** Lists that name one thing twice. */
export function doubledNames(item: ItemSpec, index: number, defaults: Defaults): Refusal[] {
  return (['capabilities', 'values'] as const).flatMap((kind) =>
    namesOf(kind, item, defaults).flatMap((one, at, all): Refusal[] => {
      if (all.indexOf(one) === at) return [];
      const path = formatPath([...placeOfNames(kind, item, index), at]);
      return [{ code: 'SPEC_INVALID', path, problem: `${one} is named twice`, fix: 'Keep one of them.' }];
    }),
  );
}
