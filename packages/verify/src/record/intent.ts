/** Intents: what an item asks to have done outside. Files among its outputs, judged one by one; nothing carries them out. */
import type { Digest } from '../crypto/digest.ts';
import { digest, hex32, itemId, name, ordinal, outputName } from '../json/scalars.ts';
import { closed, listOf, oneOf, type Shape } from '../json/shape.ts';

/** Outputs of such names are intents, and of no item that does not say so. */
export const INTENT_PREFIX = 'outputs/.waybill/intents/';

export function isIntent(output: string): boolean {
  return output.startsWith(INTENT_PREFIX);
}

/** Why an intent is allowed or denied: each verdict has its own reasons. */
export const INTENT_REASONS = { allow: 'kind_allowed', deny: 'kind_not_allowed' } as const;

export interface JudgedIntent {
  /** Of the output that holds it. */
  name: string;
  sha256: Digest;
  kind: string;
  verdict: keyof typeof INTENT_REASONS;
  reason: (typeof INTENT_REASONS)[keyof typeof INTENT_REASONS];
}

export interface IntentsJudged {
  item: string;
  attempt: number;
  id: string;
  phase: 'intent';
  /** Which layer of the policy decided, and the digest of that policy. */
  layer: 'deployment';
  policy: Digest;
  /** In the order of the outputs. */
  intents: JudgedIntent[];
}

export const intentsJudged: Shape<IntentsJudged> = closed<IntentsJudged>({
  item: itemId,
  attempt: ordinal,
  id: hex32,
  phase: oneOf('intent'),
  layer: oneOf('deployment'),
  policy: digest,
  intents: listOf(
    closed<JudgedIntent>({
      name: outputName,
      sha256: digest,
      kind: name,
      verdict: oneOf('allow', 'deny'),
      reason: oneOf('kind_allowed', 'kind_not_allowed'),
    }),
    1,
  ),
});
