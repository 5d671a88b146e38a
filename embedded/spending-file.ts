/** `spending.json` of a state directory. */
import { LOCAL_PRICES, type PriceTable } from '#core/price-table.ts';
import { readSpending, SPENDING_FIX, type Spending } from '#core/spending.ts';
import { written } from '#embedded/written.ts';

/** Throws TerminalError USAGE with the paths of all that is wrong. */
export function readSpendingFile(directory: string, prices: PriceTable = LOCAL_PRICES): Spending {
  return readSpending(written(directory, 'spending.json', SPENDING_FIX), 'spending.json', prices);
}
