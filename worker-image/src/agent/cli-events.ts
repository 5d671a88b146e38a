/** What a command line agent says on stdout, one JSON object a line. Its words are hostile: each is read as strictly as it is needed. */
import type { ClaimedUsage } from '@waybill/verify';
import { MODEL_NAME } from '#core/names.ts';
import { MAX_TOKENS } from '#core/usage-document.ts';
import { AgentEnded } from '../agent-endings.ts';
import type { JsonObject } from '../json-values.ts';

export type AgentUsage = Omit<ClaimedUsage, 'block'>;
export type AgentEvent = JsonObject;

/** What an agent leaves when it ends well. */
export interface AgentEnd {
  /** Null when it did not say: then what was reckoned is charged. */
  usage: AgentUsage[] | null;
  /** Its last message. */
  reply: string;
}

export interface EventReader {
  /** Lines for the log. Throws AgentEnded. */
  take(event: AgentEvent): string[];
  /** What it had used when it ended, however that was; null when it did not say. */
  usage(): AgentUsage[] | null;
  /** Once nothing more comes. Throws AgentEnded when it did not end well. */
  end(exit: number | null): AgentEnd;
}

/** Where nobody says which model answered: no table names it, so that it is charged as the dearest. */
export const UNKNOWN_MODEL = 'unknown';

const MAX_COST_USD = 10_000;

/** Nothing is none; what is no number of tokens is no usage. */
export function tokensOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TOKENS) return value as number;
  throw unclear('it counts its tokens in what is no number');
}

/** Rounded up. */
export function microUsdOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= MAX_COST_USD) return Math.ceil(value * 1_000_000);
  throw unclear('it says that it cost what is no sum');
}

export function modelOf(value: unknown): string {
  if (typeof value === 'string' && MODEL_NAME.test(value)) return value;
  throw unclear('it names no model where one belongs');
}

export function unclear(problem: string): AgentEnded {
  return new AgentEnded('agent_unclear', problem);
}
