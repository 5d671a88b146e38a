/** The open set of a run that may grow: more items come into it, and it may be held open. */

import { NO_COUNTS } from '@waybill/verify';
import { openChunkOf } from '#core/admission.ts';
import { HELD_OPEN } from '#core/growth.ts';
import { keys, type OpenRow, type Tally } from '#core/rows.ts';
import { without } from '#core/sets.ts';
import { subtractTally } from '#core/tally.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { completeRun, required } from '#flow/items.ts';
import { type Draft, peek } from '#flow/transaction.ts';

/**
 * Puts new items into the open set: the row that came last is filled first, so that the root has an entry for each hundred and not
 * for each time that some came. Resolves with the place of the first.
 */
export async function openMore(draft: Draft, run: string, ids: readonly string[]): Promise<number> {
  const rootKey = keys.openRoot(run);
  const places = required(required(await draft.readOne<OpenRow>(rootKey), rootKey).places, rootKey);
  const rows = Map.groupBy(ids.entries(), ([n]) => openChunkOf(places + n));
  for (const [n, some] of rows)
    await fillRow(
      draft,
      run,
      n,
      some.map(([, id]) => id),
    );
  const root = required(await draft.readOne<OpenRow>(rootKey), rootKey);
  draft.put(rootKey, { ...root, places: places + ids.length } satisfies OpenRow);
  return places;
}

/**
 * Puts ids into a row of the open set. One that was empty stands in the root again, which does not count what stands in it.
 * @param less what the ids have added to the numbers of the row
 */
export async function fillRow(
  draft: Draft,
  run: string,
  n: number,
  ids: readonly string[],
  less?: Tally,
): Promise<void> {
  const [key, rootKey] = [keys.open(run, n), keys.openRoot(run)];
  const [found, foundRoot] = await draft.read<OpenRow>([key, rootKey]);
  const open = found ?? { ids: [], tally: NO_COUNTS };
  if (open.ids.length === 0) {
    const root = required(foundRoot, rootKey);
    const tally = subtractTally(root.tally, open.tally);
    draft.put(rootKey, { ...root, ids: [...root.ids, String(n)], tally } satisfies OpenRow);
  }
  const tally = less === undefined ? open.tally : subtractTally(open.tally, less);
  draft.put(key, { ids: [...open.ids, ...ids], tally } satisfies OpenRow);
}

/** The items that have not ended, by the rows of the open set that they are in. Of what was added last some may not be written yet. */
export async function* openItems(deps: FlowDeps, run: string): AsyncGenerator<{ n: number; ids: string[] }> {
  const root = await peek<OpenRow>(deps, keys.openRoot(run));
  for (const id of root?.ids ?? []) {
    if (id === HELD_OPEN) continue;
    const open = await peek<OpenRow>(deps, keys.open(run, Number(id)));
    if (open) yield { n: Number(id), ids: open.ids };
  }
}

/** The run is not held open any more. Resolves with whether it is completed by that. */
export async function holdNoLonger(draft: Draft, run: string): Promise<boolean> {
  const key = keys.openRoot(run);
  const root = required(await draft.readOne<OpenRow>(key), key);
  if (!root.ids.includes(HELD_OPEN)) return false;
  const left: OpenRow = { ...root, ids: without(root.ids, HELD_OPEN) };
  draft.put(key, left);
  if (left.ids.length > 0) return false;
  await completeRun(draft, run, left);
  return true;
}
