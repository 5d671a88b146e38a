import type { Digest } from '@waybill/verify';
import { compileFlow } from './compile-flow.ts';
import { compileItems } from './compile-plan.ts';
import type { Refusal } from './errors.ts';
import { expandUses, filesOfShapes, ledToUse } from './expand-uses.ts';
import { readIncluded } from './included-files.ts';
import { judgeDocument } from './judge-document.ts';
import { isObject } from './output-schema.ts';
import { checkRun, checkSchedule } from './parse-spec.ts';
import type { PlanItem } from './plan.ts';
import { readDocument } from './read-document.ts';
import { isExtension } from './read-extension.ts';
import { type OpenRegistry, readUsedPacks } from './read-packs.ts';
import { readYaml } from './read-yaml.ts';
import { placedInSchedule, runOf, type ScheduleSpec } from './schedule.ts';
import type { RunSpec } from './spec.ts';
import { bounded } from './spec-issue.ts';
import { SpecRefused } from './spec-refused.ts';
import { type SpecWarning, warningsOf } from './spec-warnings.ts';
import { typeProblems } from './typed-links.ts';
import type { UsedPacks } from './use-shape.ts';

/** What a person wrote, as the run spec that it is or becomes. */
export interface WrittenSpec {
  run: RunSpec;
  items: PlanItem[];
  /** Of a flow: the path of the task that each item comes from, in the order of the items. */
  origins: string[] | null;
  warnings: SpecWarning[];
  /** Files of packs that items are given, by digest. */
  packFiles: ReadonlyMap<Digest, Uint8Array>;
  /** From a place in the run spec to that in what was written. */
  ledBack: (refusal: Refusal) => Refusal;
}

/**
 * Reads a run spec or a flow, in YAML or JSON, with what a flow includes. Throws SpecRefused with everything that is wrong.
 * @param baseDir directory of the file; nothing above it is included
 * @param registry of packs that neither come with the client nor lie beside the file
 */
export async function readSpec(bytes: Uint8Array, baseDir: string, registry?: OpenRegistry): Promise<WrittenSpec> {
  return judgeDocument(readDocument(bytes, readYaml), async (document) => {
    if (isKind(document, /^schedule/i)) throw new SpecRefused([A_SCHEDULE]);
    if (isExtension(document)) throw new SpecRefused([AN_EXTENSION]);
    const packs = await readUsedPacks(document, baseDir, registry);
    if (!isKind(document, /^flow/i)) {
      const judged = judgeRun(document, packs);
      return { ...judged, origins: null, warnings: warningsOf(judged.run) };
    }
    const compiled = compileFlow(document, await readIncluded(document, bytes.length, baseDir), packs);
    if (!compiled.ok) throw new SpecRefused(compiled.refusals);
    return { ...compiled, warnings: warningsOf(compiled.run) };
  });
}

/** A run as it is written, its items that use a shape as what they become. Throws SpecRefused. */
function judgeRun(document: unknown, packs: UsedPacks): Pick<WrittenSpec, 'run' | 'items' | 'packFiles' | 'ledBack'> {
  const spec = isObject(document) && isObject(document.spec) ? document.spec : {};
  const expanded = expandUses(Array.isArray(spec.items) ? spec.items : [], packs);
  if (expanded.refusals.length > 0) throw new SpecRefused(bounded(expanded.refusals));
  const ledBack = (refusal: Refusal): Refusal => ledToUse(refusal, expanded);
  const isUsing = expanded.used.size > 0;
  const parsed = checkRun(isUsing ? { ...(document as object), spec: { ...spec, items: expanded.items } } : document);
  if (!parsed.ok) throw new SpecRefused(parsed.refusals.map(ledBack));
  const judged = compileItems(parsed.run);
  if (!judged.ok) throw new SpecRefused(judged.refusals.map(ledBack));
  const mistyped = typeProblems(parsed.run.spec, expanded.used);
  if (mistyped.length > 0) throw new SpecRefused(bounded(mistyped.map(ledBack)));
  return { run: parsed.run, items: judged.items, packFiles: filesOfShapes(expanded), ledBack };
}

/** Reads a schedule, in YAML or JSON. Throws SpecRefused with everything that is wrong, by its path in the schedule. */
export async function readSchedule(
  bytes: Uint8Array,
  baseDir: string,
  registry?: OpenRegistry,
): Promise<WrittenSchedule> {
  return judgeDocument(readDocument(bytes, readYaml), (document) => judgeSchedule(document, baseDir, registry));
}

async function judgeSchedule(document: unknown, baseDir: string, registry?: OpenRegistry): Promise<WrittenSchedule> {
  const { spec } = isObject(document) ? document : {};
  const run = isObject(spec) && isObject(spec.run) ? spec.run : {};
  const packs = await readUsedPacks(document, baseDir, registry);
  const expanded = expandUses(Array.isArray(run.items) ? run.items : [], packs);
  const ledBack = (refusal: Refusal): Refusal => placedInSchedule(ledToUse(refusal, expanded));
  if (expanded.refusals.length > 0) throw new SpecRefused(bounded(expanded.refusals.map(placedInSchedule)));
  const used = { ...(spec as object), run: { ...run, items: expanded.items } };
  const parsed = checkSchedule(expanded.used.size === 0 ? document : { ...(document as object), spec: used });
  if (!parsed.ok) throw new SpecRefused(parsed.refusals);
  const compiled = compileItems(runOf(parsed.schedule));
  if (!compiled.ok) throw new SpecRefused(compiled.refusals.map(ledBack));
  const mistyped = typeProblems(runOf(parsed.schedule).spec, expanded.used);
  if (mistyped.length > 0) throw new SpecRefused(bounded(mistyped.map(ledBack)));
  return { schedule: parsed.schedule, packFiles: filesOfShapes(expanded) };
}

export interface WrittenSchedule extends Pick<WrittenSpec, 'packFiles'> {
  schedule: ScheduleSpec;
}

const A_SCHEDULE: Refusal = {
  code: 'SPEC_INVALID',
  path: 'kind',
  problem: 'this is a schedule, and no run',
  fix: 'Put it into force with `waybill schedule add`, which first says all that is wrong with it.',
};

const AN_EXTENSION: Refusal = {
  code: 'SPEC_INVALID',
  path: 'kind',
  problem: 'these are items for a run that is open-ended, and no run',
  fix: 'Add them with `waybill extend <run> <file>`; `waybill validate` and `waybill plan` take them as they are.',
};

/** A slip in the word is better explained as a slip in it than as no run. */
function isKind(document: unknown, word: RegExp): boolean {
  const kind = (document as { kind?: unknown } | null)?.kind;
  return typeof kind === 'string' && word.test(kind);
}
