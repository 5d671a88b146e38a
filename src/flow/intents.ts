/**
 * The gate before the world: intents that an attempt left are read when it is settled and judged in the decision that makes its
 * item done. Nothing is carried out here or anywhere else.
 */
import type { OutputRef } from '@waybill/client/documents';
import type { EventOf, JudgedIntent } from '@waybill/verify';
import type { Ending } from '#core/attempt.ts';
import { DENY_ALL, type Intent, intentPolicyDigest, intentsAmong, judgeIntent, parseIntent } from '#core/intent.ts';
import { type AttemptRow, keys, type SpecRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { peek } from '#flow/transaction.ts';

export interface FoundIntent extends Pick<Intent, 'kind'> {
  output: OutputRef;
}

/** The item does not say that it writes. No second attempt changes that. */
const UNDECLARED: Ending = { outcome: 'policy_blocked', reason: 'intent_undeclared' };

/**
 * What of an attempt's outputs are intents; an item without any is asked nothing. Throws TerminalError INTENT_INVALID.
 * @returns how the attempt ends instead, where its item must not leave any
 */
export async function findIntents(
  deps: FlowDeps,
  { run, item }: Pick<AttemptRow, 'run' | 'item'>,
  outputs: readonly OutputRef[],
): Promise<{ intents: FoundIntent[] } | { ending: Ending }> {
  const found = intentsAmong(outputs);
  if (found.length === 0) return { intents: [] };
  const spec = await peek<SpecRow>(deps, keys.spec(run, item));
  if (spec?.item.effect !== 'write') return { ending: UNDECLARED };
  const intents: FoundIntent[] = [];
  for (const output of found) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await deps.artifacts.open(output.sha256)) chunks.push(chunk);
    intents.push({ output, kind: parseIntent(output.name, Buffer.concat(chunks), outputs).kind });
  }
  return { intents };
}

/** The verdicts, as the item's row keeps them and the record has them. */
export function judgeIntents(
  { intentPolicy = DENY_ALL }: FlowDeps,
  { item, attempt }: Pick<AttemptRow, 'item' | 'attempt'>,
  id: string,
  found: readonly FoundIntent[],
): { judged: JudgedIntent[]; event: EventOf<'intents.judged'> } {
  const judged = found.map(({ output: { name, sha256 }, kind }) => ({
    name,
    sha256,
    kind,
    ...judgeIntent(kind, intentPolicy),
  }));
  const policy = intentPolicyDigest(intentPolicy);
  const data = { item, attempt, id, phase: 'intent' as const, layer: 'deployment' as const, policy, intents: judged };
  return { judged, event: { type: 'intents.judged', data } };
}
