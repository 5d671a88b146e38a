/** What the engine of a state directory reckons an attempt with an agent at, when its item says nothing. */
import { existsSync } from 'node:fs';
import { DEFAULTS } from '@waybill/client/limits';
import { runBeside } from './offline-program.ts';
import type { StateDirectory } from './state-directory.ts';

export interface AgentPrice {
  microUsd: number;
  /** Nobody has set it where it was looked for. */
  isDefault: boolean;
}

const DEFAULT: AgentPrice = { microUsd: DEFAULTS.agentMicroUsd, isDefault: true };

/**
 * Null for a deployment, whose own prices are not read. Throws TerminalError USAGE, as the engine does when it starts, for a
 * `spending.json` that it would refuse.
 */
export async function agentPrice(home: StateDirectory | null): Promise<AgentPrice> {
  if (home === null || !existsSync(home.at('spending.json'))) return DEFAULT;
  const { agentMicroUsd: microUsd } = await runBeside<{ agentMicroUsd?: number }>(home, 'spending');
  return microUsd === undefined ? DEFAULT : { microUsd, isDefault: false };
}
