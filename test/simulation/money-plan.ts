/** What a simulated deployment may spend, and what it pays. */
import type { Caps } from '#core/money-rows.ts';
import { FARGATE_PRICES } from '#core/price-table.ts';
import { DEFAULT_CAPS } from '#core/purse.ts';
import { sourceOf } from './traits.ts';

export const PRICES = FARGATE_PRICES;

export interface MoneyPlan {
  tight: Caps;
  /** Until then there was more, and queues may have been handed what is too much now. */
  loweredMs: number;
  /** Somebody raises them then. */
  raisedMs: number;
}

/** Most deployments have more than they need; some have so little that many items wait until somebody raises a cap. */
export function moneyPlanOf(seed: number, startMs: number): MoneyPlan {
  const random = sourceOf({ seed, run: -1 }, 'money');
  if (!random.chance(0.3)) return { tight: DEFAULT_CAPS, loweredMs: startMs, raisedMs: startMs };
  const windows = {
    ...(random.chance(0.5) ? { dayMicroUsd: 20_000 + random.below(100_000) } : {}),
    ...(random.chance(0.3) ? { monthMicroUsd: 20_000 + random.below(150_000) } : {}),
  };
  const isAccountTight = Object.keys(windows).length === 0 || random.chance(0.5);
  const accountMicroUsd = isAccountTight ? 20_000 + random.below(200_000) : DEFAULT_CAPS.accountMicroUsd;
  const raisedMs = startMs + random.below(20 * 60_000);
  const loweredMs = random.chance(0.5) ? startMs + random.below(8 * 60_000) : startMs;
  return { tight: { accountMicroUsd, ...windows }, loweredMs, raisedMs };
}

export function capsAt({ tight, loweredMs, raisedMs }: MoneyPlan, nowMs: number, isHealed: boolean): Caps {
  return isHealed || nowMs < loweredMs || nowMs >= raisedMs ? DEFAULT_CAPS : tight;
}
