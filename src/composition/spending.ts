/** What is wrong with what an operator says of money, for whoever writes it down before a function reads it. */
import { WaybillError } from '@waybill/client/errors';
import { FARGATE_PRICES } from '#core/price-table.ts';
import { readSpending } from '#core/spending.ts';

/** Null: a function reads it. */
export function spendingMistake(document: unknown): { path: string; problem: string } | null {
  try {
    readSpending(document, 'spending', FARGATE_PRICES);
    return null;
  } catch (error) {
    if (error instanceof WaybillError) return { path: error.path, problem: error.problem };
    throw error;
  }
}
