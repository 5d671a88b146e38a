/** What models and computing cost. Money is whole micro-USD; every product is rounded up. */
import { DEFAULTS } from '@waybill/client/limits';
import { canonicalize, type Digest, digestOf } from '@waybill/verify';

/** For a million tokens each. */
export interface ModelPrice {
  inputMicroUsd: number;
  outputMicroUsd: number;
  /** Input that is read from a cache. */
  cachedMicroUsd: number;
}

export interface PriceTable {
  /** Whatever its author calls it; its digest tells tables apart. */
  version: string;
  models: Record<string, ModelPrice>;
  vCpuHourMicroUsd: number;
  gbHourMicroUsd: number;
  /** A worker is paid for at least so long. */
  leastMs?: number;
  /** Reckoned for the models of an attempt with an agent, where nobody says more. */
  agentMicroUsd: number;
}

/** What a worker has: 1,024 units are a vCPU. */
export interface WorkerSize {
  cpuUnits: number;
  memoryMiB: number;
}

export interface Pricing {
  table: PriceTable;
  digest: Digest;
  /** Of workers, by environment; `default` stands for all that are not named. */
  sizes: Readonly<Record<string, WorkerSize>>;
}

/** List prices in US dollars as they were published for these models; a deployment that pays others says so. */
const MODELS: Record<string, ModelPrice> = {
  'claude-opus-4-1': { inputMicroUsd: 15_000_000, outputMicroUsd: 75_000_000, cachedMicroUsd: 1_500_000 },
  'claude-opus-4-5': { inputMicroUsd: 5_000_000, outputMicroUsd: 25_000_000, cachedMicroUsd: 500_000 },
  'claude-sonnet-4-5': { inputMicroUsd: 3_000_000, outputMicroUsd: 15_000_000, cachedMicroUsd: 300_000 },
  'claude-haiku-4-5': { inputMicroUsd: 1_000_000, outputMicroUsd: 5_000_000, cachedMicroUsd: 100_000 },
};

/** Nobody sends a bill for the machine that it runs on. */
export const LOCAL_PRICES: PriceTable = {
  version: 'waybill-local-1',
  models: MODELS,
  vCpuHourMicroUsd: 0,
  gbHourMicroUsd: 0,
  agentMicroUsd: DEFAULTS.agentMicroUsd,
};

/** Fargate on x86 in us-east-1, on demand: from the pulling of the image on, and at least a minute. */
export const FARGATE_PRICES: PriceTable = {
  ...LOCAL_PRICES,
  version: 'waybill-fargate-2',
  vCpuHourMicroUsd: 40_480,
  gbHourMicroUsd: 4_445,
  leastMs: 60_000,
};

const DEFAULT_SIZE: WorkerSize = { cpuUnits: 1024, memoryMiB: 2048 };

export function pricingOf(table: PriceTable, sizes: Pricing['sizes'] = {}): Pricing {
  return { table, digest: digestOf(canonicalize(table)), sizes: { default: DEFAULT_SIZE, ...sizes } };
}

/** A worker of that environment for that time, begun seconds whole; at least for as long as one is paid for. */
export function computeMicroUsd({ table, sizes }: Pricing, environment: string, ms: number): number {
  if (table.vCpuHourMicroUsd === 0 && table.gbHourMicroUsd === 0) return 0;
  const { cpuUnits, memoryMiB } = sizes[environment] ?? sizes.default ?? DEFAULT_SIZE;
  const seconds = BigInt(Math.ceil(Math.max(table.leastMs ?? 0, ms, 0) / 1_000));
  const hourly = BigInt(cpuUnits) * BigInt(table.vCpuHourMicroUsd) + BigInt(memoryMiB) * BigInt(table.gbHourMicroUsd);
  return roundedUp(seconds * hourly, 1024n * 3600n);
}

export interface Tokens {
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
}

/** Of a model that the table does not name: the dearest of each that it does. */
export function priceOf({ models }: PriceTable, model: string): ModelPrice & { unpriced: boolean } {
  const known = Object.hasOwn(models, model) ? models[model] : undefined;
  if (known !== undefined) return { ...known, unpriced: false };
  const dearest = (key: keyof ModelPrice): number =>
    Object.values(models).reduce((most, price) => Math.max(most, price[key]), 0);
  return {
    inputMicroUsd: dearest('inputMicroUsd'),
    outputMicroUsd: dearest('outputMicroUsd'),
    cachedMicroUsd: dearest('cachedMicroUsd'),
    unpriced: true,
  };
}

export function tokensMicroUsd(price: ModelPrice, { inputTokens, outputTokens, cachedTokens }: Tokens): number {
  const sum =
    BigInt(inputTokens) * BigInt(price.inputMicroUsd) +
    BigInt(outputTokens) * BigInt(price.outputMicroUsd) +
    BigInt(cachedTokens) * BigInt(price.cachedMicroUsd);
  return roundedUp(sum, 1_000_000n);
}

function roundedUp(dividend: bigint, divisor: bigint): number {
  return Number((dividend + divisor - 1n) / divisor);
}
