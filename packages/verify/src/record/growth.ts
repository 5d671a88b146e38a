/**
 * How one item of a plan becomes many, one for each output of another. Which they are follows from the plan and from those
 * outputs alone: the engine adds them by these rules, and the verifier finds them again by the same.
 */
import { type Digest, digestOf } from '../crypto/digest.ts';
import { canonicalize } from '../json/jcs.ts';
import type { PlannedForEach, PlannedNeed, RecordedOutput } from './events.ts';

/** Reasons of an item that became many: those that ended it, and none other. */
export const ALL_DONE = 'all_done';
export const NO_OUTPUTS = 'no_outputs';
export const TOO_MANY_OUTPUTS = 'too_many_outputs';

const FOLDER = 'outputs/';
/** Places of the number in the key of an input, so that the order of the names is the order of the items. */
const PLACES = 3;

/** The paths under outputs/, in the order of their names; the first is worked off by the first of the many. */
export function outputsUnder({ outputs: start }: PlannedForEach, left: readonly RecordedOutput[]): string[] {
  return left
    .flatMap(({ name: path }) => (path.startsWith(`${FOLDER}${start}`) ? [path.slice(FOLDER.length)] : []))
    .sort();
}

/** @param place from 0 */
export function branchId(id: string, place: number): string {
  return `${id}~${place + 1}`;
}

/**
 * What one of the many does: what the item says that it became, for the one output.
 * @param template the digest of that item
 * @param place from 0
 */
export function branchSpec(template: Digest, place: number, output: string): Digest {
  return digestOf(`waybill-branch/v1\n${canonicalize({ output, place: place + 1, spec: template })}`);
}

/** In the order of their outputs. */
export function branchIds(id: string, count: number): string[] {
  return Array.from({ length: count }, (_, place) => branchId(id, place));
}

/** What the item itself needs, and the one output. Sorted by key. */
export function branchNeeds(
  { from, as }: PlannedForEach,
  needs: readonly PlannedNeed[],
  output: string,
): PlannedNeed[] {
  return [...needs, { key: as, from: [from], select: { output } }].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Whom it takes from, and nobody else: what the item itself waited for has ended before. */
export function branchDeps(needs: readonly PlannedNeed[]): string[] {
  return [...new Set(needs.flatMap(({ from }) => from))].sort();
}

/**
 * The needs as they are met: one that takes from `each` of the many becomes one for every one of them that is done, under
 * the keys `<key>.001`, `<key>.002` and so on by their places.
 * @param branchesOf null: it became none
 */
export function spreadNeeds(
  needs: readonly PlannedNeed[],
  branchesOf: (id: string) => readonly string[] | null,
  isDone: (id: string) => boolean,
): PlannedNeed[] {
  return needs.flatMap((need): PlannedNeed[] => {
    if (need.each === undefined) return [need];
    return (branchesOf(need.from[0] ?? '') ?? []).flatMap((id, place): PlannedNeed[] =>
      isDone(id) ? [{ key: eachKey(need.key, place), from: [id], select: need.select }] : [],
    );
  });
}

/** @param place from 0 */
export function eachKey(key: string, place: number): string {
  return `${key}.${String(place + 1).padStart(PLACES, '0')}`;
}
