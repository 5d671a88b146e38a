/** What a function is told of money. Those that neither claim nor settle are not told, and hold none of this. */
import { TerminalError } from '@waybill/client/errors';
import { FARGATE_PRICES, type Pricing, pricingOf } from '#core/price-table.ts';
import { readSpending, type Spending } from '#core/spending.ts';
import { jsonSetting } from './settings.ts';

/** Throws TerminalError USAGE for what says nothing of the kind. */
export function spendingSetting(): Spending & { pricing: Pricing } {
  const { sizes = {}, ...document } = (jsonSetting('WAYBILL_SPENDING') ?? {}) as { sizes?: Pricing['sizes'] };
  try {
    const spending = readSpending(document, 'spending', FARGATE_PRICES);
    return { ...spending, pricing: pricingOf(spending.prices, sizes) };
  } catch (error) {
    const problem = `does not say what may be spent: ${String(error)}`;
    const fix = 'Deploy again: the stacks of lib/ set it.';
    throw new TerminalError({ code: 'USAGE', path: 'WAYBILL_SPENDING', problem, fix });
  }
}
