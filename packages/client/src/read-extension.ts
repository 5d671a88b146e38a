/** Items for a run that is open-ended, as a person wrote them; those that use a shape as what they become. */
import type { Digest } from '@waybill/verify';
import { extensionProblems, planExtension } from './compile-extension.ts';
import type { Refusal } from './errors.ts';
import { expandUses, filesOfShapes, ledToUse } from './expand-uses.ts';
import { depsOf } from './item-sources.ts';
import { judgeDocument } from './judge-document.ts';
import { LIMITS } from './limits.ts';
import type { Present } from './link-growth.ts';
import { isObject } from './output-schema.ts';
import type { PlanItem } from './plan.ts';
import { readDocument } from './read-document.ts';
import { type OpenRegistry, readUsedPacks } from './read-packs.ts';
import { readYaml } from './read-yaml.ts';
import { type Addition, extensionSchema } from './spec.ts';
import { bounded, refusalsOf } from './spec-issue.ts';
import { SpecRefused } from './spec-refused.ts';
import { typeProblems } from './typed-links.ts';

/** What can be said of such items before their run is known: its defaults are not in it. */
export interface ExtensionSketch extends Pick<WrittenExtension, 'ledBack'> {
  items: PlanItem[];
  addition: Addition;
  /** Items that the run must have: sorted, unique. */
  named: string[];
}

/** What a person wrote, as the items that an engine takes. */
export interface WrittenExtension {
  addition: Addition;
  /** Files of packs that items are given, by digest. */
  packFiles: ReadonlyMap<Digest, Uint8Array>;
  /** From a place in these items to that in what was written. */
  ledBack: (refusal: Refusal) => Refusal;
}

/**
 * YAML or JSON. Throws SpecRefused; how the items fit to those of the run is judged where that is known.
 * @param baseDir directory of the file, below which packs may lie
 * @param registry of packs that neither come with the client nor lie there
 */
export async function readExtension(
  bytes: Uint8Array,
  baseDir: string,
  registry?: OpenRegistry,
): Promise<WrittenExtension> {
  return judgeDocument(readDocument(bytes, readYaml), (document) => parsed(document, baseDir, registry));
}

/** Null: the document is no extension, or cannot be read. Throws SpecRefused for what no run would take. */
export async function sketchExtension(
  bytes: Uint8Array,
  baseDir: string,
  registry?: OpenRegistry,
): Promise<ExtensionSketch | null> {
  const read = readDocument(bytes, readYaml);
  if (!isExtension(read.value)) return null;
  const { addition, ledBack } = await judgeDocument(read, (document) => parsed(document, baseDir, registry));
  const present = supposed(addition);
  const unbounded = { hasSource: true, mostItems: LIMITS.items, reserved: 0, edges: 0 };
  const refusals = extensionProblems(addition, { ...unbounded, present });
  if (refusals.length > 0) throw new SpecRefused(refusals.map(ledBack));
  return { items: planExtension(addition).items, addition, named: [...present.keys()].sort(), ledBack };
}

/** A slip in the word is better explained as a slip in it than as no run. */
export function isExtension(document: unknown): boolean {
  const kind = (document as { kind?: unknown } | null)?.kind;
  return typeof kind === 'string' && /^extension/i.test(kind);
}

async function parsed(document: unknown, baseDir: string, registry?: OpenRegistry): Promise<WrittenExtension> {
  const spec = isObject(document) && isObject(document.spec) ? document.spec : {};
  const items = Array.isArray(spec.items) ? spec.items : [];
  const expanded = expandUses(items, await readUsedPacks(document, baseDir, registry));
  if (expanded.refusals.length > 0) throw new SpecRefused(bounded(expanded.refusals));
  const ledBack = (refusal: Refusal): Refusal => ledToUse(refusal, expanded);
  const isUsing = expanded.used.size > 0;
  const said = isUsing ? { ...(document as object), spec: { ...spec, items: expanded.items } } : document;
  const read = extensionSchema.safeParse(said, { reportInput: true });
  if (!read.success) throw new SpecRefused(refusalsOf(read.error.issues).map(ledBack));
  const addition = read.data.spec;
  const mistyped = typeProblems(addition, expanded.used);
  if (mistyped.length > 0) throw new SpecRefused(bounded(mistyped.map(ledBack)));
  return { addition, packFiles: filesOfShapes(expanded), ledBack };
}

/** Whoever is named and not among them, supposed to be as whoever names it wants it. */
function supposed({ items }: Addition): Present {
  const own = new Set(items.map(({ id }) => id));
  const named = items.flatMap(depsOf).filter((id) => !own.has(id));
  const many = new Set(items.flatMap(({ needs = {} }) => Object.values(needs).flatMap((need) => need.each ?? [])));
  const pipeline: PlanItem['pipeline'] = [
    { block: 'capture', what: 'patch' },
    { block: 'capture', what: 'outputs' },
  ];
  const becoming = { forEach: { from: '', outputs: '', as: '', max: 1 } };
  return new Map(named.map((id) => [id, { pipeline, ...(many.has(id) ? becoming : {}) }]));
}
