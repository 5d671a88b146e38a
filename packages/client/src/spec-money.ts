/** Sums of money as authors write them: US dollars, down to a millionth. Everywhere else they are whole micro-USD. */
import * as z from 'zod';
import { LIMITS } from './limits.ts';
import { find } from './spec-fields.ts';

const MICRO = 1_000_000;

/** The number that is nearest to `microUsd` when it is written in dollars is the one that was written, or it was no such sum. */
export function microUsdOf(usd: number): number {
  return Math.round(usd * MICRO);
}

/** As an author wrote it. */
export function usdOf(microUsd: number): number {
  return microUsd / MICRO;
}

export const usd = z
  .number()
  .min(0)
  .max(LIMITS.usd)
  .superRefine((sum, context) => {
    if (usdOf(microUsdOf(sum)) === sum) return;
    find(context, 'SPEC_INVALID', `${sum} is no sum of money`, 'Write US dollars with at most six decimals.');
  });
