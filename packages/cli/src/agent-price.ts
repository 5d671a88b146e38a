/** What the engine of a state directory reckons an attempt with an agent at, when its item says nothing. */
import { readFileSync } from 'node:fs';
import { DEFAULTS } from '@waybill/client/limits';
import type { StateDirectory } from './state-directory.ts';

export interface AgentPrice {
  microUsd: number;
  /** Nobody has set it where it was looked for. */
  isDefault: boolean;
}

const DEFAULT: AgentPrice = { microUsd: DEFAULTS.agentMicroUsd, isDefault: true };

/** Null for a deployment, whose own prices are not read. What the engine would refuse counts as not said. */
export function agentPrice(home: StateDirectory | null): AgentPrice {
  if (home === null) return DEFAULT;
  try {
    const { prices } = JSON.parse(readFileSync(home.at('spending.json'), 'utf8')) as {
      prices?: { agentMicroUsd?: unknown };
    };
    const microUsd = prices?.agentMicroUsd;
    return Number.isSafeInteger(microUsd) && Number(microUsd) >= 0
      ? { microUsd: Number(microUsd), isDefault: false }
      : DEFAULT;
  } catch {
    return DEFAULT;
  }
}
