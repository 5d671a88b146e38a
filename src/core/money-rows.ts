/**
 * Rows of money. What a deployment may still spend is handed to its queues in pieces, and each keeps its piece in its own row:
 * claims and settles write that anyway, so that they meet the ledger, which all queues share, only now and then.
 *
 *   money            ledger              what was handed out, of which cap
 *   run/<run>        purse               of a run with a cap: what is reserved and spent
 *                    short/<rank>        items that wait until something of the cap is given back
 */
import type { Key } from '#core/rows.ts';

export const moneyKeys = {
  ledger: (): Key => ({ pk: 'money', sk: 'ledger' }),
  runPurse: (run: string): Key => ({ pk: `run/${run}`, sk: 'purse' }),
  short: (run: string, rank: string): Key => ({ pk: `run/${run}`, sk: `short/${rank}` }),
};

/** Caps of the deployment; days and months are those of UTC. */
export interface Caps {
  accountMicroUsd: number;
  monthMicroUsd?: number;
  dayMicroUsd?: number;
}

export type CapName = 'account' | 'month' | 'day';
export type Percent = 50 | 80 | 100;

export interface Handed {
  /** `2026-11-21`, `2026-11`; of the account `ever`. */
  of: string;
  /** Spent, reserved, or in the purse of a queue. Taken back it is less. */
  microUsd: number;
  /** As far as somebody was told of it. */
  told?: Percent;
}

export interface LedgerRow {
  caps: Caps;
  handed: Record<CapName, Handed>;
  /** Queues that wait for something to be given back, or for the next day. */
  waiting: string[];
}

/** What a queue has of one day. What was reserved on a day is that day's, whenever it is settled. */
export interface Pocket {
  freeMicroUsd: number;
  heldMicroUsd: number;
}

export interface Purse {
  /** By day. */
  pockets: Record<string, Pocket>;
  /** Others wait, or a cap is passed: what becomes free is given back at once. */
  asked?: true;
}

export interface RunPurseRow {
  heldMicroUsd: number;
  spentMicroUsd: number;
  told?: Percent;
  /** Somebody waits for what is given back. */
  awaited?: true;
}

export interface ShortRow {
  item: string;
}
