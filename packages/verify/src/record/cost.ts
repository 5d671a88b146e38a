/** What attempts cost, as events say it. Money is whole micro-USD: a millionth of a US dollar. */
import type { Digest } from '../crypto/digest.ts';
import { count, digest } from '../json/scalars.ts';
import { closed, integer, listOf, oneOf, type Shape, text } from '../json/shape.ts';

/** What a block says it used of a model; `served` is named where another model answered than was asked. */
export interface ClaimedUsage {
  /** Its place in the pipeline. */
  block: number;
  requested: string;
  served?: string;
  /** Without those that were read from a cache. */
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  /** What the agent says it cost. */
  costMicroUsd?: number;
}

/** What the platform charges for an attempt: `microUsd` is the sum of the next three, less what is cut. */
export interface SettledCost {
  microUsd: number;
  computeMicroUsd: number;
  /** By model; unpriced: it is not in the table, and the dearest price was taken. */
  models: { model: string; microUsd: number; unpriced?: true }[];
  /** Charged because nobody knows what was used. */
  assumedMicroUsd: number;
  /** What its models come to beyond the most that one attempt is charged for them; absent where they are within that. */
  cutMicroUsd?: number;
  /** Digest of the price table. */
  prices: Digest;
}

/** How much of the cap of the run is spent. */
export interface CapReached {
  cap: 'run';
  percent: 50 | 80 | 100;
  limitMicroUsd: number;
  spentMicroUsd: number;
}

/** Ten million US dollars: of so many amounts as a run has attempts the sum is still a safe integer. */
export const MAX_MICRO_USD = 10_000_000_000_000;

/** So many times what an attempt had reserved, or what an agent is reckoned at, whichever is more. */
const MOST_TIMES = 10;
const AGENT_MICRO_USD = 1_000_000;

/**
 * The most that one attempt is charged for its models, whatever it claims. What it says is its word, and counts against the caps
 * of all; engine and verifier reckon by what the record has of it.
 */
export function mostOfModels(reservedMicroUsd: number): number {
  return Math.min(MAX_MICRO_USD, MOST_TIMES * Math.max(reservedMicroUsd, AGENT_MICRO_USD));
}

/** Whether nobody knows what an attempt that may have run has used: it left no result, or none that could be read. */
export function isUnaccounted({ outcome }: { outcome?: unknown }): boolean {
  return outcome === undefined;
}

export const amount: Shape<number> = integer(0, MAX_MICRO_USD);
const model = text(/^[!-~]{1,128}$/, 'a model');

export const claimedUsage: Shape<ClaimedUsage[]> = listOf(
  closed<ClaimedUsage>({
    block: count,
    requested: model,
    served: { optional: model },
    inputTokens: count,
    outputTokens: count,
    cachedTokens: count,
    costMicroUsd: { optional: amount },
  }),
  1,
);

export const settledCost: Shape<SettledCost> = closed<SettledCost>({
  microUsd: amount,
  computeMicroUsd: amount,
  models: listOf(
    closed<SettledCost['models'][number]>({ model, microUsd: amount, unpriced: { optional: oneOf(true) } }),
  ),
  assumedMicroUsd: amount,
  cutMicroUsd: { optional: integer(1, MAX_MICRO_USD) },
  prices: digest,
});

export const capReached: Shape<CapReached> = closed<CapReached>({
  cap: oneOf('run'),
  percent: oneOf(50, 80, 100),
  limitMicroUsd: amount,
  spentMicroUsd: count,
});
