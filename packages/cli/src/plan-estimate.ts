/** What a plan may cost, as far as that is known before a deployment has read it: its models, and not the time of workers. */
import type { PlanItem } from '@waybill/client/plan';
import type { AgentPrice } from './agent-price.ts';
import type { PlanShape } from './plan-shape.ts';

export interface Estimate {
  /** One attempt of every item; of one that becomes many, of as many as it may. */
  microUsd: number;
  /** As many attempts of each as its `retry` allows. No bound: attempts that count against no `retry` come on top. */
  retriedMicroUsd: number;
  /** Of the critical path, one attempt each. */
  criticalMicroUsd: number;
  /** Items with an agent that do not say what they may cost. */
  unsaid: number;
  /** What an attempt of each of those is reckoned at. */
  agentMicroUsd: number;
}

export function estimateOf(
  items: readonly PlanItem[],
  { slowest }: Pick<PlanShape, 'slowest'>,
  { microUsd: agentMicroUsd }: AgentPrice,
): Estimate {
  const critical = new Set(slowest.ids);
  const estimate: Estimate = { microUsd: 0, retriedMicroUsd: 0, criticalMicroUsd: 0, unsaid: 0, agentMicroUsd };
  for (const item of items) {
    const isAgent = item.pipeline.some(({ block }) => block === 'agent');
    if (item.maxMicroUsd === undefined && isAgent) estimate.unsaid += 1;
    const microUsd = item.maxMicroUsd ?? (isAgent ? agentMicroUsd : 0);
    const times = item.forEach?.max ?? 1;
    estimate.microUsd += microUsd * times;
    estimate.retriedMicroUsd += microUsd * times * item.retry.maxAttempts;
    if (critical.has(item.id)) estimate.criticalMicroUsd += microUsd;
  }
  return estimate;
}
