/** The signer of a function that lives for hours, told again and again what the log says of keys. */
import { RetryableError } from '@waybill/client/errors';
import { canonicalize, type TrustedKey } from '@waybill/verify';
import type { FlowDeps } from '#flow/deps.ts';
import { loggedKeys } from '#flow/keys.ts';

/** To be called before each batch in which something is signed. It reads one row; keys that changed since are adopted. */
export function keysInForce(flow: FlowDeps): () => Promise<void> {
  let adopted = '';
  return async () => {
    const logged = await requireBegun(flow);
    const text = canonicalize(logged);
    if (text === adopted) return;
    await flow.signer.adopt(logged);
    adopted = text;
  };
}

/**
 * The keys as the log has them. Throws RetryableError LOG_NOT_BEGUN before the sequencer has entered the first: by then
 * the queues are defined too, so nothing is refused for want of them in the first minute of a deployment.
 */
export async function requireBegun(flow: FlowDeps): Promise<TrustedKey[]> {
  const logged = await loggedKeys(flow);
  if (logged.length > 0) return logged;
  throw new RetryableError({
    code: 'LOG_NOT_BEGUN',
    path: 'log',
    problem: 'the log of this deployment has no keys yet',
    fix: 'Wait: the reconciler asks the sequencer to enter them within a minute of the deployment.',
  });
}
