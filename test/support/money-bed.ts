/** A bed whose rows of money are watched, and in which attempts cost what the test says. */
import type { Execution } from '#adapters/in-process/executor.ts';
import { LOCAL_PRICES, type PriceTable, pricingOf } from '#core/price-table.ts';
import type { FlowBed, FlowBedOptions } from './embedded-flow.ts';
import { SUCCEEDED, withBed } from './finished-run.ts';
import { MoneyWatch } from './money-watch.ts';
import { observeRows } from './row-stream.ts';

export const USD = 1_000_000;

/** It ends well and says that it cost so much. */
export function costing(costMicroUsd: number): Execution {
  const tokens = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
  return { ...SUCCEEDED, usage: [{ block: 0, requested: 'claude-haiku-4-5', ...tokens, costMicroUsd }] };
}

export async function withMoney(
  options: FlowBedOptions & { prices?: Partial<PriceTable> },
  use: (bed: FlowBed, watch: MoneyWatch) => Promise<void>,
  watch: MoneyWatch = new MoneyWatch(),
): Promise<void> {
  const { prices = {}, adapt = (deps) => deps, ...rest } = options;
  await withBed(
    {
      ...rest,
      adapt: (deps) => {
        const pricing = pricingOf({ ...LOCAL_PRICES, ...prices });
        const adapted = adapt({ ...deps, pricing });
        return { ...adapted, store: observeRows(adapted.store, deps.store, (change) => watch.changed(change)) };
      },
    },
    (bed) => use(bed, watch),
  );
}
