/** The items of a document, those that use a shape as what they become. Pure. */
import type { Digest } from '@waybill/verify';
import type { Refusal } from './errors.ts';
import { isObject } from './output-schema.ts';
import { envName } from './pack-params.ts';
import { itemSchema } from './spec.ts';
import { formatPath, refusalsOf } from './spec-issue.ts';
import { findShape, shapedItem, type UsedPacks, type UsedShape, useProblems } from './use-shape.ts';

export interface ExpandedUses {
  items: unknown[];
  /** By place in `items`. */
  used: ReadonlyMap<number, UsedShape>;
  /** With paths as of items of a run spec. */
  refusals: Refusal[];
}

export const NO_PACKS: UsedPacks = new Map();

/** Items that cannot be expanded are left as they are. */
export function expandUses(items: readonly unknown[], packs: UsedPacks): ExpandedUses {
  const used = new Map<number, UsedShape>();
  const refusals: Refusal[] = [];
  const expanded = items.map((item, index): unknown => {
    if (!isObject(item)) return item;
    if (item.uses === undefined && item.with === undefined) {
      if (item.shape !== undefined) refusals.push(ownShape(index));
      return item;
    }
    const found = findShape(item.uses, packs);
    const problems = found.ok ? useProblems(item, found.used) : found.refusals;
    refusals.push(...problems.map((one) => ({ ...one, path: placed(index, one.path) })));
    if (!found.ok || problems.length > 0) return item;
    used.set(index, found.used);
    return shapedItem(item, found.used.shape, found.used.pack);
  });
  return { items: expanded, used, refusals };
}

/** What the schema of items refuses of those that a shape has become, of items that are read no other way. */
export function shapedProblems({ items, used }: ExpandedUses): Refusal[] {
  return [...used.keys()].flatMap((index) => {
    const parsed = itemSchema.safeParse(items[index], { reportInput: true });
    const refusals = parsed.success ? [] : refusalsOf(parsed.error.issues);
    return refusals.map((one) => ({ ...one, path: placed(index, one.path) }));
  });
}

/** Files of packs that items of these shapes are given, by digest. */
export function filesOfShapes({ used }: ExpandedUses): Map<Digest, Uint8Array> {
  const files = [...used.values()].flatMap(({ shape }) => Object.values(shape.files));
  return new Map(files.map(({ sha256, bytes }) => [sha256, bytes]));
}

/** What is refused of an item that a shape says, told at what its author wrote. */
export function ledToUse(refusal: Refusal, { used }: Pick<ExpandedUses, 'used'>): Refusal {
  const [, index, key = '', rest = ''] = /^spec\.items\[(\d+)\]\.(\w+)(.*)$/s.exec(refusal.path) ?? [];
  const shape = index === undefined ? undefined : used.get(Number(index))?.shape;
  if (shape === undefined) return refusal;
  const param = Object.keys(shape.params).find((name) => key === 'env' && rest === `.${envName(name)}`);
  if (param !== undefined) return { ...refusal, path: placed(Number(index), `with.${param}`) };
  if (key !== 'pipeline' && key !== 'outputs') return refusal;
  return { ...refusal, path: placed(Number(index), 'uses'), problem: `${key}${rest}: ${refusal.problem}` };
}

/** `shape` goes into the record: what a person writes there would say that a registered pipeline ran which did not. */
export function ownShape(index: number): Refusal {
  const problem = 'it is set for items that use a shape, and by nobody else';
  return { code: 'SPEC_INVALID', path: placed(index, 'shape'), problem, fix: 'Remove it, or write `uses`.' };
}

function placed(index: number, path: string): string {
  return `${formatPath(['spec', 'items', index])}.${path}`;
}
