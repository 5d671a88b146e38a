/**
 * Full: items that have been tried so often that no more of it fits into their row. A claim of one could not be written, and
 * neither could any other claim in the same transaction: it ends by itself, and nobody else has to wait for it.
 */
import { RECORD_FULL } from '@waybill/verify';
import type { ItemRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { ItemRef } from '#flow/items.ts';
import { endReady } from '#flow/short.ts';
import { MAX_ROW_BYTES } from '#ports/run-store.ts';

/** What one more attempt may add when nothing of its result can be kept. */
const ATTEMPT_BYTES = 16_000;

/** Of one that never ran it is not asked: it has as much room as it was admitted with. */
export function isFull(item: ItemRow): boolean {
  return item.attempt > 0 && Buffer.byteLength(JSON.stringify(item)) > MAX_ROW_BYTES - ATTEMPT_BYTES;
}

/** ready -> failed, if that is still so. */
export async function failFull(deps: FlowDeps, ref: ItemRef): Promise<void> {
  await endReady(deps, ref, async (_draft, _run, _spec, item) =>
    isFull(item) ? { closed: { state: 'failed', reason: RECORD_FULL } } : null,
  );
}
