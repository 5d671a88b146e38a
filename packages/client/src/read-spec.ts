import { compileFlow } from './compile-flow.ts';
import { compileItems } from './compile-plan.ts';
import type { Refusal } from './errors.ts';
import { readIncluded } from './included-files.ts';
import { checkRun, checkSchedule } from './parse-spec.ts';
import type { PlanItem } from './plan.ts';
import { readDocument } from './read-document.ts';
import { readYaml } from './read-yaml.ts';
import { placedInSchedule, runOf, type ScheduleSpec } from './schedule.ts';
import type { RunSpec } from './spec.ts';
import { SpecRefused } from './spec-refused.ts';

/** What a person wrote, as the run spec that it is or becomes. */
export interface WrittenSpec {
  run: RunSpec;
  items: PlanItem[];
  /** Of a flow: the path of the task that each item comes from, in the order of the items. */
  origins: string[] | null;
}

/**
 * Reads a run spec or a flow, in YAML or JSON, with what a flow includes. Throws SpecRefused with everything that is wrong.
 * @param baseDir directory of the file; nothing above it is included
 */
export async function readSpec(bytes: Uint8Array, baseDir: string): Promise<WrittenSpec> {
  const read = readDocument(bytes, readYaml);
  if (!read.ok) throw new SpecRefused(read.refusals);
  if (isKind(read.value, /^schedule/i)) throw new SpecRefused([A_SCHEDULE]);
  if (!isKind(read.value, /^flow/i)) {
    const parsed = checkRun(read.value);
    if (!parsed.ok) throw new SpecRefused(parsed.refusals);
    const judged = compileItems(parsed.run);
    if (!judged.ok) throw new SpecRefused(judged.refusals);
    return { run: parsed.run, items: judged.items, origins: null };
  }
  const compiled = compileFlow(read.value, await readIncluded(read.value, bytes.length, baseDir));
  if (!compiled.ok) throw new SpecRefused(compiled.refusals);
  return { run: compiled.run, items: compiled.items, origins: compiled.origins };
}

/** Reads a schedule, in YAML or JSON. Throws SpecRefused with everything that is wrong, by its path in the schedule. */
export function readSchedule(bytes: Uint8Array): ScheduleSpec {
  const read = readDocument(bytes, readYaml);
  const parsed = read.ok ? checkSchedule(read.value) : read;
  if (!parsed.ok) throw new SpecRefused(parsed.refusals);
  const compiled = compileItems(runOf(parsed.schedule));
  if (!compiled.ok) throw new SpecRefused(compiled.refusals.map(placedInSchedule));
  return parsed.schedule;
}

const A_SCHEDULE: Refusal = {
  code: 'SPEC_INVALID',
  path: 'kind',
  problem: 'this is a schedule, and no run',
  fix: 'Put it into force with `waybill schedule add`, which first says all that is wrong with it.',
};

/** A slip in the word is better explained as a slip in it than as no run. */
function isKind(document: unknown, word: RegExp): boolean {
  const kind = (document as { kind?: unknown } | null)?.kind;
  return typeof kind === 'string' && word.test(kind);
}
