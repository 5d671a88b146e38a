/**
 * Sets of ids in two levels: a root of at most a hundred entries and rows of at most a hundred ids. Removing is
 * idempotent, and emptying a row removes it from the root in the same transaction, so the root is empty exactly once.
 * Counters would be wrong as soon as one message is delivered twice.
 */
import { MAX_SET_IDS } from '#core/names.ts';

export interface ChunkedSet {
  /** Ids, or `#<n>` for row n. */
  root: string[];
  rows: string[][];
}

export function chunk<T>(values: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < values.length; start += size) chunks.push(values.slice(start, start + size));
  return chunks;
}

/** Up to a hundred ids stand in the root itself; more stand in rows. */
export function chunkedSet(ids: readonly string[]): ChunkedSet {
  if (ids.length <= MAX_SET_IDS) return { root: [...ids], rows: [] };
  const rows = chunk(ids, MAX_SET_IDS);
  return { root: rows.map((_ids, n) => `#${n}`), rows };
}

export function without(ids: readonly string[], id: string): string[] {
  // Rows are frozen, and of a frozen array a copy by iteration takes a hundredth of what slice, filter or toSpliced take.
  const left = [...ids];
  const at = left.indexOf(id);
  if (at >= 0) left.splice(at, 1);
  return left;
}

/** The place of an id in a sorted list, or -1: a list of thousands is asked once for each of its ids. */
export function placeIn(sorted: readonly string[], id: string): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = sorted[middle] as string;
    if (found === id) return middle;
    if (found < id) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
