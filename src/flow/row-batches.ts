/** Rows that are written together: as many as one transaction takes. */
import type { NewRow } from '#core/admission.ts';
import { MAX_ADMISSION_BYTES, MAX_ENGINE_ACTIONS } from '#core/names.ts';
import type { Draft } from '#flow/transaction.ts';
import { bytesOf, jsonOf } from '#ports/run-store.ts';

/** Cut before either too many rows or too many bytes of them. Throws TerminalError ROW_TOO_LARGE. */
export function batchesOf(rows: readonly NewRow[]): NewRow[][] {
  const batches: NewRow[][] = [[]];
  let sizeBytes = 0;
  for (const row of rows) {
    const { pk, sk } = row.key;
    const rowBytes = bytesOf(jsonOf({ do: 'put', pk, sk, expect: 0, body: row.body }) ?? '');
    const { length = 0 } = batches.at(-1) ?? [];
    if (length === MAX_ENGINE_ACTIONS - 1 || (length > 0 && sizeBytes + rowBytes > MAX_ADMISSION_BYTES)) {
      batches.push([]);
      sizeBytes = 0;
    }
    batches.at(-1)?.push(row);
    sizeBytes += rowBytes;
  }
  return batches;
}

/** Writes those of the rows that are not there. */
export async function putMissing(draft: Draft, rows: readonly NewRow[]): Promise<void> {
  const present = await draft.read(rows.map(({ key }) => key));
  rows.forEach(({ key, body }, n) => {
    if (present[n] === null) draft.put(key, body);
  });
}
