/** What an attempt reserves, and what it is charged. Where readings differ the dearer one counts. Pure. */
import { DEFAULTS } from '@waybill/client/limits';
import type { PlanItem } from '@waybill/client/plan';
import { type ClaimedResult, type ClaimedUsage, isUnaccounted, mostOfModels, type SettledCost } from '@waybill/verify';
import { ATTEMPT_GRACE_MS } from '#core/names.ts';
import { computeMicroUsd, type Pricing, priceOf, tokensMicroUsd } from '#core/price-table.ts';
import type { ItemRow } from '#core/rows.ts';

type Priced = Pick<PlanItem, 'environment' | 'maxMicroUsd' | 'pipeline' | 'timeoutMs'>;

/**
 * The longest that its worker may go on, and what its models are reckoned at.
 * @param startMs how much longer than usual a start may take
 */
export function reservationOf(item: Priced, pricing: Pricing, startMs: number): number {
  const longestMs = startMs + item.timeoutMs + ATTEMPT_GRACE_MS;
  const ofModels = item.maxMicroUsd ?? (agentsOf(item).length > 0 ? pricing.table.agentMicroUsd : 0);
  return computeMicroUsd(pricing, environmentOf(item), longestMs) + ofModels;
}

export interface Spent {
  item: Priced;
  reservedMicroUsd: number;
  /** Since its claim. */
  tookMs: number;
  claimed: ClaimedResult;
  /** Only its worker may have been made ready: it ran no block. */
  neverStarted?: true;
}

/** Of an attempt that was launched, or may have been. Undefined where that is nothing. */
export function costOf(spent: Spent, pricing: Pricing): SettledCost | undefined {
  const { item, reservedMicroUsd, tookMs, claimed } = spent;
  const compute = computeMicroUsd(pricing, environmentOf(item), tookMs);
  const models = modelsOf(claimed.usage ?? [], pricing);
  const ofModels = models.reduce((sum, { microUsd }) => sum + microUsd, 0);
  const cut = Math.max(0, ofModels - mostOfModels(reservedMicroUsd));
  const assumed = spent.neverStarted ? 0 : assumedOf(spent, pricing, compute);
  const microUsd = compute + ofModels - cut + assumed;
  if (microUsd === 0) return undefined;
  return {
    microUsd,
    computeMicroUsd: compute,
    models,
    assumedMicroUsd: assumed,
    ...(cut === 0 ? {} : { cutMicroUsd: cut }),
    prices: pricing.digest,
  };
}

/** For what nobody says. */
function assumedOf({ item, claimed, reservedMicroUsd }: Spent, { table }: Pricing, computeMicroUsd: number): number {
  if (isUnaccounted(claimed)) return Math.max(0, reservedMicroUsd - computeMicroUsd);
  return isSilent(item, claimed) ? (item.maxMicroUsd ?? table.agentMicroUsd) : 0;
}

type ItemCost = Pick<ItemRow, 'costMicroUsd' | 'modelMicroUsd' | 'cutMicroUsd'>;

/** An item with one attempt more that has been paid for. */
export function withCost(
  { costMicroUsd = 0, modelMicroUsd, cutMicroUsd = 0 }: ItemCost,
  { microUsd, models, cutMicroUsd: more = 0 }: SettledCost,
): ItemCost {
  const cut = cutMicroUsd + more;
  const whole = { costMicroUsd: costMicroUsd + microUsd, ...(cut === 0 ? {} : { cutMicroUsd: cut }) };
  if (models.length === 0) return modelMicroUsd === undefined ? whole : { ...whole, modelMicroUsd };
  const sums = { ...modelMicroUsd };
  for (const { model, microUsd: more } of models) sums[model] = (sums[model] ?? 0) + more;
  return { ...whole, modelMicroUsd: sums };
}

/**
 * Nobody says what one of its agents used, or what a block says could not be read. By the plan: that an agent was never come to
 * is the word of the worker.
 */
function isSilent(item: Priced, { usage = [], usageUnread }: ClaimedResult): boolean {
  return usageUnread === true || agentsOf(item).some((place) => !usage.some(({ block }) => block === place));
}

/** Their places in the pipeline. */
function agentsOf({ pipeline }: Priced): number[] {
  return pipeline.flatMap(({ block }, place) => (block === 'agent' ? [place] : []));
}

function modelsOf(usage: readonly ClaimedUsage[], { table }: Pricing): SettledCost['models'] {
  const models = new Map<string, SettledCost['models'][number]>();
  for (const one of usage) {
    const { requested, served = requested, costMicroUsd = 0 } = one;
    const readings = [requested, served].map((model) => {
      const price = priceOf(table, model);
      return { model, unpriced: price.unpriced, microUsd: Math.max(costMicroUsd, tokensMicroUsd(price, one)) };
    });
    const dearest = readings.reduce((a, b) => (b.microUsd >= a.microUsd ? b : a));
    const before = models.get(dearest.model)?.microUsd ?? 0;
    models.set(dearest.model, {
      model: dearest.model,
      microUsd: before + dearest.microUsd,
      ...(dearest.unpriced ? { unpriced: true as const } : {}),
    });
  }
  return [...models.values()];
}

function environmentOf({ environment = DEFAULTS.environment }: Priced): string {
  return environment;
}
