/**
 * Verify: what an outsider does with the sealed file, done once by the deployment itself with the same verifier and its
 * own public keys. It changes nothing; a bundle that fails here is an alarm.
 */
import { type VerifyReport, verifyBundle } from '@waybill/verify';
import { keys, type RunRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { peek } from '#flow/transaction.ts';

/** The report on a sealed run; null when there is no bundle yet. */
export async function verifySealed(deps: FlowDeps, run: string): Promise<VerifyReport | null> {
  const bundle = (await peek<RunRow>(deps, keys.run(run)))?.bundle;
  const bytes = bundle ? await deps.ledger.open(bundle.key) : null;
  if (bytes === null) return null;
  return verifyBundle(bytes, { trust: deps.signer.trust, expectRun: run });
}
