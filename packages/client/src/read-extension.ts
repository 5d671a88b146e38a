/** Items for a run that is open-ended, as a person wrote them. */
import { extensionProblems, planExtension } from './compile-extension.ts';
import { ownShape } from './expand-uses.ts';
import { depsOf } from './item-sources.ts';
import { LIMITS } from './limits.ts';
import type { Present } from './link-growth.ts';
import type { PlanItem } from './plan.ts';
import { readDocument } from './read-document.ts';
import { readYaml } from './read-yaml.ts';
import { type Addition, extensionSchema } from './spec.ts';
import { bounded, refusalsOf } from './spec-issue.ts';
import { SpecRefused } from './spec-refused.ts';
import { typeProblems } from './typed-links.ts';

/** What can be said of such items before their run is known: its defaults are not in it. */
export interface ExtensionSketch {
  items: PlanItem[];
  addition: Addition;
  /** Items that the run must have: sorted, unique. */
  named: string[];
}

/** YAML or JSON. Throws SpecRefused; how the items fit to those of the run is judged where that is known. */
export function readExtension(bytes: Uint8Array): Addition {
  const read = readDocument(bytes, readYaml);
  if (!read.ok) throw new SpecRefused(read.refusals);
  return parsed(read.value);
}

/** Null: the document is no extension, or cannot be read. Throws SpecRefused for what no run would take. */
export function sketchExtension(bytes: Uint8Array): ExtensionSketch | null {
  const read = readDocument(bytes, readYaml);
  if (!read.ok || !isExtension(read.value)) return null;
  const addition = parsed(read.value);
  const present = supposed(addition);
  const unbounded = { hasSource: true, mostItems: LIMITS.items, reserved: 0, edges: 0 };
  const refusals = extensionProblems(addition, { ...unbounded, present });
  if (refusals.length > 0) throw new SpecRefused(refusals);
  return { items: planExtension(addition).items, addition, named: [...present.keys()].sort() };
}

/** A slip in the word is better explained as a slip in it than as no run. */
export function isExtension(document: unknown): boolean {
  const kind = (document as { kind?: unknown } | null)?.kind;
  return typeof kind === 'string' && /^extension/i.test(kind);
}

function parsed(document: unknown): Addition {
  const read = extensionSchema.safeParse(document, { reportInput: true });
  if (!read.success) throw new SpecRefused(refusalsOf(read.error.issues));
  const addition = read.data.spec;
  const mistyped = [
    ...addition.items.flatMap(({ shape }, index) => (shape === undefined ? [] : [ownShape(index)])),
    ...typeProblems(addition, new Map()),
  ];
  if (mistyped.length > 0) throw new SpecRefused(bounded(mistyped));
  return addition;
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
