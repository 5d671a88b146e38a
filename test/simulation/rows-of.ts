/** The rows of an item, which are never missing. */
import { type ItemRow, keys, type SpecRow } from '#core/rows.ts';
import type { RowTable } from './row-table.ts';
import { mustHold } from './violation.ts';

/** What the item is. */
export function specOf(table: RowTable, run: string, id: string): SpecRow {
  const spec = table.body<SpecRow>(keys.spec(run, id));
  mustHold(spec !== null, 'I9', `item ${id} of ${run} has no spec`);
  return spec;
}

/** Where the item stands. */
export function rowOf(table: RowTable, run: string, id: string): ItemRow {
  const row = table.body<ItemRow>(keys.item(run, id));
  mustHold(row !== null, 'I9', `item ${id} of ${run} is gone`);
  return row;
}
